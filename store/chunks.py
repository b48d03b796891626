"""Chunks of recordings: whether one may be saved now, and where in its take it belongs. Writes nothing."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from store import holds, sessions, takes, times
from store.database import Database, fetch
from store.errors import AnswerRefused
from store.holds import Locked
from store.ids import is_id
from store.takes import COMPLETE, DISCARDED, ENDINGS, UPLOADING, Recorded

TAKES_BEGUN = 200
"""Takes of one question, whatever became of them; a person does not begin so many."""
BYTES_A_SECOND = 400_000
"""What the takes of a session may have for each second that it is booked for; a page records a fifth of it."""
LIMIT_GRACE = timedelta(seconds=15)
"""How long after a question's own time its answer or a new take is still saved."""
UPLOAD_ALLOWANCE = timedelta(minutes=10)
"""How long after the end of the question's time, or of the interview, what was recorded in time may still be sent."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that a page asks to have saved, from `offset` on. `limit` is the largest size of the recording in bytes.

    `recorded_at` is when the recording began, as the page says.
    """

    session_id: int
    number: int
    take: str
    page: str
    media_type: str
    offset: int
    data: bytes
    is_final: bool
    limit: int
    now: datetime
    recorded_at: datetime | None = None

    @property
    def begun_at(self) -> datetime:
        """When the recording began; now, if the page does not say it or has a clock that is ahead."""
        return self.now if self.recorded_at is None else min(self.recorded_at, self.now)

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    @property
    def file_name(self) -> str:
        return takes.file_name(self.number, self.take, self.media_type)

    def is_repetition_of(self, known: Recorded) -> bool:
        """The chunk saved last, sent again because its answer was lost. A final one may have been empty."""
        return self.end == known.size and (bool(self.data) or known.state != UPLOADING)

    def changes_nothing(self, known: Recorded | None) -> bool:
        return known is not None and self.is_repetition_of(known) and (known.state != UPLOADING or not self.is_final)


@dataclass(frozen=True, slots=True)
class Admitted:
    """How the session and the take stand, `known` being None for a new one. In a transaction they stay so until its end."""

    locked: Locked
    known: Recorded | None
    needs_hold: bool
    """Whether only the holder may send it: neither what goes on with a page's own take nor what comes after the end."""


def admit(db: Database, chunk: Chunk) -> Admitted:
    """Looks at all but the chunk's place in its take. Raises NotFound for an unknown session, and AnswerRefused.

    A page may complete its own take though another page holds the interview by now, and for UPLOAD_ALLOWANCE after the
    interview's end. For so long a take may also begin that was recorded in time and could not be sent, if its question
    has no complete one. All else is for the holder while the interview runs.
    """
    locked = holds.lock(db, chunk.session_id, chunk.now)
    known = takes.known(db, chunk.session_id, chunk.take)
    is_own = known is not None and known.page == chunk.page
    is_over = locked.access.state != sessions.RUNNING
    if is_over and not ((is_own or known is None) and _comes_in_time(db, locked, chunk, known)):
        holds.check_running(locked)
    kind, closes_at = _question(db, chunk)
    needs_hold = not (is_own or is_over)
    if needs_hold and not locked.standing.admits(chunk.page):
        raise holds.taken_over()
    _check_type(chunk, kind)
    if closes_at is not None and not _is_in_time(db, chunk, known, closes_at + LIMIT_GRACE):
        raise AnswerRefused("question_closed", "The time for this question is over.", "go on to the next question.")
    if chunk.end > chunk.limit:
        raise _too_large(f"A recording has at most {chunk.limit} bytes.")
    return Admitted(locked, known, needs_hold)


def _comes_in_time(db: Database, locked: Locked, chunk: Chunk, known: Recorded | None) -> bool:
    over_at = locked.view.finished_at or locked.access.ends_at
    return locked.access.state == sessions.DONE and _is_in_time(db, chunk, known, over_at)


def _is_in_time(db: Database, chunk: Chunk, known: Recorded | None, over_at: datetime) -> bool:
    """Whether the chunk may come now, where all should have been said by `over_at`."""
    if chunk.now < over_at:
        return True
    was_in_time = known is not None or (chunk.begun_at < over_at and not _has_answer(db, chunk))
    return was_in_time and chunk.now < over_at + UPLOAD_ALLOWANCE


