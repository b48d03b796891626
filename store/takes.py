"""The takes of recorded answers as the record knows them: their states, their types, their files' names. Only reads."""

from dataclasses import dataclass
from datetime import datetime

from store import holds, times
from store.database import Database, fetch
from store.errors import NotFound
from store.ids import is_id

UPLOADING, COMPLETE, DISCARDED = "uploading", "complete", "discarded"
ENDINGS = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4", "video/webm": "webm", "video/mp4": "mp4"}


@dataclass(frozen=True, slots=True)
class Take:
    """A take as its page knows it: its id, and how many bytes are saved."""

    take: str
    media_type: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A take as ops know it. `state` is uploading, complete or discarded (its file is gone); instants are aware UTC.

    `page` is the page that it belongs to: the one that began it, or the holder that went on with it.
    """

    id: int
    session_id: int
    interview_id: int
    number: int
    take: str
    page: str
    media_type: str
    size: int
    state: str
    started_at: datetime
    changed_at: datetime

    @property
    def file_name(self) -> str:
        return file_name(self.number, self.take, self.media_type)

    @property
    def as_take(self) -> Take:
        return Take(self.take, self.media_type, self.size, self.state)


def is_name(take: object) -> bool:
    """Whether it can be a take's name, which its page makes as it makes its own."""
    return isinstance(take, str) and holds.PAGE.fullmatch(take) is not None


def file_name(number: int, take: str, media_type: str) -> str:
    """The name of the file in its session's folder."""
    return f"{number}-{take}{suffix(media_type)}"


def suffix(media_type: str) -> str:
    """The ending of a file of a type that recordings have, with its dot."""
    return f".{ENDINGS[media_type]}"


def begins_as(media_type: str, data: bytes) -> bool:
    """Whether a file of that type can begin so.

    RFC 8794 section 11.2.1 (EBML), RFC 3533 section 6 (Ogg), ISO/IEC 14496-12 section 4.3 (ftyp).
    """
    if ENDINGS[media_type] == "mp4":
        return data[4:8] == b"ftyp"
    return data.startswith(b"OggS" if ENDINGS[media_type] == "ogg" else b"\x1a\x45\xdf\xa3")


_ROWS = (
    "SELECT r.id, r.session_id, s.interview_id, r.number, r.take, r.page, r.media_type, r.size, r.state, r.started_at,"
    " r.changed_at FROM recording r JOIN interview_session s ON s.id = r.session_id"
)


def _all(db: Database, condition: str, *parameters: object) -> list[Recorded]:
    rows = fetch(db, f"{_ROWS} WHERE {condition} ORDER BY r.id", parameters)
    return [Recorded(*row[:9], *map(times.from_epoch, row[9:])) for row in rows]


def known(db: Database, session_id: int, take: str) -> Recorded | None:
    """The take of a session with that name, discarded or not; None for a new one."""
    return next(iter(_all(db, "r.session_id = ? AND r.take = ?", session_id, take)), None)


def find(db: Database, recording_id: int) -> Recorded:
    """The recording with that id, for ops. Raises NotFound."""
    found = _all(db, "r.id = ?", recording_id) if is_id(recording_id) else []
    if not found:
        raise NotFound("recording_id", recording_id)
    return found[0]


def of_session(db: Database, session_id: int) -> list[Recorded]:
    """All takes of a session that are not discarded, oldest first."""
    return _all(db, "r.session_id = ? AND r.state <> ?", session_id, DISCARDED)


def discarded(db: Database, session_id: int, number: int) -> list[Recorded]:
    """The takes of a question whose files are to go, or gone, oldest first."""
    return _all(db, "r.session_id = ? AND r.number = ? AND r.state = ?", session_id, number, DISCARDED)


def status(db: Database, session_id: int, take: str) -> Take | None:
    """How much of a take is saved, for a page that goes on with it; None if nothing is known of it."""
    found = known(db, session_id, take) if is_name(take) else None
    return None if found is None else found.as_take
