"""Recorded answers: how chunks become answers, how a lost reply or a crash is made good, and what is kept."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import recording_studio
from recording_studio import OTHER_PAGE, OTHER_TAKE, TAKE, WEBM, files, files_of_at_most, refusal, rows
from test_booking_races import race

from store import answers, readiness, recording_files, recordings
from store.errors import AnswerRefused, NotFound, RecordingsUnusable
from store.recordings import Take

session_id, folder, send = recording_studio.session_id, recording_studio.folder, recording_studio.send


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


@pytest.mark.parametrize(
    "take", ["../../../etc/passwd", "short", "x" * 44, TAKE + "\n", TAKE + "/", "\u0938" * 20, None]
)
def test_what_is_no_name_of_a_take_reaches_no_file(send, folder, take):
    assert refusal(send, take=take) == "take_invalid"
    assert not folder.exists()


@pytest.mark.parametrize("statement", ["SET page = NULL, held_at = NULL", "SET held_at = held_at - 30"])
def test_a_hold_that_nobody_has_is_taken_by_a_recording(desk, send, statement):
    desk.change(f"UPDATE interview_session {statement}")
    assert send(page="page-bbbbbbbbbbbbbbbb").size == 100
    assert desk.rows("SELECT page, held_at FROM interview_session") == [("page-bbbbbbbbbbbbbbbb", desk.epoch)]
    assert refusal(send, b"second", 100) == "taken_over"


def test_a_recording_opens_its_question_and_no_other(desk, send):
    send()
    assert desk.rows("SELECT opened_at FROM session_question ORDER BY number") == [(None,), (None,), (desk.epoch,)]


def test_a_new_complete_take_replaces_the_older_one_and_its_file(desk, send, session_id, folder):
    send(is_final=True)
    send(take=OTHER_TAKE)
    assert len(files(folder)) == 2
    send(b"end", 100, take=OTHER_TAKE, is_final=True)
    assert rows(desk) == [(TAKE, 100, "discarded"), (OTHER_TAKE, 103, "complete")]
    assert list(files(folder)) == [f"{session_id}/3-{OTHER_TAKE}.webm"]
    assert [kept.take for kept in recordings.of_session(desk.db, session_id)] == [OTHER_TAKE]


def test_a_complete_take_is_the_answer_until_a_newer_one_is_complete(desk, send, session_id):
    send(is_final=True)
    for number in range(6):
        send(take=f"begun-{number:020}")
        assert answers.counts(desk.db, session_id).answered == 1
    assert rows(desk)[0] == (TAKE, 100, "complete")
    send(b"end", 100, take=f"begun-{5:020}", is_final=True)
    assert (rows(desk)[0], answers.counts(desk.db, session_id).answered) == ((TAKE, 100, "discarded"), 1)


def test_a_complete_take_leaves_other_questions_and_unfinished_takes_alone(desk, send, folder):
    send(take="half-" + TAKE)
    send(number=2, take="audio-" + TAKE, media_type="audio/webm", is_final=True)
    send(is_final=True)
    assert [kept for _, _, kept in rows(desk)] == ["uploading", "complete", "complete"]
    assert len(files(folder)) == 3


def test_a_discarded_take_is_closed_but_its_lost_answer_is_given(send, folder):
    send(is_final=True)
    send(take=OTHER_TAKE, is_final=True)
    assert send(is_final=True).state == "discarded"
    assert refusal(send, b"more", 100) == "recording_closed"
    assert len(files(folder)) == 1


def test_files_that_a_killed_process_did_not_remove_go_with_the_next_take(desk, send, folder):
    send(is_final=True)
    desk.change("UPDATE recording SET state = 'discarded'")
    send(take=OTHER_TAKE, is_final=True)
    assert [name for name in files(folder) if "other" not in name] == []


def test_a_link_in_the_files_place_is_not_followed(desk, send, folder, session_id, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / str(session_id)).mkdir(parents=True)
    (folder / str(session_id) / f"3-{TAKE}.webm").symlink_to(victim)
    with pytest.raises(RecordingsUnusable, match="has a link"):
        send()
    assert (victim.read_text(), desk.count("recording")) == ("precious", 0)


def test_a_file_that_cannot_grow_loses_nothing_and_goes_on_later(desk, send, folder):
    send()
    large = b"x" * 30_000_000
    with files_of_at_most(20_000_000), pytest.raises(RecordingsUnusable) as caught:
        send(large, 100, limit=40_000_000)
    assert (caught.value.fix != "", rows(desk)) == (True, [(TAKE, 100, "uploading")])
    assert send(b"end", 100, is_final=True).size == 103
    assert list(files(folder).values()) == [WEBM + b"end"]


def test_the_same_chunk_sent_twice_at_once_is_saved_once(desk, send, folder):
    send()
    results = race(desk, [lambda: send(b"second", 100, is_final=True)] * 6)
    assert results == [Take(TAKE, "video/webm", 106, "complete")] * 6
    assert (rows(desk), desk.event_kinds().count("recorded")) == ([(TAKE, 106, "complete")], 1)
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


def test_the_saved_bytes_are_never_written_again(desk, send, folder):
    send()
    send(b"second", 100)
    assert send(b"SECOND", 100, is_final=True).state == "complete"
    assert list(files(folder).values()) == [WEBM + b"second"]


def test_of_two_complete_takes_the_one_finished_last_stays(desk, send, folder, session_id):
    send()
    send(take=OTHER_TAKE, is_final=True)
    send(b"end", 100, is_final=True)
    assert rows(desk) == [(TAKE, 103, "complete"), (OTHER_TAKE, 100, "discarded")]
    assert list(files(folder)) == [f"{session_id}/3-{TAKE}.webm"]


def test_what_a_page_sends_late_does_not_undo_what_the_holder_recorded_since(desk, send, session_id, folder):
    send()
    answers.take_over(desk.db, session_id, page=OTHER_PAGE, now=desk.now)
    send(take=OTHER_TAKE, page=OTHER_PAGE, is_final=True)
    send(b"end", 100, is_final=True)
    assert rows(desk) == [(TAKE, 103, "complete"), (OTHER_TAKE, 100, "complete")]
    assert sorted(files(folder).values()) == [WEBM, WEBM + b"end"]


def test_a_question_keeps_five_takes_and_the_oldest_unfinished_one_goes(desk, send, folder, session_id):
    send(is_final=True)
    for number in range(5):
        send(take=f"take-{number:020}")
    assert [state for _, _, state in rows(desk)] == ["complete", "discarded", *["uploading"] * 4]
    assert sorted(files(folder)) == sorted(
        f"{session_id}/{known.file_name}" for known in recordings.of_session(desk.db, session_id)
    )
    assert refusal(send, b"more", 100, take=f"take-{0:020}") == "recording_closed"


def test_where_all_takes_are_complete_the_oldest_goes(desk, send):
    for number in range(5):
        send(take=f"take-{number:020}")
    desk.change("UPDATE recording SET state = 'complete'")
    send()
    assert [state for _, _, state in rows(desk)] == ["discarded", *["complete"] * 4, "uploading"]


def test_takes_of_one_question_leave_the_others_room(desk, send):
    for number in range(6):
        send(take=f"video-{number:020}")
        send(take=f"audio-{number:020}", number=2, media_type="audio/webm")
    kept = desk.rows("SELECT number, count(*) FROM recording WHERE state = 'uploading' GROUP BY number ORDER BY number")
    assert kept == [(2, 5), (3, 5)]


def refused_while_writing(monkeypatch, change):
    """From now on the record changes between a chunk's bytes and its commit."""
    written = recording_files.OpenRecording.write

    def write(*arguments, **named):
        written(*arguments, **named)
        change()

    monkeypatch.setattr(recording_files.OpenRecording, "write", write)


