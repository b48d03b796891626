"""Recorded answers: which bytes are taken in which order, how a lost answer or a crash is made good, and what is kept."""

import json
import resource
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from booking_desk import MINUTE, SECOND
from test_booking_races import race

from store import recordings
from store.errors import AnswerRefused, NotFound, RecordingsUnusable
from store.recordings import Take

PAGE, TAKE = "page-aaaaaaaaaaaaaaaa", "take-aaaaaaaaaaaaaaaa"
WEBM = b"\x1a\x45\xdf\xa3" + b"w" * 96


@pytest.fixture
def session_id(desk, booked):
    """The session of a running interview: a text question, an audio and a video question, held by PAGE."""
    desk.begin(booked.interview_id)
    found = desk.rows("SELECT id FROM interview_session")[0][0]
    for number, kind in enumerate(("text", "audio", "video"), 1):
        desk.change(
            "INSERT INTO session_question (session_id, number, text, kind) VALUES (?, ?, 'Who', ?)",
            found,
            number,
            kind,
        )
    desk.change("UPDATE interview_session SET page = ?, held_at = ?", PAGE, desk.epoch)
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "recordings"


@pytest.fixture
def send(desk, session_id, folder):
    """Sends a chunk of a take of the video question, as its holder and in time, unless told otherwise."""

    def send(chunk=WEBM, offset=0, *, number=3, take=TAKE, later=timedelta(0), **changes):
        usual = {"page": PAGE, "media_type": "video/webm", "is_final": False, "folder": folder, "limit": 1_000_000}
        return recordings.append(
            desk.db, session_id, number, take, offset=offset, chunk=chunk, now=desk.now + later, **(usual | changes)
        )

    return send


def refusal(send, *arguments, **changes):
    with pytest.raises(AnswerRefused) as caught:
        send(*arguments, **changes)
    return caught.value.code


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def state(desk):
    return desk.rows("SELECT take, size, state FROM recording ORDER BY id")


def test_chunks_in_their_order_become_the_recording(desk, send, session_id, folder):
    assert send() == Take(TAKE, "video/webm", 100, "uploading")
    assert send(b"second", 100).size == 106
    assert send(b"end", 106, is_final=True) == Take(TAKE, "video/webm", 109, "complete")
    assert files(folder) == {f"{session_id}/3-{TAKE}.webm": WEBM + b"secondend"}
    assert recordings.status(desk.db, session_id, TAKE) == Take(TAKE, "video/webm", 109, "complete")


def test_one_chunk_may_be_all(send):
    assert send(is_final=True).state == "complete"


def test_an_empty_last_chunk_completes_the_take(send):
    send()
    assert send(b"", 100, is_final=True) == send(b"", 100, is_final=True) == Take(TAKE, "video/webm", 100, "complete")


def test_a_take_that_nobody_knows_has_no_status(desk, session_id):
    assert [recordings.status(desk.db, session_id, take) for take in (TAKE, "", "a\x00b", "\ud800")] == [None] * 4


@pytest.mark.parametrize("offset", [1, 99, 101, 106])
def test_a_chunk_at_another_place_learns_how_much_is_saved(send, folder, offset):
    send()
    with pytest.raises(AnswerRefused) as caught:
        send(b"second", offset)
    assert (caught.value.code, caught.value.data) == ("wrong_offset", {"size": 100})
    assert list(files(folder).values()) == [WEBM]


def test_a_take_begins_at_its_first_byte(send, folder):
    with pytest.raises(AnswerRefused) as caught:
        send(WEBM, 5)
    assert (caught.value.data, folder.exists()) == ({"size": 0}, False)


@pytest.mark.parametrize("is_final", [False, True])
def test_a_chunk_whose_answer_was_lost_is_answered_again(desk, send, folder, is_final):
    send()
    first = send(b"second", 100, is_final=is_final)
    assert send(b"second", 100, is_final=is_final) == first
    assert list(files(folder).values()) == [WEBM + b"second"]
    assert desk.event_kinds().count("recorded") == is_final


def test_the_last_chunk_sent_again_as_final_completes_the_take(send):
    send()
    assert send(WEBM, 0, is_final=True) == Take(TAKE, "video/webm", 100, "complete")


def test_a_complete_take_is_closed(send, folder):
    send(is_final=True)
    assert refusal(send, b"more", 100) == "recording_closed"
    assert list(files(folder).values()) == [WEBM]


