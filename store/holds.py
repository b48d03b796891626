"""Which page holds a running interview, and where the candidate is in it. What is answered, `answers` knows.

A page is one open tab, named by a random id that its script makes. One page at a time holds the interview: only its
answers count. It says every ten seconds that it is there; one that is silent may be replaced without asking anybody.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from store import events, sessions, times
from store.database import Database, changing, execute, fetch, is_sqlite
from store.errors import AnswerRefused, NotFound
from store.ids import is_id
from store.sessions import Access, SessionView

PAGE = re.compile(r"[A-Za-z0-9_-]{16,43}")
"""How a page names itself and its takes; random, made by its script."""
HOLD_SECONDS = 30
"""A holder that is silent for so long may be replaced without asking."""
TAKE_OVER_SECONDS = 60
"""Two pages that take over from each other again and again are recorded once in so many seconds."""

_STANDING = "SELECT page, held_at, at_question, engaged_at FROM interview_session WHERE id = ?"
_TAKE = "UPDATE interview_session SET page = ?, held_at = ? WHERE id = ?"
_OPEN = "UPDATE session_question SET opened_at = ? WHERE session_id = ? AND number = ? AND opened_at IS NULL"
_OPENED = (
    "SELECT text, time_limit_seconds, opened_at FROM session_question"
    " WHERE session_id = ? AND number = ? AND opened_at IS NOT NULL"
)
_ENGAGE = "UPDATE interview_session SET engaged_at = ? WHERE id = ? AND engaged_at IS NULL"


@dataclass(frozen=True, slots=True)
class Opened:
    """A question that a candidate may see. Instants are aware UTC; `closes_at` is None without a time limit of its own."""

    number: int
    text: str
    opened_at: datetime
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """What a page learns: the interview, whether the page holds it, and the question where the candidate is, if any.

    `opened` is the question that the page named, None if it named none or that one is not opened.
    """

    view: SessionView
    is_holder: bool
    question: int | None
    opened: Opened | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the hold stands: the page that took it last, whether it is still heard, and where the candidate was.

    `is_engaged` says whether a person has touched any page of this interview.
    """

    page: str | None
    is_held: bool
    question: int | None
    is_engaged: bool

    def admits(self, page: str) -> bool:
        """Whether this page holds the interview, or may take it without asking."""
        return page == self.page or not self.is_held


@dataclass(frozen=True, slots=True)
class Locked:
    """A session that nobody else can change until the transaction ends."""

    view: SessionView
    access: Access
    standing: Standing


def lock(db: Database, session_id: int, now: datetime) -> Locked:
    """The session, its row locked until the surrounding transaction ends. Raises NotFound."""
    standing = _standing(db, session_id, now, "" if is_sqlite(db) else " FOR UPDATE")
    view = sessions.load(db, session_id)
    return Locked(view, view.access(now), standing)


def _standing(db: Database, session_id: int, now: datetime, lock: str = "") -> Standing:
    rows = fetch(db, _STANDING + lock, (session_id,))
    if not rows:
        raise NotFound("session_id", session_id)
    page, held_at, question, engaged_at = rows[0]
    is_heard = page is not None and held_at is not None and times.epoch(now) - held_at < HOLD_SECONDS
    return Standing(page, is_heard, question, engaged_at is not None)


def hold(db: Database, session_id: int, *, now: datetime) -> Standing:
    """How the hold stands, without touching it. Raises NotFound."""
    return _standing(db, session_id, now)


def heartbeat(db: Database, session_id: int, *, page: str, question: int | None, engaged: bool, now: datetime) -> Hold:
    """A page says that it is open, at which question, and whether a person has touched it.

    It becomes the holder if nobody is, or the holder is silent; one that has just come (`question` is None) also if no
    person has touched the interview yet, since the holder may then be a mail scanner. Only the holder moves the
    candidate, and opens the question before the deadline, once: its own time runs from then on, and its text is told.
    Raises NotFound and AnswerRefused (not_running, question_unknown).
    """
    at = times.epoch(now)
    with changing(db):
        locked = lock(db, session_id, now)
        check_running(locked)
        if question is not None:
            _check_question(db, session_id, question)
        is_arriving = question is None and not locked.standing.is_engaged
        is_holder = locked.standing.admits(page) or is_arriving
        if is_holder:
            take(db, session_id, page, at)
        if is_holder and question is not None:
            execute(db, "UPDATE interview_session SET at_question = ? WHERE id = ?", (question, session_id))
            open_question(db, locked, question, now)
        if engaged:
            engage(db, session_id, at)
        opened = None if question is None else _opened(db, session_id, question)
    is_moved = is_holder and question is not None
    return Hold(locked.view, is_holder, question if is_moved else locked.standing.question, opened)


