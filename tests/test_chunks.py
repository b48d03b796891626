"""Chunks of recordings: who may send which bytes, when, and where in a take they belong."""

from datetime import timedelta

import pytest
import recording_studio
from booking_desk import MINUTE, SECOND
from recording_studio import OTHER_PAGE, OTHER_TAKE, PAGE, TAKE, WEBM, files, refusal, rows

from store import answers, chunks, recordings
from store.errors import AnswerRefused, NotFound

session_id, folder, send = recording_studio.session_id, recording_studio.folder, recording_studio.send


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


@pytest.mark.parametrize("is_final", [False, True])
def test_a_repetition_has_the_right_first_bytes_too(send, folder, is_final):
    send()
    assert refusal(send, b"<script>".ljust(100), is_final=is_final) == "recording_type"
    assert list(files(folder).values()) == [WEBM]


def test_a_take_stays_with_its_type_and_its_question(send):
    send(media_type="audio/webm")
    assert refusal(send, b"second", 100, media_type="video/webm") == "recording_type"
    assert refusal(send, b"second", 100, number=2, media_type="audio/webm") == "recording_closed"


def test_a_recording_ends_at_its_limit(desk, send):
    assert send(limit=100).size == 100
    assert refusal(send, b"x", 100, limit=100) == "recording_too_large"
    assert refusal(send, take=OTHER_TAKE, limit=99) == "recording_too_large"
    assert rows(desk) == [(TAKE, 100, "uploading")]


@pytest.mark.parametrize("number", [0, 4, 2**70, True])
def test_an_unknown_question_is_refused(send, number):
    assert refusal(send, number=number) == "question_unknown"


def test_an_unknown_session_is_refused(desk, folder):
    with pytest.raises(NotFound, match="session_id"):
        recordings.append(desk.db, 99, 1, TAKE, page=PAGE, media_type="audio/webm", offset=0, chunk=WEBM, is_final=False,
                          folder=folder, limit=1000, now=desk.now)  # fmt: skip


def test_only_the_page_that_holds_the_interview_records(desk, send, folder):
    assert refusal(send, page=OTHER_PAGE) == "taken_over"
    assert not folder.exists()
    assert send().size == 100


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


def test_a_complete_take_is_closed(send, folder):
    send(is_final=True)
    assert refusal(send, b"more", 100) == "recording_closed"
    assert list(files(folder).values()) == [WEBM]


def test_a_new_take_is_begun_until_the_end_of_the_grace(send, tomorrow, desk):
    over = tomorrow + timedelta(hours=1, seconds=30) - desk.now
    assert send(later=over - SECOND).size == 100
    with pytest.raises(AnswerRefused) as caught:
        send(take=OTHER_TAKE, later=over)
    assert (caught.value.code, caught.value.data) == ("not_running", {"state": "done"})


def test_a_take_begun_in_time_is_completed_after_the_end_by_its_page(desk, send, tomorrow):
    over = tomorrow + timedelta(hours=1, seconds=30) - desk.now
    send(later=over - SECOND)
    assert send(b"second", 100, later=over + 10 * MINUTE - SECOND).size == 106
    assert refusal(send, b"end", 106, later=over + 10 * MINUTE) == "not_running"
    assert refusal(send, b"end", 106, later=over, page=OTHER_PAGE) == "not_running"


def test_a_take_is_completed_after_the_finish_by_its_page(desk, send, booked, session_id):
    send()
    answers.finish(desk.db, session_id, page=PAGE, now=desk.now + MINUTE)
    assert refusal(send, take=OTHER_TAKE, later=MINUTE) == "not_running"
    assert refusal(send, b"end", 100, later=MINUTE, page=OTHER_PAGE) == "not_running"
    assert send(b"end", 100, later=11 * MINUTE - SECOND, is_final=True).state == "complete"
    assert refusal(send, b"end", 100, later=11 * MINUTE, is_final=True) == "not_running"


def test_a_cancelled_interview_takes_nothing_more(desk, send):
    send()
    desk.change("UPDATE interview SET state = 'cancelled'")
    assert (refusal(send, b"end", 100), refusal(send, take=OTHER_TAKE)) == ("not_running", "not_running")


def test_a_take_is_completed_by_its_page_after_a_take_over(desk, send, session_id):
    send()
    answers.take_over(desk.db, session_id, page=OTHER_PAGE, now=desk.now)
    assert refusal(send, take=OTHER_TAKE) == "taken_over"
    assert send(b"end", 100, is_final=True).state == "complete"
    assert desk.rows("SELECT page FROM interview_session") == [(OTHER_PAGE,)]


def test_the_rest_of_a_take_does_not_take_a_silent_hold(desk, send):
    send()
    desk.change("UPDATE interview_session SET page = ?, held_at = held_at - 30", OTHER_PAGE)
    assert send(b"end", 100).size == 103
    assert desk.rows("SELECT page, held_at FROM interview_session") == [(OTHER_PAGE, desk.epoch - 30)]


def test_a_take_that_the_holder_goes_on_with_is_the_holders(desk, send, session_id):
    send()
    answers.take_over(desk.db, session_id, page=OTHER_PAGE, now=desk.now)
    assert send(b"second", 100, page=OTHER_PAGE).size == 106
    assert refusal(send, b"third", 106) == "taken_over"
    answers.finish(desk.db, session_id, page=OTHER_PAGE, now=desk.now)
    assert send(b"end", 106, page=OTHER_PAGE, is_final=True).size == 109