def test_bytes_that_a_crash_left_behind_are_written_over_and_cut_off(send, folder):
    send()
    path = next(folder.rglob("*.webm"))
    path.write_bytes(WEBM + b"never!, not committed")
    assert send(b"second", 100).size == 106
    assert path.read_bytes() == WEBM + b"second, not committed"
    send(b"end", 106, is_final=True)
    assert path.read_bytes() == WEBM + b"secondend"


def test_a_crash_before_the_first_commit_leaves_nothing_in_the_way(desk, send, folder, session_id):
    (folder / str(session_id)).mkdir(parents=True)
    (folder / str(session_id) / f"3-{TAKE}.webm").write_bytes(b"torn" * 100)
    assert send(is_final=True).size == 100
    assert list(files(folder).values()) == [WEBM]


def test_a_file_that_lost_saved_bytes_stops_the_take(desk, send, folder):
    send()
    next(folder.rglob("*.webm")).write_bytes(b"short")
    with pytest.raises(RecordingsUnusable, match="has 5 bytes, where 100 had been saved"):
        send(b"second", 100)
    assert state(desk) == [(TAKE, 100, "uploading")]


@pytest.mark.parametrize(("media_type", "ending", "first"), [
    ("video/webm", "webm", WEBM), ("Video/WebM;codecs=vp8,opus", "webm", WEBM), ("audio/webm; codecs=opus", "webm", WEBM),
    ("audio/ogg", "ogg", b"OggS\x00\x02"), ("audio/mp4", "mp4", b"\x00\x00\x00\x18ftypM4A "),
    ("video/mp4", "mp4", b"\x00\x00\x00\x18ftypisom"),
])  # fmt: skip
def test_each_type_that_browsers_record_is_taken(send, folder, media_type, ending, first):
    taken = send(first, media_type=media_type)
    assert taken.media_type == media_type.partition(";")[0].lower()
    assert next(folder.rglob(f"3-{TAKE}.*")).name == f"3-{TAKE}.{ending}"
    assert recordings.suffix(taken.media_type) == f".{ending}"


@pytest.mark.parametrize(("number", "media_type", "first"), [
    (3, "video/webm", b"<html>" * 5), (3, "video/webm", b""), (3, "video/webm", b"\x1a\x45\xdf"),
    (3, "audio/ogg", WEBM), (3, "video/mp4", WEBM), (3, "video/quicktime", WEBM), (3, "", WEBM), (3, "text/html", WEBM),
    (3, None, WEBM), (2, "video/webm", WEBM), (1, "audio/webm", WEBM),
])  # fmt: skip
def test_bytes_or_types_that_do_not_fit_make_no_file(desk, send, folder, number, media_type, first):
    assert refusal(send, first, number=number, media_type=media_type) == "recording_type"
    assert (desk.count("recording"), folder.exists()) == (0, False)


def test_an_audio_question_takes_audio(send):
    assert send(number=2, media_type="audio/webm").size == 100


def test_a_take_stays_with_its_type_and_its_question(send):
    send(media_type="audio/webm")
    assert refusal(send, b"second", 100, media_type="video/webm") == "recording_type"
    assert refusal(send, b"second", 100, number=2, media_type="audio/webm") == "recording_closed"


def test_a_recording_ends_at_its_limit(desk, send):
    assert send(limit=100).size == 100
    assert refusal(send, b"x", 100, limit=100) == "recording_too_large"
    assert refusal(send, take="other-" + TAKE, limit=99) == "recording_too_large"
    assert state(desk) == [(TAKE, 100, "uploading")]


@pytest.mark.parametrize(
    "take", ["../../../etc/passwd", "short", "x" * 44, TAKE + "\n", TAKE + "/", "\u0938" * 20, None]
)
def test_what_is_no_name_of_a_take_reaches_no_file(send, folder, take):
    assert refusal(send, take=take) == "take_invalid"
    assert not folder.exists()


@pytest.mark.parametrize("number", [0, 4, 2**70, True])
def test_an_unknown_question_is_refused(send, number):
    assert refusal(send, number=number) == "question_unknown"