def take_over(db: Database, session_id: int, *, page: str, now: datetime) -> Hold:
    """Makes this page the holder, whoever was. Raises NotFound and AnswerRefused (not_running)."""
    at = times.epoch(now)
    with changing(db):
        locked = lock(db, session_id, now)
        check_running(locked)
        if locked.standing.page not in (None, page):
            _record_take_over(db, locked, at)
        take(db, session_id, page, at)
    return Hold(locked.view, True, locked.standing.question)


def _record_take_over(db: Database, locked: Locked, at: float) -> None:
    interview_id = locked.view.interview_id
    sql = "SELECT 1 FROM event WHERE interview_id = ? AND kind = 'taken_over' AND at > ? LIMIT 1"
    if not fetch(db, sql, (interview_id, at - TAKE_OVER_SECONDS)):
        events.record(db, "taken_over", at=at, interview_id=interview_id, question=locked.standing.question)


def release(db: Database, session_id: int, *, page: str, now: datetime) -> None:
    """A page that is closed gives its hold back, so that the next one need not ask; nothing if it has none.

    It stays the page of the interview until another takes it: what it sent last may arrive after this.
    """
    silent_since = times.epoch(now) - 2 * HOLD_SECONDS
    with changing(db):
        execute(
            db,
            "UPDATE interview_session SET held_at = ? WHERE id = ? AND page = ? AND held_at > ?",
            (silent_since, session_id, page, silent_since),
        )


def check_running(locked: Locked) -> None:
    """Raises AnswerRefused (not_running) unless the access window says running."""
    if locked.access.state != sessions.RUNNING:
        raise not_running(locked.access.state)


def not_running(state: str, **data: object) -> AnswerRefused:
    fix = "load the page again: it says what can be done."
    return AnswerRefused("not_running", f"The interview is not running: it is {state}.", fix, state=state, **data)


def taken_over(**data: object) -> AnswerRefused:
    fix = "go on there, or take the interview over here."
    return AnswerRefused("taken_over", "The interview goes on in another page.", fix, **data)


def question_unknown() -> AnswerRefused:
    return AnswerRefused("question_unknown", "The interview has no such question.", "load the page again.")


def question_not_opened() -> AnswerRefused:
    fix = "open it first: its time runs from then on."
    return AnswerRefused("question_not_opened", "The question is not opened yet.", fix)


def _check_question(db: Database, session_id: int, number: int) -> None:
    sql = "SELECT 1 FROM session_question WHERE session_id = ? AND number = ?"
    if not is_id(number) or not fetch(db, sql, (session_id, number)):
        raise question_unknown()


def _opened(db: Database, session_id: int, number: int) -> Opened | None:
    rows = fetch(db, _OPENED, (session_id, number))
    if not rows:
        return None
    text, limit, opened_at = rows[0]
    opened_at = times.from_epoch(opened_at)
    return Opened(number, text, opened_at, closes_at(opened_at, limit))


def closes_at(opened_at: datetime | None, time_limit_seconds: int | None) -> datetime | None:
    """When a question's own time is over; None before it is opened, and without a limit."""
    if opened_at is None or time_limit_seconds is None:
        return None
    return opened_at + timedelta(seconds=time_limit_seconds)


def take(db: Database, session_id: int, page: str, at: float) -> None:
    """Writes down that this page holds the session and was heard at that instant, in epoch seconds."""
    execute(db, _TAKE, (page, at, session_id))


def engage(db: Database, session_id: int, at: float) -> None:
    """Writes down, once, when a person was first seen to touch the page."""
    execute(db, _ENGAGE, (at, session_id))


def open_question(db: Database, locked: Locked, number: int, now: datetime) -> None:
    """Lets the question's time run, once; nothing is opened in the grace after the deadline, or after a finish."""
    if now < locked.access.deadline and locked.access.state == sessions.RUNNING:
        execute(db, _OPEN, (times.epoch(now), locked.view.session_id, number))
