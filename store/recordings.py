"""Recorded answers: chunks become takes, takes become answers, and what is replaced or left behind goes.

A take is one recording of one question, sent in chunks. Bytes are on the disk before the record says so; after a crash
between the two, the next chunk is written over what the record does not know. Which chunk is taken, `chunks` knows.
"""

import logging
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from store import bulk, chunks, events, holds, readiness, recording_files, takes, times
from store.chunks import LIMIT_GRACE, TAKES_BEGUN, UPLOAD_ALLOWANCE, Admitted, Chunk
from store.database import Database, among, changing, execute, fetch
from store.errors import AnswerRefused, NotFound, RecordingsUnusable
from store.takes import COMPLETE, DISCARDED, ENDINGS, UPLOADING, Recorded, Take, find, of_session, status, suffix

__all__ = ["COMPLETE", "DISCARDED", "ENDINGS", "LIMIT_GRACE", "TAKES_BEGUN", "TAKES_KEPT", "UPLOADING", "UPLOAD_ALLOWANCE",
           "Recorded", "Take", "append", "find", "of_session", "opened", "path_of", "status", "suffix", "sweep"]  # fmt: skip

log = logging.getLogger(__name__)

TAKES_KEPT = 5
"""Takes of one question that are not discarded."""
LEFT_FOR = timedelta(days=1)
"""How long a file that the record does not know is left alone: its first chunk may be being saved."""
LEFT_BYTES = 256 * 1024
"""A crash leaves one chunk at most. A larger file was known once, to a record that has been lost."""


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
    recorded_at: datetime | None = None,
) -> Take:
    """Saves one chunk of a take at its offset; the first begins the take, the final one completes it.

    The last chunk sent again is answered as saved. `limit` is the largest size in bytes; `recorded_at` is when the recording
    began, which lets a take begin late that could not be sent in time. A question keeps TAKES_KEPT takes:
    a new one beyond takes the place of the oldest that is not complete, a complete one that of those complete before.

    Raises NotFound for an unknown session, RecordingsUnusable, and AnswerRefused: take_invalid, not_running (`state`),
    question_unknown, taken_over, recording_type, question_closed, recording_too_large, wrong_offset (`size`: the bytes
    saved), recording_closed. The record is then as before, and what was written of a new take is removed; what was
    written behind the saved bytes of another is written over by its next chunk.
    """
    if not takes.is_name(take):
        raise AnswerRefused("take_invalid", "This is no name of a take.", "give 16 to 43 letters, digits, - and _.")
    kind = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else ""
    asked = Chunk(session_id, number, take, page, kind, offset, chunk, is_final, limit, now, recorded_at)
    admitted = chunks.admit(db, asked)
    if admitted.known is None:
        chunks.check_first(db, asked)
        recording_files.check(folder, readiness.FREE_BYTES)
    with recording_files.locked(folder, session_id):
        return _append(db, asked, admitted, folder)


def _append(db: Database, chunk: Chunk, admitted: Admitted, folder: Path) -> Take:
    # Looked at again where no other request of this session can write: one may have been first.
    known = takes.known(db, chunk.session_id, chunk.take)
    if known is None:
        chunks.check_first(db, chunk)
    else:
        known = chunks.by_its_file(known, recording_files.size(folder, known.session_id, known.file_name))
        chunks.check_following(chunk, known)
        if chunk.changes_nothing(known):
            return known.as_take
    chunks.check_total(db, admitted, chunk)
    with recording_files.appending(folder, chunk.session_id, chunk.file_name) as file:
        try:
            _write(file, chunk, known)
            saved = _save(db, chunk)
        except (AnswerRefused, RecordingsUnusable):
            if known is None:
                _remove(folder, chunk.session_id, chunk.file_name)
            raise
    if known is None or chunk.is_final:
        # Also what a process that was killed here before had left.
        for old in takes.discarded(db, saved.session_id, saved.number):
            _remove(folder, old.session_id, old.file_name)
    return saved.as_take


def _write(file: recording_files.OpenRecording, chunk: Chunk, known: Recorded | None) -> None:
    if known is not None and chunk.is_repetition_of(known):
        # What is saved stays as it is; only its end may be new.
        file.write(b"", known.size, is_final=chunk.is_final)
    else:
        file.write(chunk.data, chunk.offset, is_final=chunk.is_final)