def test_an_unknown_session_is_refused(desk, folder):
    with pytest.raises(NotFound, match="session_id"):
        recordings.append(desk.db, 99, 1, TAKE, page=PAGE, media_type="audio/webm", offset=0, chunk=WEBM, is_final=False,
                          folder=folder, limit=1000, now=desk.now)  # fmt: skip


def test_only_the_page_that_holds_the_interview_records(desk, send, folder):
    assert refusal(send, page="page-bbbbbbbbbbbbbbbb") == "taken_over"
    assert not folder.exists()
    assert send().size == 100


@pytest.mark.parametrize("statement", ["SET page = NULL, held_at = NULL", "SET held_at = held_at - 30"])
def test_a_hold_that_nobody_has_is_taken_by_a_recording(desk, send, statement):
    desk.change(f"UPDATE interview_session {statement}")
    assert send(page="page-bbbbbbbbbbbbbbbb").size == 100
    assert desk.rows("SELECT page, held_at FROM interview_session") == [("page-bbbbbbbbbbbbbbbb", desk.epoch)]
    assert refusal(send, b"second", 100) == "taken_over"


def test_a_recording_opens_its_question_and_no_other(desk, send):
    send()
    assert desk.rows("SELECT opened_at FROM session_question ORDER BY number") == [(None,), (None,), (desk.epoch,)]


def test_a_take_over_while_bytes_are_written_is_not_passed_over(desk, send, monkeypatch):
    written = recordings.recording_files.OpenRecording.write

    def write(*arguments, **changes):
        written(*arguments, **changes)
        desk.change("UPDATE interview_session SET page = 'page-bbbbbbbbbbbbbbbb'")

    send()
    monkeypatch.setattr(recordings.recording_files.OpenRecording, "write", write)
    assert refusal(send, b"second", 100) == "taken_over"
    assert state(desk) == [(TAKE, 100, "uploading")]


def test_recordings_are_taken_until_the_end_of_the_grace(desk, send, tomorrow):
    over = tomorrow + timedelta(hours=1, seconds=30) - desk.now
    assert send(later=over - SECOND).size == 100
    with pytest.raises(AnswerRefused) as caught:
        send(b"second", 100, later=over)
    assert (caught.value.code, caught.value.data) == ("not_running", {"state": "done"})


def test_nothing_is_recorded_before_the_interview_has_begun(desk, send):
    desk.change("UPDATE interview_session SET begun_at = NULL")
    assert refusal(send) == "not_running"


def test_a_take_begins_within_its_questions_time(desk, send):
    desk.change("UPDATE session_question SET opened_at = ?, time_limit_seconds = 60", desk.epoch)
    assert refusal(send, later=75 * SECOND) == "question_closed"
    assert send(later=74 * SECOND).size == 100


def test_a_take_that_was_begun_in_time_is_sent_to_its_end(desk, send):
    desk.change("UPDATE session_question SET opened_at = ?, time_limit_seconds = 60", desk.epoch)
    send(later=74 * SECOND)
    assert send(b"second", 100, later=75 * SECOND + 10 * MINUTE - SECOND).size == 106
    assert refusal(send, b"third", 106, later=75 * SECOND + 10 * MINUTE) == "question_closed"


def test_a_new_complete_take_replaces_the_older_one_and_its_file(desk, send, session_id, folder):
    send(is_final=True)
    send(take="other-" + TAKE)
    assert len(files(folder)) == 2
    send(b"end", 100, take="other-" + TAKE, is_final=True)
    assert state(desk) == [(TAKE, 100, "discarded"), ("other-" + TAKE, 103, "complete")]
    assert list(files(folder)) == [f"{session_id}/3-other-{TAKE}.webm"]
    assert [kept.take for kept in recordings.of_session(desk.db, session_id)] == ["other-" + TAKE]


def test_a_complete_take_leaves_other_questions_and_unfinished_takes_alone(desk, send, folder):
    send(take="half-" + TAKE)
    send(number=2, take="audio-" + TAKE, media_type="audio/webm", is_final=True)
    send(is_final=True)
    assert [kept for _, _, kept in state(desk)] == ["uploading", "complete", "complete"]
    assert len(files(folder)) == 3


def test_a_discarded_take_is_closed_but_its_lost_answer_is_given(send, folder):
    send(is_final=True)
    send(take="other-" + TAKE, is_final=True)
    assert send(is_final=True).state == "discarded"
    assert refusal(send, b"more", 100) == "recording_closed"
    assert len(files(folder)) == 1


