"""Recorded answers: which bytes of which take are taken, and what is known of each. The files are `recording_files`'.

A take is one recording of one question, sent in chunks. Bytes are on the disk before the record says so; after a crash
between the two, the next chunk is written over what the record does not know.
"""

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from store import events, holds, recording_files, times
from store.database import Database, changing, execute, fetch
from store.errors import AnswerRefused, NotFound, RecordingsUnusable
from store.holds import Locked
from store.ids import is_id

log = logging.getLogger(__name__)

UPLOADING, COMPLETE, DISCARDED = "uploading", "complete", "discarded"
ENDINGS = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4", "video/webm": "webm", "video/mp4": "mp4"}
TAKES_KEPT = 20
"""Takes of one session that are not discarded."""
LIMIT_GRACE = timedelta(seconds=15)
"""How long after a question's own time its answer or a new take is still saved."""
UPLOAD_ALLOWANCE = timedelta(minutes=10)
"""How long after a question is closed a take that was begun in time may still be sent."""


@dataclass(frozen=True, slots=True)
class Take:
    """A take as its page knows it: its id, and how many bytes are saved."""

    take: str
    media_type: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A take as ops know it. `state` is uploading, complete or discarded (its file is gone); instants are aware UTC."""

    id: int
    session_id: int
    interview_id: int
    number: int
    take: str
    media_type: str
    size: int
    state: str
    started_at: datetime
    changed_at: datetime

    @property
    def file_name(self) -> str:
        return _file_name(self.number, self.take, self.media_type)


@dataclass(frozen=True, slots=True)
class _Chunk:
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

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def is_repetition_of(self, known: Recorded) -> bool:
        """The chunk saved last, sent again because its answer was lost. A final one may have been empty."""
        return self.end == known.size and (bool(self.data) or known.state != UPLOADING)

    def changes_nothing(self, known: Recorded | None) -> bool:
        return known is not None and self.is_repetition_of(known) and (known.state != UPLOADING or not self.is_final)


def append(
    db: Database,
    session_id: int,
    number: int,
    take: str,
    *,
    page: str,
    media_type: str,
    offset: int,
    chunk: bytes,
    is_final: bool,
    folder: Path,
    limit: int,
    now: datetime,
) -> Take:
    """Saves one chunk of a take at its offset; the first begins the take, the final one completes it.

    The last chunk sent again is answered as saved. A complete take replaces older complete ones of its question, whose
    files are removed. `limit` is the largest size in bytes. Raises NotFound for an unknown session, RecordingsUnusable,
    and AnswerRefused: take_invalid, not_running (`state`), question_unknown, taken_over, recording_type, recording_closed,
    question_closed, wrong_offset (`size`: the bytes saved), recording_too_large. Nothing is saved then.
    """
    if not _is_take(take):
        raise AnswerRefused("take_invalid", "This is no name of a take.", "give 16 to 43 letters, digits, - and _.")
    kind = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else ""
    asked = _Chunk(session_id, number, take, page, kind, offset, chunk, is_final, limit, now)
    known = _checked(db, asked).known
    if asked.changes_nothing(known):
        return _take(known)
    with recording_files.appending(folder, session_id, _file_name(number, take, kind)) as file:
        # Looked at again where no other request for this take can write: one may have been first.
        known = _checked(db, asked).known
        if asked.changes_nothing(known):
            return _take(known)
        file.write(chunk, offset, is_final=is_final)
        saved = _save(db, asked)
    if is_final:
        _remove_discarded(db, saved, folder)
    return _take(saved)


def _is_take(take: object) -> bool:
    return isinstance(take, str) and re.fullmatch(r"[A-Za-z0-9_-]{16,43}", take) is not None


def _take(recorded: Recorded) -> Take:
    return Take(recorded.take, recorded.media_type, recorded.size, recorded.state)


def _file_name(number: int, take: str, media_type: str) -> str:
    return f"{number}-{take}{suffix(media_type)}"


def suffix(media_type: str) -> str:
    """The ending of a file of a type that recordings have, with its dot."""
    return f".{ENDINGS[media_type]}"


@dataclass(frozen=True, slots=True)
class _Admitted:
    locked: Locked
    known: Recorded | None
    """None for a new take."""


def _checked(db: Database, chunk: _Chunk) -> _Admitted:
    """How the session and the take stand. Raises AnswerRefused for a chunk that may not be saved.

    Inside a transaction they stay so until its end.
    """
    locked = holds.lock(db, chunk.session_id, chunk.now)
    holds.check_running(locked)
    kind, closes_at = _question(db, chunk)
    if not locked.standing.admits(chunk.page):
        raise holds.taken_over()
    _check_type(chunk, kind)
    known = _find(db, "r.session_id = ? AND r.take = ?", chunk.session_id, chunk.take)
    if known is None:
        _check_first(db, chunk)
    else:
        _check_following(chunk, known)
    if closes_at is not None:
        _check_in_time(chunk, closes_at + LIMIT_GRACE + (timedelta(0) if known is None else UPLOAD_ALLOWANCE))
    if chunk.end > chunk.limit:
        fix = "record a shorter answer."
        raise AnswerRefused("recording_too_large", f"A recording has at most {chunk.limit} bytes.", fix)
    return _Admitted(locked, known)


def _question(db: Database, chunk: _Chunk) -> tuple[str, datetime | None]:
    """The question's kind, and when its own time is over."""
    sql = "SELECT kind, opened_at + time_limit_seconds FROM session_question WHERE session_id = ? AND number = ?"
    rows = fetch(db, sql, (chunk.session_id, chunk.number)) if is_id(chunk.number) else []
    if not rows:
        raise holds.question_unknown()
    kind, closes_at = rows[0]
    return kind, None if closes_at is None else times.from_epoch(closes_at)