def test_a_question_is_recorded_only_so_often(desk, send, session_id):
    for number in range(chunks.TAKES_BEGUN):
        desk.change(
            "INSERT INTO recording (session_id, number, take, page, media_type, size, state, started_at, changed_at)"
            " VALUES (?, 3, ?, ?, 'video/webm', 1, 'discarded', 1, 1)", session_id, f"take-{number:020}", PAGE,
        )  # fmt: skip
    assert refusal(send) == "recording_closed"
    assert send(number=2, media_type="audio/webm").size == 100


def test_a_session_keeps_no_more_than_can_be_recorded_in_its_time(desk, send, folder):
    send(number=2, media_type="audio/webm", take=OTHER_TAKE)
    desk.change("UPDATE recording SET size = ?", 3600 * chunks.BYTES_A_SECOND - 104)
    send()
    assert send(b"1234", 100).size == 104
    assert refusal(send, b"5", 104) == "recording_too_large"
    desk.change("UPDATE recording SET state = 'discarded' WHERE take = ?", OTHER_TAKE)
    assert send(b"5", 104).size == 105


def test_one_recording_fits_into_the_shortest_session(desk, send, tomorrow):
    desk.change("UPDATE interview SET started_at = ended_at - 1")
    large = 2 * chunks.BYTES_A_SECOND
    assert send(WEBM.ljust(large, b"w"), limit=large).size == large


def test_a_question_with_a_time_limit_is_recorded_only_once_it_is_opened(desk, session_id, send, folder):
    desk.change("UPDATE session_question SET time_limit_seconds = 60")
    assert (refusal(send), folder.exists()) == ("question_not_opened", False)
    answers.heartbeat(desk.db, session_id, page=PAGE, question=3, engaged=True, now=desk.now)
    assert send().size == 100


def after_the_end(desk, send, session_id):
    """Finishes the interview a minute from now; sends a take that was recorded before, and `later` counts from then."""
    answers.finish(desk.db, session_id, page=PAGE, now=desk.now + MINUTE)

    def sent(*arguments, later=SECOND, **changes):
        return send(*arguments, later=MINUTE + later, **({"recorded_at": desk.now} | changes))

    return sent


def test_a_take_that_was_recorded_in_time_begins_after_the_end(desk, send, session_id):
    sent = after_the_end(desk, send, session_id)
    assert sent().size == 100
    assert sent(b"end", 100, later=10 * MINUTE - SECOND, is_final=True).state == "complete"
    assert answers.counts(desk.db, session_id).answered == 1


@pytest.mark.parametrize("later", [10 * MINUTE, 20 * MINUTE])
def test_a_take_begins_late_only_for_so_long(desk, send, session_id, folder, later):
    sent = after_the_end(desk, send, session_id)
    assert (refusal(sent, later=later), folder.exists()) == ("not_running", False)


@pytest.mark.parametrize("recorded_at", [MINUTE, 90 * SECOND, 1000 * MINUTE, None])
def test_a_take_that_was_not_recorded_in_time_does_not_begin_late(desk, send, session_id, recorded_at):
    sent = after_the_end(desk, send, session_id)
    assert refusal(sent, recorded_at=recorded_at and desk.now + recorded_at) == "not_running"


def test_a_take_does_not_begin_late_where_the_question_has_an_answer(desk, send, session_id):
    send(is_final=True)
    sent = after_the_end(desk, send, session_id)
    assert refusal(sent, take=OTHER_TAKE) == "not_running"
    assert sent(number=2, take=OTHER_TAKE, media_type="audio/webm").size == 100


@pytest.mark.parametrize(
    ("number", "code"), [(1, "recording_type"), (4, "question_unknown"), (2**70, "question_unknown")]
)
def test_a_take_begins_late_only_for_a_spoken_question(desk, send, session_id, number, code):
    sent = after_the_end(desk, send, session_id)
    assert refusal(sent, number=number) == code


def test_a_take_begins_late_only_for_a_question_that_was_opened(desk, send, session_id):
    desk.change("UPDATE session_question SET time_limit_seconds = 60")
    sent = after_the_end(desk, send, session_id)
    assert refusal(sent) == "question_not_opened"


@pytest.mark.parametrize("change", ["interview SET state = 'cancelled'", "interview_session SET begun_at = NULL"])
def test_no_take_begins_late_where_there_was_no_interview(desk, send, tomorrow, change):
    desk.change(f"UPDATE {change}")
    over = tomorrow + timedelta(hours=1, seconds=31) - desk.now
    assert refusal(send, later=over, recorded_at=desk.now) == "not_running"


def test_a_take_that_begins_late_changes_no_hold(desk, send, session_id):
    sent = after_the_end(desk, send, session_id)
    before = desk.rows("SELECT page, held_at FROM interview_session")
    assert sent(page=OTHER_PAGE).size == 100
    assert desk.rows("SELECT page, held_at FROM interview_session") == before


def test_a_take_that_was_recorded_in_its_questions_time_begins_after_it(desk, send):
    desk.change("UPDATE session_question SET opened_at = ?, time_limit_seconds = 60", desk.epoch)
    in_time, over = desk.now + 74 * SECOND, 75 * SECOND
    assert refusal(send, later=over, recorded_at=desk.now + over) == "question_closed"
    assert refusal(send, later=over + 10 * MINUTE, recorded_at=in_time) == "question_closed"
    assert send(later=over + 10 * MINUTE - SECOND, recorded_at=in_time, is_final=True).size == 100
    assert refusal(send, take=OTHER_TAKE, later=over + MINUTE, recorded_at=in_time) == "question_closed"
