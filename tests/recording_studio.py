"""A running interview that is recorded: its session, a way to send chunks, and looks at the files and the rows."""

import resource
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from booking_desk import Desk

from store import recordings
from store.errors import AnswerRefused
from store.recordings import Take

PAGE, TAKE = "page-aaaaaaaaaaaaaaaa", "take-aaaaaaaaaaaaaaaa"
OTHER_PAGE, OTHER_TAKE = "page-bbbbbbbbbbbbbbbb", "other-take-bbbbbbbbbb"
WEBM = b"\x1a\x45\xdf\xa3" + b"w" * 96


def begun(desk: Desk, interview_id: int) -> int:
    """The session of the interview, which runs now: a text, an audio and a video question, held by PAGE."""
    desk.begin(interview_id)
    found = desk.rows("SELECT id FROM interview_session WHERE interview_id = ?", interview_id)[0][0]
    for number, kind in enumerate(("text", "audio", "video"), 1):
        sql = "INSERT INTO session_question (session_id, number, text, kind) VALUES (?, ?, 'Who', ?)"
        desk.change(sql, found, number, kind)
    desk.change("UPDATE interview_session SET page = ?, held_at = ? WHERE id = ?", PAGE, desk.epoch, found)
    return found


def sender(desk: Desk, session_id: int, folder: Path):
    """Sends a chunk of a take of the video question, as its holder and in time, unless told otherwise."""

    def send(chunk=WEBM, offset=0, *, number=3, take=TAKE, later=timedelta(0), **changes) -> Take:
        usual = {"page": PAGE, "media_type": "video/webm", "is_final": False, "folder": folder, "limit": 1_000_000}
        return recordings.append(
            desk.db, session_id, number, take, offset=offset, chunk=chunk, now=desk.now + later, **(usual | changes)
        )

    return send


@pytest.fixture
def session_id(desk, booked):
    return begun(desk, booked.interview_id)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "recordings"


@pytest.fixture
def send(desk, session_id, folder):
    return sender(desk, session_id, folder)


def refusal(send, *arguments, **changes) -> str:
    with pytest.raises(AnswerRefused) as caught:
        send(*arguments, **changes)
    return caught.value.code


def files(folder: Path) -> dict[str, bytes]:
    """What lies in the sessions' folders."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("[0-9]*/*")}


def rows(desk: Desk) -> list[tuple[str, int, str]]:
    return desk.rows("SELECT take, size, state FROM recording ORDER BY id")


@contextmanager
def files_of_at_most(size: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
