"""What ops read of interviews afterwards: which were completed, and what was asked and answered. Changes nothing.

Names and addresses come as they are: who shows them masks them.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from store import answers, recordings, times
from store.answers import Asked
from store.database import Database, fetch, viewing
from store.errors import NotFound
from store.ids import is_id
from store.recordings import Recorded
from store.sessions import GRACE


@dataclass(frozen=True, slots=True)
class Completed:
    """A completed interview. Instants are aware UTC; `deadline` is the booked end.

    `begun_at` is None where the candidate never began, `finished_at` where the time ran out, `engaged_at` where nobody
    ever typed, `evaluation` (the overall score) where there is none. What counts as answered, `answers` says.
    """

    interview_id: int
    candidate_id: int
    candidate_name: str
    email: str
    job_title: str
    company_name: str
    begun_at: datetime | None
    finished_at: datetime | None
    engaged_at: datetime | None
    deadline: datetime
    answered: int
    asked: int
    evaluation: float | None


_IS_DONE = (
    "(s.finished_at IS NOT NULL OR i.state = 'completed'"
    " OR (i.state = 'scheduled' AND s.begun_at IS NOT NULL AND i.ended_at <= ?))"
)
"""`sessions.window` says done, for the end that a begun interview's must not be after: now minus GRACE."""
_COMPLETED = (
    "SELECT i.id, c.id, c.name, c.email, j.title, j.company, s.begun_at, s.finished_at, s.engaged_at, i.ended_at,"
    f" (SELECT count(*) FROM session_question q WHERE q.session_id = s.id AND {answers.IS_ANSWERED}),"
    " (SELECT count(*) FROM session_question q WHERE q.session_id = s.id), e.overall_score"
    " FROM interview i JOIN interview_session s ON s.interview_id = i.id JOIN candidate c ON c.id = i.candidate_id"
    " JOIN job j ON j.id = i.job_id LEFT JOIN evaluation e ON e.interview_id = i.id"
    f" WHERE NOT i.is_test AND {_IS_DONE}"
)


def completed(
    db: Database,
    *,
    candidate_id: int | None = None,
    interview_id: int | None = None,
    since: datetime | None = None,
    limit: int = 500,
    now: datetime,
) -> list[Completed]:
    """At most `limit` completed interviews, the last one first; tests are left out.

    All of them, or those of one candidate, that one interview (none if it is not completed), or those that ended at
    `since` or later. Raises NotFound for an id that nothing has.
    """
    conditions, parameters = [_COMPLETED], [answers.BLANK, times.epoch(now - GRACE)]
    for field, table, column, value in (
        ("candidate_id", "candidate", "c.id", candidate_id),
        ("interview_id", "interview", "i.id", interview_id),
    ):
        if value is not None:
            if not is_id(value) or not fetch(db, f"SELECT 1 FROM {table} WHERE id = ?", (value,)):
                raise NotFound(field, value)
            conditions.append(f"{column} = ?")
            parameters.append(value)
    if since is not None:
        conditions.append("coalesce(s.finished_at, i.ended_at) >= ?")
        parameters.append(times.epoch(since))
    sql = f"{' AND '.join(conditions)} ORDER BY coalesce(s.finished_at, i.ended_at) DESC, i.id DESC LIMIT ?"
    return [_completed(row) for row in fetch(db, sql, (*parameters, limit))]


def _completed(row: tuple) -> Completed:
    return Completed(*row[:6], *map(_instant, row[6:10]), *row[10:])


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else times.from_epoch(seconds)


@dataclass(frozen=True, slots=True)
class Copy:
    """A text that did not become, or is no longer, the answer. `reason` says why, as the table's check lists them."""

    text: str
    reason: str
    kept_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """One question and all that the candidate said to it. `revision` is 0 and `saved_at` None without an answer.

    `recordings` (without discarded ones) and `copies` are oldest first.
    """

    number: int
    text: str
    kind: str
    time_limit_seconds: int | None
    opened_at: datetime | None
    answer: str
    revision: int
    saved_at: datetime | None
    recordings: tuple[Recorded, ...]
    copies: tuple[Copy, ...]
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in an interview, running or over; without replies while it has not begun."""

    interview_id: int
    candidate_id: int
    candidate_name: str
    email: str
    job_title: str
    company_name: str
    state: str
    starts_at: datetime
    deadline: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    replies: tuple[Reply, ...]


_HEAD = (
    "SELECT s.id, i.id, c.id, c.name, c.email, j.title, j.company, i.state, i.started_at, i.ended_at, s.begun_at,"
    " s.finished_at FROM interview i JOIN interview_session s ON s.interview_id = i.id"
    " JOIN candidate c ON c.id = i.candidate_id JOIN job j ON j.id = i.job_id WHERE i.id = ?"
)
_COPIES = "SELECT number, text, reason, kept_at FROM answer_copy WHERE session_id = ? ORDER BY id"


def transcript(db: Database, interview_id: int) -> Transcript:
    """Every question of an interview with its final answer, its recordings and the copies kept. Raises NotFound."""
    with viewing(db):
        heads = fetch(db, _HEAD, (interview_id,)) if is_id(interview_id) else []
        if not heads:
            raise NotFound("interview_id", interview_id)
        session_id, *head = heads[0]
        recorded, copies = defaultdict(list), defaultdict(list)
        for take in recordings.of_session(db, session_id):
            recorded[take.number].append(take)
        for number, text, reason, kept_at in fetch(db, _COPIES, (session_id,)):
            copies[number].append(Copy(text, reason, times.from_epoch(kept_at)))
        replies = tuple(
            _reply(asked, recorded[asked.number], copies[asked.number]) for asked in answers.content(db, session_id)
        )
    return Transcript(*head[:7], *map(_instant, head[7:]), replies)


def _reply(asked: Asked, recorded: list[Recorded], copies: list[Copy]) -> Reply:
    return Reply(
        asked.number, asked.text, asked.kind, asked.time_limit_seconds, asked.opened_at, asked.answer, asked.revision,
        asked.saved_at, tuple(recorded), tuple(copies), asked.is_answered,
    )  # fmt: skip
