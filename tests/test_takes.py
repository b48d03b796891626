"""Takes as the record knows them: found by id and by name, with types and names of files that cannot surprise."""

import pytest
import recording_studio
from booking_desk import MINUTE, SECOND
from recording_studio import OTHER_TAKE, PAGE, TAKE, WEBM

from store import recordings, takes
from store.errors import NotFound
from store.takes import Take

session_id, folder, send = recording_studio.session_id, recording_studio.folder, recording_studio.send


def test_a_take_that_nobody_knows_has_no_status(desk, session_id):
    assert [takes.status(desk.db, session_id, take) for take in (TAKE, "", "a\x00b", "\ud800")] == [None] * 4


@pytest.mark.parametrize("wrong", [0, 99, 2**64, True, "1"])
def test_an_unknown_recording_is_named(desk, wrong):
    with pytest.raises(NotFound, match="recording_id"):
        takes.find(desk.db, wrong)


def test_ops_find_and_read_a_recording(desk, send, folder, session_id, booked):
    send(later=SECOND)
    send(b"end", 100, is_final=True, later=MINUTE)
    found = takes.find(desk.db, 1)
    assert (found.session_id, found.interview_id, found.number, found.size) == (session_id, booked.interview_id, 3, 103)
    assert (found.started_at, found.changed_at) == (desk.now + SECOND, desk.now + MINUTE)
    assert recordings.path_of(folder, found).read_bytes() == WEBM + b"end"
    with recordings.opened(folder, found) as file:
        assert file.read() == WEBM + b"end"


@pytest.mark.parametrize(("media_type", "ending", "first"), [
    ("video/webm", "webm", WEBM), ("Video/WebM;codecs=vp8,opus", "webm", WEBM), ("audio/webm; codecs=opus", "webm", WEBM),
    ("audio/ogg", "ogg", b"OggS\x00\x02"), ("audio/mp4", "mp4", b"\x00\x00\x00\x18ftypM4A "),
    ("video/mp4", "mp4", b"\x00\x00\x00\x18ftypisom"),
])  # fmt: skip
def test_each_type_that_browsers_record_is_taken(send, folder, media_type, ending, first):
    taken = send(first, media_type=media_type)
    assert taken.media_type == media_type.partition(";")[0].lower()
    assert next(folder.rglob(f"3-{TAKE}.*")).name == f"3-{TAKE}.{ending}"
    assert takes.suffix(taken.media_type) == f".{ending}"


def test_a_take_is_known_by_its_session_and_name(desk, send, session_id):
    send(number=2, media_type="audio/webm")
    known = takes.known(desk.db, session_id, TAKE)
    assert (known.number, known.page, known.state, known.file_name) == (2, PAGE, "uploading", f"2-{TAKE}.webm")
    assert known.as_take == takes.status(desk.db, session_id, TAKE) == Take(TAKE, "audio/webm", 100, "uploading")
    assert takes.known(desk.db, session_id + 1, TAKE) is None


def test_discarded_takes_are_listed_apart(desk, send, session_id):
    for take in (TAKE, OTHER_TAKE):
        send(take=take)
    desk.change("UPDATE recording SET state = 'discarded' WHERE take = ?", TAKE)
    assert [kept.take for kept in takes.of_session(desk.db, session_id)] == [OTHER_TAKE]
    assert [gone.take for gone in takes.discarded(desk.db, session_id, 3)] == [TAKE]
    assert takes.discarded(desk.db, session_id, 2) == []


@pytest.mark.parametrize(("media_type", "first"), [
    ("video/webm", b"OggS"), ("audio/ogg", b"\x1a\x45\xdf\xa3"), ("audio/mp4", b"ftypM4A "), ("audio/mp4", b""),
    ("audio/webm", b"\x1a\x45\xdf"),
])  # fmt: skip
def test_the_first_bytes_tell_a_type(media_type, first):
    assert not takes.begins_as(media_type, first)


@pytest.mark.parametrize("name", ["", "short", "x" * 44, "x" * 20 + "\n", "../" * 8, "\u0938" * 20, None])
def test_a_takes_name_is_letters_and_digits(name):
    assert not takes.is_name(name)
