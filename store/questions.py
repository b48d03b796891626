"""What is asked: a job's questions, and the copy that an interview keeps from its beginning on. Answers are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from store.database import Database, execute, execute_many, fetch, writing
from store.errors import NotFound, StoreError
from store.ids import is_id

KINDS = ("text", "audio", "video")
"""How a question is answered, from what needs least to what needs most of a candidate's device."""
MOST = 50
"""Questions of a job, and so of an interview: no number is beyond it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `time_limit_seconds` counts from the moment it is opened; None is no limit of its own."""

    text: str
    kind: str = "text"
    time_limit_seconds: int | None = None


DEFAULT = (
    Question("Please introduce yourself: what do you do now, and what led you to apply for this role?"),
    Question(
        "Describe a piece of work you are proud of. What was the goal, what did you do yourself, and what came of it?"
    ),
    Question(
        "Tell us about a difficult problem you met at work. How did you find its cause, and how did you solve it?"
    ),
    Question(
        "Describe a disagreement with a colleague or customer. What did you do, and what would you do differently?"
    ),
    Question("What do you want to learn or achieve in your next role, and what do you need from a team to do it?"),
)
"""What is asked where a job has no questions of its own."""

_OF_JOB = "SELECT text, kind, time_limit_seconds FROM question WHERE job_id = ? ORDER BY position"
_ADD = "INSERT INTO question (job_id, position, text, kind, time_limit_seconds) VALUES (?, ?, ?, ?, ?)"
_COPY = "INSERT INTO session_question (session_id, number, text, kind, time_limit_seconds) VALUES (?, ?, ?, ?, ?)"
_STRENGTH = "max(CASE kind WHEN 'video' THEN 2 WHEN 'audio' THEN 1 ELSE 0 END)"
_NEEDS = (
    f"SELECT coalesce((SELECT {_STRENGTH} FROM session_question WHERE session_id = s.id),"
    f" (SELECT {_STRENGTH} FROM question WHERE job_id = i.job_id), ?)"
    " FROM interview_session s JOIN interview i ON i.id = s.interview_id WHERE s.id = ?"
)
_LIMITED = (
    "SELECT 1 FROM question q JOIN interview i ON i.job_id = q.job_id JOIN interview_session s ON s.interview_id = i.id"
    " WHERE s.id = ? AND q.time_limit_seconds IS NOT NULL LIMIT 1"
)


def of_job(db: Database, job_id: int) -> tuple[Question, ...]:
    """The job's own questions in their order; none for a job without, or one that does not exist."""
    return tuple(Question(*row) for row in fetch(db, _OF_JOB, (job_id,)))


def needs(db: Database, session_id: int) -> str:
    """What answering asks of the candidate's device: "", "audio" or "video", the strongest kind of all questions.

    Those of the session if it has begun, else its job's. "" for an unknown session.
    """
    strongest_default = max(KINDS.index(question.kind) for question in DEFAULT)
    rows = fetch(db, _NEEDS, (strongest_default, session_id))
    return ("", "audio", "video")[rows[0][0]] if rows else ""


def has_limits(db: Database, session_id: int) -> bool:
    """Whether a question of the session's job has a time limit of its own; False for an unknown session."""
    return bool(fetch(db, _LIMITED, (session_id,)))


def copy_to_session(db: Database, session_id: int) -> None:
    """Gives the session the questions of its job as they are now, numbered from 1; one that has some keeps them.

    To be called in the transaction that begins the interview. Raises NotFound for an unknown session.
    """
    sql = "SELECT i.job_id FROM interview_session s JOIN interview i ON i.id = s.interview_id WHERE s.id = ?"
    jobs = fetch(db, sql, (session_id,))
    if not jobs:
        raise NotFound("session_id", session_id)
    if fetch(db, "SELECT 1 FROM session_question WHERE session_id = ? LIMIT 1", (session_id,)):
        return
    _add(db, _COPY, session_id, of_job(db, jobs[0][0]) or DEFAULT)


def replace(db: Database, job_id: int, questions: Sequence[Question]) -> None:
    """Makes these the job's questions, in this order; interviews that have begun keep theirs.

    Raises NotFound, and StoreError for more than MOST.
    """
    if len(questions) > MOST:
        raise StoreError(f"{len(questions)} questions are too many for one job.", f"give at most {MOST}.")
    with writing(db):
        if not is_id(job_id) or not fetch(db, "SELECT 1 FROM job WHERE id = ?", (job_id,)):
            raise NotFound("job_id", job_id)
        execute(db, "DELETE FROM question WHERE job_id = ?", (job_id,))
        _add(db, _ADD, job_id, questions)


def _add(db: Database, sql: str, owner: int, questions: Sequence[Question]) -> None:
    rows = [(owner, number, q.text, q.kind, q.time_limit_seconds) for number, q in enumerate(questions, 1)]
    execute_many(db, sql, rows)
