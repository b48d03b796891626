"""What candidates answer: saved, never mixed and never lost, until they finish. Which page may, `holds` knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store import answer_copies, drafts, events, holds, recordings, sessions, times
from store.database import Database, changing, execute, fetch, writing
from store.drafts import TEXT_LENGTH, Current, Draft, Saved
from store.errors import AnswerRefused
from store.holds import HOLD_SECONDS, Hold, Locked, Standing, heartbeat, hold, release, take_over
from store.ids import is_id
from store.recordings import LIMIT_GRACE, Take
from store.sessions import SessionView

__all__ = ["HOLD_SECONDS", "LIMIT_GRACE", "TEXT_LENGTH", "Asked", "Counts", "Hold", "Saved", "Standing", "Take", "content",
           "counts", "finish", "heartbeat", "hold", "release", "save", "take_over"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer as the candidate's page shows them. Instants are aware UTC.

    `opened_at` is None until the candidate sees it, `closes_at` without a time limit of its own or before it is opened.
    Without an answer `revision` is 0 and `saved_at` None. `takes` are the recordings not discarded, newest last. It
    `is_answered` if its text is not blank or a recording of it is complete. The text of a question with a time limit is
    the candidate's only once it is opened, `is_told`.
    """

    number: int
    text: str
    kind: str
    time_limit_seconds: int | None
    opened_at: datetime | None
    closes_at: datetime | None
    revision: int
    answer: str
    saved_at: datetime | None
    takes: tuple[Take, ...]
    is_answered: bool

    @property
    def is_told(self) -> bool:
        return self.time_limit_seconds is None or self.opened_at is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many questions were asked, and how many of them have an answer."""

    answered: int
    asked: int


_CURRENT = (
    "SELECT q.time_limit_seconds, q.opened_at, coalesce(a.revision, 0), coalesce(a.text, ''), a.page,"
    " coalesce(a.sequence, 0), a.saved_at FROM session_question q"
    " LEFT JOIN answer a ON a.session_id = q.session_id AND a.number = q.number WHERE q.session_id = ? AND q.number = ?"
)


def save(
    db: Database,
    session_id: int,
    number: int,
    *,
    page: str,
    sequence: int,
    base_revision: int,
    text: str,
    now: datetime,
) -> Saved:
    """Makes a page's text the answer to a question, as the next revision.

    A page counts its saves in `sequence`: one that is not above the last, or whose text is the answer, is answered as
    saved already, even when the question is closed by then. Its own text a page replaces freely; that of another only
    if it knew it, `base_revision` being the revision it was written on (0 for none). A text that equals the answer
    makes no new revision. What the page that finished had sent before is taken until GRACE after its finish. Refused
    texts are kept as copies where there is room (`kept`; the page keeps the others), so that nothing is lost. What is
    stored of a text, `drafts.ready` says.

    Raises NotFound and AnswerRefused, in this order: not_running (`state`, `kept`), question_unknown, text_too_long,
    text_unreadable, taken_over (`kept`), question_not_opened, question_closed (`kept`), conflict (`revision`, `text`,
    `saved_at`).
    """
    draft = Draft(number, page, sequence, base_revision, drafts.ready(text), now)
    with changing(db):
        outcome = _decide(db, holds.lock(db, session_id, now), draft)
    # Raised only here, because what is kept of a refused text must be committed.
    if isinstance(outcome, AnswerRefused):
        raise outcome
    return outcome


def _decide(db: Database, locked: Locked, draft: Draft) -> Saved | AnswerRefused:
    session_id = locked.view.session_id
    rows = fetch(db, _CURRENT, (session_id, draft.number)) if is_id(draft.number) else []
    current = Current(*rows[0]) if rows else None
    if locked.access.state != sessions.RUNNING:
        if current is not None and _is_last_word(locked, current, draft):
            return _decide_for_holder(db, locked, current, draft)
        is_kept = current is not None and _keep_refused(db, locked, current, draft, answer_copies.LATE)
        return holds.not_running(locked.access.state, kept=is_kept)
    if current is None:
        return holds.question_unknown()
    if isinstance(draft.text, AnswerRefused):
        return draft.text
    if not locked.standing.admits(draft.page):
        return holds.taken_over(kept=_keep_refused(db, locked, current, draft, answer_copies.TAKEN_OVER))
    if draft.page != locked.standing.page:
        holds.take(db, session_id, draft.page, draft.at)
    return _decide_for_holder(db, locked, current, draft)


def _is_last_word(locked: Locked, current: Current, draft: Draft) -> bool:
    """Whether the page that finished sends what its finish has overtaken on the way, and it can be the answer."""
    finished_at = locked.view.finished_at
    is_in_time = finished_at is not None and draft.now < finished_at + sessions.GRACE
    if not is_in_time or draft.page != locked.standing.page or isinstance(draft.text, AnswerRefused):
        return False
    return not (current.is_unopened or current.is_closed(draft.at) or current.conflicts_with(draft))


def _decide_for_holder(db: Database, locked: Locked, current: Current, draft: Draft) -> Saved | AnswerRefused:
    session_id = locked.view.session_id
    if current.has(draft):
        return current.saved
    if current.is_unopened:
        return holds.question_not_opened()
    if current.is_closed(draft.at):
        if current.revision and draft.text == current.text:
            return current.saved
        is_kept = _keep_refused(db, locked, current, draft, answer_copies.LATE)
        what = "The time for this question is over."
        return AnswerRefused("question_closed", what, "go on to the next question.", kept=is_kept)
    if current.conflicts_with(draft):
        _keep_refused(db, locked, current, draft, answer_copies.CONFLICT)
        what, fix = "Another page has changed the answer.", "choose one of the two texts, or join them."
        saved = current.saved
        return AnswerRefused("conflict", what, fix, revision=saved.revision, text=current.text, saved_at=saved.saved_at)
    holds.open_question(db, locked, draft.number, draft.now)
    holds.engage(db, session_id, draft.at)
    return _write(db, session_id, current, draft)


def _keep_refused(db: Database, locked: Locked, current: Current, draft: Draft, reason: str) -> bool:
    """Whether the text is safe now, in a copy or as the answer."""
    if isinstance(draft.text, AnswerRefused) or current.is_unopened:
        return False
    if draft.text == current.text:
        return True
    if draft.now >= locked.access.ends_at + timedelta(hours=answer_copies.LATE_HOURS):
        return False
    place = (locked.view.session_id, draft.number)
    return answer_copies.keep(db, *place, draft.text, page=draft.page, reason=reason, at=draft.at)


def _write(db: Database, session_id: int, current: Current, draft: Draft) -> Saved:
    place = (session_id, draft.number)
    if current.revision == 0:
        execute(db, _FIRST, (*place, draft.text, draft.page, draft.sequence, draft.at))
        return Saved(1, draft.now)
    if draft.text == current.text:
        # From now on it is this page's own text, which it may go on with.
        execute(db, _SAME, (draft.page, draft.sequence, *place))
        return current.saved
    reason = current.reason_to_keep(draft)
    if reason:
        answer_copies.keep(db, *place, current.text, page=current.page, reason=reason, at=draft.at)
    execute(db, _NEXT, (current.revision + 1, draft.text, draft.page, draft.sequence, draft.at, *place))
    return Saved(current.revision + 1, draft.now)


_FIRST = (
    "INSERT INTO answer (session_id, number, revision, text, page, sequence, saved_at) VALUES (?, ?, 1, ?, ?, ?, ?)"
)
_SAME = "UPDATE answer SET page = ?, sequence = ? WHERE session_id = ? AND number = ?"
_NEXT = (
    "UPDATE answer SET revision = ?, text = ?, page = ?, sequence = ?, saved_at = ? WHERE session_id = ? AND number = ?"
)


def finish(db: Database, session_id: int, *, page: str, now: datetime) -> SessionView:
    """Ends the interview for good, until GRACE after the deadline; one that is finished already stays as it is.

    Raises NotFound and AnswerRefused (not_running, taken_over).
    """
    at = times.epoch(now)
    # Bookings read the interview's state, so this waits for their writers.
    with writing(db):
        locked = holds.lock(db, session_id, now)
        if locked.view.finished_at is not None:
            return locked.view
        holds.check_running(locked)
        if not locked.standing.admits(page):
            raise holds.taken_over()
        interview_id = locked.view.interview_id
        if page != locked.standing.page:
            # What it sent before may arrive after this.
            holds.take(db, session_id, page, at)
        execute(db, "UPDATE interview_session SET finished_at = ? WHERE id = ?", (at, session_id))
        execute(db, "UPDATE interview SET state = 'completed' WHERE id = ?", (interview_id,))
        events.record(db, "finished", at=at, interview_id=interview_id)
        return sessions.load(db, session_id)


IS_ANSWERED = (
    "(EXISTS (SELECT 1 FROM answer w WHERE w.session_id = q.session_id AND w.number = q.number AND trim(w.text, ?) <> '')"
    " OR EXISTS (SELECT 1 FROM recording r WHERE r.session_id = q.session_id AND r.number = q.number"
    " AND r.state = 'complete'))"
)
"""The one rule for a session_question `q` that has an answer; takes one parameter, BLANK."""
BLANK = " \t\n\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\ufeff"
"""What the candidate's page takes for blank, too: of JavaScript's white space, what a stored text can hold."""
_CONTENT = (
    "SELECT q.number, q.text, q.kind, q.time_limit_seconds, q.opened_at, coalesce(a.revision, 0), coalesce(a.text, ''),"
    f" a.saved_at, {IS_ANSWERED} FROM session_question q"
    " LEFT JOIN answer a ON a.session_id = q.session_id AND a.number = q.number WHERE q.session_id = ? ORDER BY q.number"
)


def content(db: Database, session_id: int) -> list[Asked]:
    """Every question of a begun interview with its answer and recordings, in order; none before it has begun."""
    takes: dict[int, list[Take]] = {}
    for recorded in recordings.of_session(db, session_id):
        take = Take(recorded.take, recorded.media_type, recorded.size, recorded.state)
        takes.setdefault(recorded.number, []).append(take)
    return [_asked(row, tuple(takes.get(row[0], ()))) for row in fetch(db, _CONTENT, (BLANK, session_id))]


def _asked(row: tuple, takes: tuple[Take, ...]) -> Asked:
    number, text, kind, limit, opened, revision, answer, saved, is_answered = row
    opened_at, saved_at = (None if seconds is None else times.from_epoch(seconds) for seconds in (opened, saved))
    closes_at = holds.closes_at(opened_at, limit)
    return Asked(
        number, text, kind, limit, opened_at, closes_at, revision, answer, saved_at, takes, bool(is_answered)
    )  # fmt: skip


def counts(db: Database, session_id: int) -> Counts:
    """How much of the interview was answered, for the page that closes it."""
    asked = content(db, session_id)
    return Counts(sum(question.is_answered for question in asked), len(asked))