def _has_answer(db: Database, chunk: Chunk) -> bool:
    if not is_id(chunk.number):
        return False
    sql = "SELECT 1 FROM recording WHERE session_id = ? AND number = ? AND state = ? LIMIT 1"
    return bool(fetch(db, sql, (chunk.session_id, chunk.number, COMPLETE)))


def _question(db: Database, chunk: Chunk) -> tuple[str, datetime | None]:
    """The question's kind, and when its own time is over. Its time must have begun, if it has one."""
    sql = "SELECT kind, time_limit_seconds, opened_at FROM session_question WHERE session_id = ? AND number = ?"
    rows = fetch(db, sql, (chunk.session_id, chunk.number)) if is_id(chunk.number) else []
    if not rows:
        raise holds.question_unknown()
    kind, limit, opened_at = rows[0]
    if limit is not None and opened_at is None:
        raise holds.question_not_opened()
    return kind, None if limit is None else times.from_epoch(opened_at + limit)


def _check_type(chunk: Chunk, kind: str) -> None:
    fitting = {"audio": ("audio/",), "video": ("audio/", "video/")}.get(kind, ())
    if chunk.media_type not in ENDINGS or not chunk.media_type.startswith(fitting):
        what = f"A question of kind {kind} takes no such recording."
        raise AnswerRefused("recording_type", what, f"send one of {', '.join(ENDINGS)} that fits the question.")
    if chunk.offset == 0 and not takes.begins_as(chunk.media_type, chunk.data):
        fix = "send the recording from its first byte, with its own type."
        raise AnswerRefused("recording_type", f"The bytes are not {chunk.media_type}.", fix)


def _too_large(what: str) -> AnswerRefused:
    return AnswerRefused("recording_too_large", what, "record a shorter answer.")


def check_first(db: Database, chunk: Chunk) -> None:
    """Raises AnswerRefused (wrong_offset, recording_closed) unless the chunk may begin a new take."""
    if chunk.offset != 0:
        raise _wrong_offset(0)
    sql = "SELECT count(*) FROM recording WHERE session_id = ? AND number = ?"
    if fetch(db, sql, (chunk.session_id, chunk.number))[0][0] >= TAKES_BEGUN:
        what = f"The question has been recorded {TAKES_BEGUN} times."
        raise AnswerRefused("recording_closed", what, "keep what is recorded as the answer.")


def by_its_file(known: Recorded, there: int) -> Recorded:
    """The take as its file is, which has `there` bytes: what a backup or a disk has lost of it is to be sent again."""
    is_short = known.state != DISCARDED and there < known.size
    return replace(known, size=there, state=UPLOADING) if is_short else known


def check_following(chunk: Chunk, known: Recorded) -> None:
    """Raises AnswerRefused (recording_type, recording_closed, wrong_offset) unless the chunk goes on with the take."""
    if known.number != chunk.number:
        raise AnswerRefused("recording_closed", "The take is another question's.", "begin a new take.")
    if known.media_type != chunk.media_type:
        raise AnswerRefused("recording_type", f"The take was begun as {known.media_type}.", "begin a new take.")
    if chunk.is_repetition_of(known):
        return
    if known.state != UPLOADING:
        raise AnswerRefused("recording_closed", f"The take is {known.state}.", "begin a new take.")
    if chunk.offset != known.size:
        raise _wrong_offset(known.size)


def _wrong_offset(size: int) -> AnswerRefused:
    return AnswerRefused("wrong_offset", f"{size} bytes are saved.", "go on at that byte.", size=size)


def check_total(db: Database, admitted: Admitted, chunk: Chunk) -> None:
    """Raises AnswerRefused (recording_too_large) if the session's takes would be more than anybody records in its time.

    However short the session is, one recording of the largest size fits.
    """
    access = admitted.locked.access
    most = max(chunk.limit, int((access.deadline - access.starts_at).total_seconds() * BYTES_A_SECOND))
    sql = "SELECT coalesce(sum(size), 0) FROM recording WHERE session_id = ? AND state <> ? AND take <> ?"
    others = fetch(db, sql, (chunk.session_id, DISCARDED, chunk.take))[0][0]
    if others + chunk.end > most:
        raise _too_large(f"The recordings of this interview have at most {most} bytes.")
