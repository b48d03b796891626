"""The desk that tests of reviews share: a run of the notebook, an interview that was spoken, and one-line calls of each step."""

from contextlib import ExitStack

import interview_room
import pytest
from booking_desk import DAY, HOUR
from interview_room import FIRST

from mailer.config import MailSettings
from notebooks import review_steps, review_tables
from notebooks.opened_run import Run
from notebooks.review_steps import Wanted
from store import recordings, times

DEFAULTS = {"candidate_id": 0, "interview_id": 0, "days": 30, "overall_score": -1.0, "traits": "", "suggestions": ""}
TAKE = "take-0123456789abcdef"


@pytest.fixture
def run(db, settings, ring, tmp_path):
    mine = settings.model_copy(update={"recordings_folder": str(tmp_path / "recordings")})
    return Run(mine, MailSettings(), db, ring, tmp_path / "run.log", {}, ExitStack())


@pytest.fixture
def later(desk, monkeypatch):
    """Lets the notebook's clock say that many days after the booking."""

    def later(days: float = 2):
        monkeypatch.setattr(times, "now", lambda: desk.now + days * DAY)

    later()
    return later


@pytest.fixture
def room(desk, booked, later):
    """An interview that has begun."""
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    return room


@pytest.fixture
def spoken(room, run):
    """A finished interview: the first answer written, the second skipped, the third recorded."""
    room.beat(question=1)
    room.later(90).save("I am <b>Asha</b>,\nand it costs $5 or $6.")
    room.beat(question=3)
    recordings.append(
        run.db, room.session_id, 3, TAKE, page=FIRST, media_type="audio/webm", offset=0, chunk=b"\x1a\x45\xdf\xa3" * 9,
        is_final=True, folder=folder_of(run), limit=1000, now=room.now,
    )  # fmt: skip
    room.later(60).finish()
    return room


def folder_of(run):
    return run.log_path.parent / "recordings"


def another(desk, request_of, email="bela@example.com", title="Cook", hours=5):
    """Another completed interview; gives its id."""
    booking = desk.book(request_of(desk.now + hours * HOUR, email=email, job_title=title, candidate_name="Bela Bok"))
    room = interview_room.room_of(desk, booking.interview_id).later(60)
    room.begin()
    room.save("Yes.")
    room.finish()
    return booking.interview_id


def wanted(run, **changes) -> Wanted:
    return review_steps.wanted(run, DEFAULTS | changes)


def listed(run, **changes) -> str:
    asked = wanted(run, **changes)
    return review_tables.completed(review_steps.find(run, asked), asked, run.settings).data


def read(run, interview_id=1):
    asked = wanted(run, interview_id=interview_id)
    return review_steps.read(run, asked, review_steps.find(run, asked))


def shown(run) -> str:
    return review_tables.transcript(read(run), run.settings).data


def rate(run, *, dry_run=False, **changes):
    """The rating of interview 1, what the notebook shows of it, and the last sentence."""
    asked = wanted(run, interview_id=1, **changes)
    found = review_steps.find(run, asked)
    said = review_steps.read(run, asked, found)
    rating = review_steps.rate(run, asked, said, dry_run=dry_run)
    return rating, review_tables.rating(rating).data, review_steps.verdict(run, asked, found, said, rating)