def _check_in_time(chunk: _Chunk, closed_at: datetime) -> None:
    if chunk.now >= closed_at:
        raise AnswerRefused("question_closed", "The time for this question is over.", "go on to the next question.")


def _check_type(chunk: _Chunk, kind: str) -> None:
    fitting = {"audio": ("audio/",), "video": ("audio/", "video/")}.get(kind, ())
    if chunk.media_type not in ENDINGS or not chunk.media_type.startswith(fitting):
        what = f"A question of kind {kind} takes no such recording."
        raise AnswerRefused("recording_type", what, f"send one of {', '.join(ENDINGS)} that fits the question.")


def _check_first(db: Database, chunk: _Chunk) -> None:
    if chunk.offset != 0:
        raise _wrong_offset(0)
    if not _begins_as(chunk.media_type, chunk.data):
        fix = "send the recording from its first byte, with its own type."
        raise AnswerRefused("recording_type", f"The bytes are not {chunk.media_type}.", fix)
    sql = "SELECT count(*) FROM recording WHERE session_id = ? AND state <> ?"
    if fetch(db, sql, (chunk.session_id, DISCARDED))[0][0] >= TAKES_KEPT:
        what = f"The interview has {TAKES_KEPT} recordings already."
        raise AnswerRefused("recording_closed", what, "keep one of them as the answer.")


def _begins_as(media_type: str, data: bytes) -> bool:
    """RFC 8794 section 11.2.1 (EBML), RFC 3533 section 6 (Ogg), ISO/IEC 14496-12 section 4.3 (ftyp)."""
    if ENDINGS[media_type] == "mp4":
        return data[4:8] == b"ftyp"
    return data.startswith(b"OggS" if ENDINGS[media_type] == "ogg" else b"\x1a\x45\xdf\xa3")


def _check_following(chunk: _Chunk, known: Recorded) -> None:
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