def test_a_take_over_while_bytes_are_written_is_not_passed_over(desk, send, folder, monkeypatch):
    taking = "UPDATE interview_session SET page = 'page-bbbbbbbbbbbbbbbb'"
    refused_while_writing(monkeypatch, lambda: desk.change(taking))
    assert refusal(send) == "taken_over"
    assert (files(folder), rows(desk), [path.name for path in folder.iterdir()]) == ({}, [], [".locks"])


def test_a_refused_rest_leaves_the_saved_bytes_alone(desk, send, folder, monkeypatch):
    send()
    refused_while_writing(monkeypatch, lambda: desk.change("UPDATE interview SET state = 'cancelled'"))
    assert refusal(send, b"second", 100) == "not_running"
    assert (rows(desk), list(files(folder).values())) == ([(TAKE, 100, "uploading")], [WEBM + b"second"])


def test_one_name_sent_at_once_for_many_questions_leaves_one_file(desk, send, session_id, folder):
    for number in range(4, 10):
        sql = "INSERT INTO session_question (session_id, number, text, kind) VALUES (?, ?, 'Who', 'video')"
        desk.change(sql, session_id, number)

    def raced(number):
        try:
            return send(number=number).size
        except AnswerRefused as refused:
            return refused.code

    results = race(desk, [lambda number=number: raced(number) for number in range(3, 10)])
    assert (results.count(100), results.count("recording_closed")) == (1, 6)
    assert list(files(folder).values()) == [WEBM]


