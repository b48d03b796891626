"""A running interview that tests answer from several pages: one-line calls with defaults, and looks at what is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from booking_desk import Desk

from store import answers, questions, sessions
from store.questions import Question

FIRST, SECOND, THIRD = "first-page-01234567", "second-page-9876543", "third-page-55555555"
ASKED = (Question("Who are you?"), Question("Quick one?", "text", 60), Question("Say it.", "audio"))


@dataclass
class Room:
    """The session of an interview whose booked times are `start` and `end`; `now` is when the next call happens."""

    desk: Desk
    session_id: int
    start: datetime
    end: datetime
    now: datetime

    def later(self, seconds: float) -> "Room":
        self.now += timedelta(seconds=seconds)
        return self

    def begin(self):
        return sessions.begin(self.desk.db, self.session_id, self.now)

    def beat(self, page=FIRST, question=None, engaged=True):
        return answers.heartbeat(
            self.desk.db, self.session_id, page=page, question=question, engaged=engaged, now=self.now
        )

    def take_over(self, page):
        return answers.take_over(self.desk.db, self.session_id, page=page, now=self.now)

    def release(self, page=FIRST):
        answers.release(self.desk.db, self.session_id, page=page, now=self.now)

    def save(self, text, page=FIRST, sequence=1, base=0, number=1):
        return answers.save(
            self.desk.db, self.session_id, number, page=page, sequence=sequence, base_revision=base, text=text,
            now=self.now,
        )  # fmt: skip

    def finish(self, page=FIRST):
        return answers.finish(self.desk.db, self.session_id, page=page, now=self.now)

    @property
    def holding(self):
        return answers.hold(self.desk.db, self.session_id, now=self.now)

    @property
    def content(self):
        return answers.content(self.desk.db, self.session_id)

    def answer(self, number=1):
        asked = self.content[number - 1]
        return asked.answer, asked.revision

    def copies(self, number=1) -> list[tuple[str, str]]:
        """(text, reason), oldest first."""
        return self.desk.rows("SELECT text, reason FROM answer_copy WHERE number = ? ORDER BY id", number)

    def session(self, column: str):
        return self.desk.rows(f"SELECT {column} FROM interview_session WHERE id = ?", self.session_id)[0][0]


def room_of(desk: Desk, interview_id: int) -> Room:
    """The room of a booked interview, at its start; its job asks ASKED."""
    session_id, job_id, starts_at, ends_at = desk.rows(
        "SELECT s.id, i.job_id, i.started_at, i.ended_at FROM interview_session s JOIN interview i ON i.id = s.interview_id"
        " WHERE i.id = ?", interview_id,
    )[0]  # fmt: skip
    questions.replace(desk.db, job_id, ASKED)
    start, end = (datetime.fromtimestamp(at, desk.now.tzinfo) for at in (starts_at, ends_at))
    return Room(desk, session_id, start, end, start)


@pytest.fixture
def room(desk, booked):
    """An interview that has just begun, held by its first page."""
    room = room_of(desk, booked.interview_id)
    room.begin()
    room.beat(FIRST)
    return room