def _save(db: Database, chunk: _Chunk) -> Recorded:
    at, state = times.epoch(chunk.now), COMPLETE if chunk.is_final else UPLOADING
    with changing(db):
        # A take-over or a finish that came while the bytes were written is not passed over.
        admitted = _checked(db, chunk)
        if chunk.page != admitted.locked.standing.page:
            holds.take(db, chunk.session_id, chunk.page, at)
        holds.open_question(db, admitted.locked, chunk.number, chunk.now)
        if admitted.known is None:
            row = (chunk.session_id, chunk.number, chunk.take, chunk.media_type, chunk.end, state, at, at)
            execute(db, _ADD, row)
        else:
            execute(db, _GROW, (chunk.end, state, at, chunk.session_id, chunk.take))
        saved = _find(db, "r.session_id = ? AND r.take = ?", chunk.session_id, chunk.take)
        if chunk.is_final:
            execute(db, _DISCARD, (DISCARDED, at, saved.session_id, saved.number, COMPLETE, saved.id))
            events.record(
                db, "recorded", at=at, interview_id=saved.interview_id, recording=saved.id, question=saved.number,
                size=saved.size,
            )  # fmt: skip
    return saved


_ADD = (
    "INSERT INTO recording (session_id, number, take, media_type, size, state, started_at, changed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_GROW = "UPDATE recording SET size = ?, state = ?, changed_at = ? WHERE session_id = ? AND take = ?"
_DISCARD = "UPDATE recording SET state = ?, changed_at = ? WHERE session_id = ? AND number = ? AND state = ? AND id < ?"


def _remove_discarded(db: Database, saved: Recorded, folder: Path) -> None:
    """Also what a process that was killed here before had left."""
    for old in _all(db, "r.session_id = ? AND r.number = ? AND r.state = ?", saved.session_id, saved.number, DISCARDED):
        try:
            recording_files.remove(folder, old.session_id, old.file_name)
        except RecordingsUnusable as trouble:
            # The new take is saved, which is what its page asks; the next complete one tries again.
            log.warning("Recording %s is discarded, but its file stays: %s", old.id, trouble.line())


_ROWS = (
    "SELECT r.id, r.session_id, s.interview_id, r.number, r.take, r.media_type, r.size, r.state, r.started_at, r.changed_at"
    " FROM recording r JOIN interview_session s ON s.id = r.session_id"
)


def _all(db: Database, condition: str, *parameters: object) -> list[Recorded]:
    rows = fetch(db, f"{_ROWS} WHERE {condition} ORDER BY r.id", parameters)
    return [Recorded(*row[:8], *map(times.from_epoch, row[8:])) for row in rows]


def _find(db: Database, condition: str, *parameters: object) -> Recorded | None:
    return next(iter(_all(db, condition, *parameters)), None)


def status(db: Database, session_id: int, take: str) -> Take | None:
    """How much of a take is saved, for a page that goes on with it; None if nothing is known of it."""
    known = _find(db, "r.session_id = ? AND r.take = ?", session_id, take) if _is_take(take) else None
    return None if known is None else _take(known)


def of_session(db: Database, session_id: int) -> list[Recorded]:
    """All takes of a session that are not discarded, oldest first."""
    return _all(db, "r.session_id = ? AND r.state <> ?", session_id, DISCARDED)


def find(db: Database, recording_id: int) -> Recorded:
    """The recording with that id, for ops. Raises NotFound."""
    known = _find(db, "r.id = ?", recording_id) if is_id(recording_id) else None
    if known is None:
        raise NotFound("recording_id", recording_id)
    return known


def path_of(folder: Path, recorded: Recorded) -> Path:
    """Where the file of a recording lies; a discarded one has none."""
    return folder / str(recorded.session_id) / recorded.file_name


def opened(folder: Path, recorded: Recorded) -> BinaryIO:
    """The file, to read: its first `recorded.size` bytes are the recording. No symbolic link is followed.

    Raises NotFound for a discarded one, RecordingsUnusable for one whose file is gone.
    """
    if recorded.state == DISCARDED:
        raise NotFound("recording_id", recorded.id)
    return recording_files.opened(folder, recorded.session_id, recorded.file_name)