def test_a_first_chunk_that_does_not_fit_on_the_disk_leaves_no_file(desk, send, folder):
    with files_of_at_most(20_000_000), pytest.raises(RecordingsUnusable):
        send(WEBM.ljust(30_000_000), limit=40_000_000)
    assert (files(folder), rows(desk)) == ({}, [])


def test_no_take_is_begun_on_a_disk_that_is_almost_full_but_one_is_completed(desk, send, folder, monkeypatch):
    send()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=readiness.FREE_BYTES - 1))
    with pytest.raises(RecordingsUnusable, match="is full"):
        send(take=OTHER_TAKE)
    assert len(files(folder)) == 1
    assert send(b"end", 100, is_final=True).state == "complete"


@pytest.mark.parametrize("is_final", [False, True])
def test_what_a_file_has_lost_is_asked_for_again(desk, send, folder, is_final):
    send(b"".join((WEBM, b"second")), is_final=is_final)
    next(folder.rglob("*.webm")).write_bytes(WEBM[:50])
    with pytest.raises(AnswerRefused) as caught:
        send(b"second", 100)
    assert (caught.value.code, caught.value.data) == ("wrong_offset", {"size": 50})
    assert send(WEBM[50:] + b"second, third", 50).size == 113
    assert send(b"end", 113, is_final=True).state == "complete"
    assert list(files(folder).values()) == [WEBM + b"second, thirdend"]


def test_a_take_whose_file_is_gone_is_sent_again_from_its_first_byte(desk, send, folder):
    send()
    next(folder.rglob("*.webm")).unlink()
    with pytest.raises(AnswerRefused) as caught:
        send(b"second", 100)
    assert caught.value.data == {"size": 0}
    assert send(WEBM + b"second", 0).size == 106


def test_a_recording_whose_file_is_gone_or_shorter_is_said(desk, send, folder):
    send(is_final=True)
    found = recordings.find(desk.db, 1)
    path = recordings.path_of(folder, found)
    path.write_bytes(WEBM[:-1])
    with pytest.raises(RecordingsUnusable, match="has 99 bytes, where 100 had been saved") as caught:
        recordings.opened(folder, found)
    assert caught.value.fix
    path.unlink()
    with pytest.raises(RecordingsUnusable, match="lacks a recording"):
        recordings.opened(folder, found)
    with pytest.raises(NotFound, match="recording_id"):
        recordings.opened(folder, replace(found, state="discarded"))