def _save(db: Database, chunk: Chunk) -> Recorded:
    """The take as it is now."""
    at, state = times.epoch(chunk.now), COMPLETE if chunk.is_final else UPLOADING
    place = (chunk.session_id, chunk.number)
    with changing(db):
        # A take-over or a finish that came while the bytes were written is not passed over.
        admitted = chunks.admit(db, chunk)
        if admitted.needs_hold:
            _hold(db, admitted, chunk)
        if admitted.known is None:
            execute(db, _MAKE_ROOM, (DISCARDED, at, *place, DISCARDED, *place, DISCARDED, COMPLETE, TAKES_KEPT - 1))
            row = (*place, chunk.take, chunk.page, chunk.media_type, chunk.end, state, at, at)
            execute(db, _ADD, row)
        else:
            execute(db, _GROW, (chunk.page, chunk.end, state, at, chunk.session_id, chunk.take))
        saved = takes.known(db, chunk.session_id, chunk.take)
        if chunk.is_final:
            execute(db, _REPLACE, (DISCARDED, at, *place, COMPLETE, saved.id, saved.id, chunk.page))
            _record(db, saved, at)
    return saved


def _hold(db: Database, admitted: Admitted, chunk: Chunk) -> None:
    if chunk.page != admitted.locked.standing.page:
        holds.take(db, chunk.session_id, chunk.page, times.epoch(chunk.now))
    holds.open_question(db, admitted.locked, chunk.number, chunk.now)


def _record(db: Database, saved: Recorded, at: float) -> None:
    data = {"recording": saved.id, "question": saved.number, "size": saved.size}
    events.record(db, "recorded", at=at, interview_id=saved.interview_id, **data)


_ADD = (
    "INSERT INTO recording (session_id, number, take, page, media_type, size, state, started_at, changed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GROW = "UPDATE recording SET page = ?, size = ?, state = ?, changed_at = ? WHERE session_id = ? AND take = ?"
# The answer is kept, and after it the newest.
_MAKE_ROOM = (
    "UPDATE recording SET state = ?, changed_at = ? WHERE session_id = ? AND number = ? AND state <> ? AND id NOT IN"
    " (SELECT id FROM recording WHERE session_id = ? AND number = ? AND state <> ?"
    " ORDER BY state = ? DESC, id DESC LIMIT ?)"
)
# The one finished last is the answer; but a page that comes late with its rest does not undo what another began since.
_REPLACE = (
    "UPDATE recording SET state = ?, changed_at = ? WHERE session_id = ? AND number = ? AND state = ? AND id <> ?"
    " AND (id < ? OR page = ?)"
)


def _remove(folder: Path, session_id: int, name: str) -> None:
    try:
        recording_files.remove(folder, session_id, name)
    except RecordingsUnusable as trouble:
        # What the page is told does not hang on it; the sweep tries again.
        log.warning("A file of a recording stays that should go: %s", trouble.line())


def path_of(folder: Path, recorded: Recorded) -> Path:
    """Where the file of a recording lies; a discarded one has none."""
    return folder / str(recorded.session_id) / recorded.file_name


def opened(folder: Path, recorded: Recorded) -> BinaryIO:
    """The file, to read: its first `recorded.size` bytes are the recording. No symbolic link is followed.

    Raises NotFound for a discarded one, RecordingsUnusable for one whose file is gone or has lost bytes.
    """
    if recorded.state == DISCARDED:
        raise NotFound("recording_id", recorded.id)
    return recording_files.opened(folder, recorded.session_id, recorded.file_name, recorded.size)


def sweep(db: Database, folder: Path, now: datetime) -> int:
    """Removes what crashes left: files of discarded takes, and single chunks a day old that no take knows.

    Gives how many. A session that the record does not have keeps all: the folder may be another record's. Raises
    RecordingsUnusable and DatabaseUnusable.
    """
    found = recording_files.found(folder)
    states = _states(db, {file.session_id for file in found})
    left = [file for file in found if _is_left(file, states, now)]
    removed = 0
    for file in left:
        with recording_files.locked(folder, file.session_id):
            # Its page may have gone on with it meanwhile.
            if _is_left(file, _states(db, {file.session_id}), now):
                recording_files.remove(folder, file.session_id, file.name)
                removed += 1
    return removed


def _states(db: Database, session_ids: set[int]) -> dict[int, dict[str, str]]:
    """The states of the takes of those sessions that the record has, by session and file name."""
    sql = (
        "SELECT s.id, r.number, r.take, r.media_type, r.state FROM interview_session s"
        f" LEFT JOIN recording r ON r.session_id = s.id WHERE {among(db, 's.id')}"
    )
    states: dict[int, dict[str, str]] = {}
    for session, number, take, media_type, state in fetch(db, sql, (bulk.values(db, session_ids),)):
        of_one = states.setdefault(session, {})
        if take is not None:
            of_one[takes.file_name(number, take, media_type)] = state
    return states


_NAME = re.compile(rf"[0-9]+-{holds.PAGE.pattern}\.(webm|ogg|mp4)")


def _is_left(file: recording_files.Found, states: dict[int, dict[str, str]], now: datetime) -> bool:
    if file.session_id not in states or not _NAME.fullmatch(file.name):
        return False
    state = states[file.session_id].get(file.name)
    if state is None:
        return file.size <= LEFT_BYTES and file.changed_at < times.epoch(now - LEFT_FOR)
    return state == DISCARDED