def test_files_that_a_killed_process_did_not_remove_go_with_the_next_take(desk, send, folder):
    send(is_final=True)
    desk.change("UPDATE recording SET state = 'discarded'")
    send(take="other-" + TAKE, is_final=True)
    assert [name for name in files(folder) if "other" not in name] == []


def test_an_interview_keeps_twenty_takes(desk, send):
    for number in range(20):
        send(take=f"take-{number:020}")
    assert refusal(send) == "recording_closed"
    assert send(b"more", 100, take=f"take-{0:020}").size == 104
    desk.change("UPDATE recording SET state = 'discarded' WHERE take = ?", f"take-{5:020}")
    assert send().size == 100


def test_a_link_in_the_files_place_is_not_followed(desk, send, folder, session_id, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / str(session_id)).mkdir(parents=True)
    (folder / str(session_id) / f"3-{TAKE}.webm").symlink_to(victim)
    with pytest.raises(RecordingsUnusable, match="has a link"):
        send()
    assert (victim.read_text(), desk.count("recording")) == ("precious", 0)


@contextmanager
def files_of_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_grow_loses_nothing_and_goes_on_later(desk, send, folder):
    send()
    large = b"x" * 30_000_000
    with files_of_at_most(20_000_000), pytest.raises(RecordingsUnusable) as caught:
        send(large, 100, limit=40_000_000)
    assert (caught.value.fix != "", state(desk)) == (True, [(TAKE, 100, "uploading")])
    assert send(b"end", 100, is_final=True).size == 103
    assert list(files(folder).values()) == [WEBM + b"end"]


def test_the_same_chunk_sent_twice_at_once_is_saved_once(desk, send, folder):
    send()
    results = race(desk, [lambda: send(b"second", 100, is_final=True)] * 6)
    assert results == [Take(TAKE, "video/webm", 106, "complete")] * 6
    assert (state(desk), desk.event_kinds().count("recorded")) == ([(TAKE, 106, "complete")], 1)
    assert list(files(folder).values()) == [WEBM + b"second"]


def test_racing_chunks_never_mix(desk, send, folder):
    def raced(letter):
        try:
            return send(letter * (ord(letter) * 10), 100).size
        except AnswerRefused as refused:
            return refused.code

    send()
    results = race(desk, [lambda letter=letter: raced(letter) for letter in (b"a", b"b", b"c", b"d")])
    assert results.count("wrong_offset") == 3
    size = desk.rows("SELECT size FROM recording")[0][0]
    saved = next(iter(files(folder).values()))[:size]
    assert len(set(saved[100:])) == 1
    assert size == 100 + saved[-1] * 10


def test_a_complete_take_is_in_the_audit_without_its_name(desk, send):
    send(is_final=True)
    found = desk.rows("SELECT id, interview_id, data FROM event e WHERE kind = 'recorded'")
    assert json.loads(found[0][2]) == {"recording": 1, "question": 3, "size": 100}


def test_ops_find_and_read_a_recording(desk, send, folder, session_id, booked):
    send(later=SECOND)
    send(b"end", 100, is_final=True, later=MINUTE)
    found = recordings.find(desk.db, 1)
    assert (found.session_id, found.interview_id, found.number, found.size) == (session_id, booked.interview_id, 3, 103)
    assert (found.started_at, found.changed_at) == (desk.now + SECOND, desk.now + MINUTE)
    assert recordings.path_of(folder, found).read_bytes() == WEBM + b"end"
    with recordings.opened(folder, found) as file:
        assert file.read() == WEBM + b"end"


@pytest.mark.parametrize("wrong", [0, 99, 2**64, True, "1"])
def test_an_unknown_recording_is_named(desk, wrong):
    with pytest.raises(NotFound, match="recording_id"):
        recordings.find(desk.db, wrong)


def test_a_recording_whose_file_is_gone_is_said(desk, send, folder):
    send(is_final=True)
    found = recordings.find(desk.db, 1)
    recordings.path_of(folder, found).unlink()
    with pytest.raises(RecordingsUnusable, match="lacks a recording") as caught:
        recordings.opened(folder, found)
    assert caught.value.fix
    with pytest.raises(NotFound, match="recording_id"):
        recordings.opened(folder, replace(found, state="discarded"))
