"""Saving and finishing: two pages, lost replies, time that runs out; nothing a candidate wrote is mixed or lost."""

from datetime import timedelta

import interview_room
import pytest
from interview_room import ASKED, FIRST, SECOND, room_of

from store import answers, booking, times
from store.answer_copies import LATE, LATE_HOURS, PLACES, TAKEN_OVER
from store.answers import Asked, Counts, Saved, Take
from store.drafts import LIMIT_GRACE, TEXT_LENGTH
from store.errors import AnswerRefused, BookingRefused
from store.holds import HOLD_SECONDS
from store.sessions import GRACE

LIMIT = ASKED[1].time_limit_seconds
RECORDED = (
    "INSERT INTO recording (session_id, number, take, page, media_type, size, state, started_at, changed_at)"
    " VALUES (?, 3, ?, 'a page', 'audio/webm', 7, ?, 1, 1)"
)

room = interview_room.room


def refusal(call, *arguments, **named):
    with pytest.raises(AnswerRefused) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.data


def test_a_saved_answer_is_there_when_the_page_is_loaded_again(room):
    assert room.save("I like people.") == Saved(1, room.now)
    asked = room.content[0]
    assert (asked.answer, asked.revision, asked.saved_at) == ("I like people.", 1, room.now)


def test_revisions_grow_by_one(room):
    assert [room.save(f"text {n}", sequence=n).revision for n in (1, 2, 5, 6)] == [1, 2, 3, 4]
    assert room.answer() == ("text 6", 4)


def test_a_page_replaces_its_own_text_whatever_revision_it_knew(room):
    room.save("one", sequence=1)
    assert room.save("one two", sequence=2, base=0).revision == 2
    assert room.copies() == []


def test_a_save_repeated_because_its_reply_was_lost_is_answered_as_saved(room):
    first = room.save("kept")
    assert room.later(40).save("kept") == first
    assert room.answer() == ("kept", 1)


def test_an_older_save_that_arrives_later_does_not_bring_back_its_text(room):
    room.save("the whole text", sequence=3)
    assert room.save("the who", sequence=2).revision == 1
    assert room.answer() == ("the whole text", 1)


def test_what_is_written_without_a_connection_is_saved_when_it_is_back(room):
    room.save("before", sequence=1)
    assert room.later(10 * HOLD_SECONDS).save("before and while offline", sequence=2).revision == 2
    assert room.answer() == ("before and while offline", 2)


def test_each_question_has_its_own_answer(room):
    room.save("to the first", number=1)
    room.save("to the third", number=3, sequence=2)
    assert [room.answer(number) for number in (1, 2, 3)] == [("to the first", 1), ("", 0), ("to the third", 1)]


def test_the_second_of_two_pages_is_told_and_its_text_is_kept(room):
    room.save("from the first")
    assert refusal(room.save, "from the second", SECOND) == ("taken_over", {"kept": True})
    assert (room.answer(), room.copies()) == (("from the first", 1), [("from the second", "taken_over")])


def test_a_page_that_took_over_goes_on_with_what_the_other_had_saved(room):
    room.save("from the first")
    room.take_over(SECOND)
    assert room.save("from the first, and more", SECOND, base=1).revision == 2
    assert room.copies() == [("from the first", "replaced")]


def test_a_text_that_another_page_wrote_meanwhile_is_not_overwritten(room):
    saved = room.save("from the first")
    room.take_over(SECOND)
    code, data = refusal(room.save, "from the second", SECOND, base=0)
    assert (code, data) == ("conflict", {"revision": 1, "text": "from the first", "saved_at": saved.saved_at})
    assert room.copies() == [("from the second", "conflict")]
    assert room.save("both", SECOND, sequence=2, base=data["revision"]).revision == 2
    assert room.answer() == ("both", 2)


def test_the_page_that_is_taken_back_meets_the_text_that_was_written_elsewhere(room):
    room.save("phone", FIRST)
    room.take_over(SECOND)
    room.save("laptop", SECOND, base=1)
    room.take_over(FIRST)
    code, data = refusal(room.save, "phone again", FIRST, sequence=2, base=1)
    assert (code, data["text"], data["revision"]) == ("conflict", "laptop", 2)


def test_two_pages_with_the_same_text_have_no_conflict(room):
    first = room.save("the same")
    room.take_over(SECOND)
    assert room.later(5).save("the same", SECOND, base=0) == first
    assert room.save("the same, and more", SECOND, sequence=2, base=0).revision == 2
    assert room.copies() == []


def test_a_page_whose_holder_is_silent_may_save(room):
    room.save("phone", FIRST)
    assert refusal(room.later(HOLD_SECONDS - 1).save, "laptop", SECOND, base=1)[0] == "taken_over"
    assert room.later(1).save("laptop", SECOND, base=1).revision == 2
    assert not room.beat(FIRST).is_holder


def test_a_hold_that_nobody_has_is_taken_by_a_save(desk, booked):
    room = room_of(desk, booked.interview_id)
    room.begin()
    room.save("first to come", SECOND)
    assert room.session("page") == SECOND
    assert not room.beat(FIRST).is_holder


def test_a_long_text_that_its_page_empties_is_kept(room):
    room.save("x" * 300, sequence=1)
    room.save("", sequence=2)
    assert (room.answer(), room.copies()) == (("", 2), [("x" * 300, "shortened")])


def test_a_save_is_a_persons_touch(room):
    room.desk.change("UPDATE interview_session SET engaged_at = NULL WHERE id = ?", room.session_id)
    room.save("typed")
    assert room.session("engaged_at") == times.epoch(room.now)


def test_an_answer_opens_its_question_if_no_heartbeat_did(room):
    room.save("quick", number=1)
    assert room.content[0].opened_at == room.now


def test_a_limited_question_takes_no_answer_before_it_is_opened(room):
    assert not room.content[1].is_told
    assert refusal(room.save, "guessed", number=2) == ("question_not_opened", {})
    assert refusal(room.save, "guessed", SECOND, number=2) == ("taken_over", {"kept": False})
    assert (room.answer(2), room.copies(2), room.content[1].opened_at) == (("", 0), [], None)
    room.beat(question=2)
    assert room.content[1].is_told
    assert room.save("read first", number=2).revision == 1
    room.later(LIMIT + LIMIT_GRACE.total_seconds())
    assert refusal(room.save, "slow", sequence=2, number=2)[0] == "question_closed"


def test_a_page_that_had_read_an_older_answer_does_not_silently_replace_its_own_newer_one(room):
    room.save("one", sequence=1)
    room.save("one and a new paragraph", sequence=2, base=1)
    room.save("one, edited", sequence=3, base=1)
    assert (room.answer(), room.copies()) == (("one, edited", 3), [("one and a new paragraph", "replaced")])
    room.save("one, edited well", sequence=4, base=1)
    room.save("rewritten", sequence=5, base=4)
    assert room.copies() == [("one and a new paragraph", "replaced")]


def test_a_question_whose_time_is_over_takes_no_more_but_keeps_what_comes(room):
    room.beat(question=2)
    room.save("in time", number=2)
    room.later(LIMIT + LIMIT_GRACE.total_seconds() - 1)
    assert room.save("in the grace", sequence=2, base=1, number=2).revision == 2
    assert refusal(room.later(1).save, "too late", sequence=3, number=2) == ("question_closed", {"kept": True})
    assert (room.answer(2), room.copies(2)) == (("in the grace", 2), [("too late", "late")])


def test_a_save_whose_reply_was_lost_is_confirmed_even_when_the_time_is_over(room):
    room.beat(question=2)
    saved = room.save("in time", number=2)
    assert room.later(LIMIT + 100).save("in time", number=2) == saved


def test_a_text_that_is_the_answer_is_confirmed_when_the_time_is_over_whichever_page_sends_it_again(room):
    room.beat(question=2)
    saved = room.save("in time", number=2)
    room.later(LIMIT + LIMIT_GRACE.total_seconds())
    assert room.save("in time", sequence=7, number=2) == saved
    assert refusal(room.save, "", sequence=8, number=2) == ("question_closed", {"kept": True})
    assert (room.answer(2), room.copies(2)) == (("in time", 1), [])


def test_answers_are_saved_until_the_grace_is_over_and_kept_after_it(room):
    room.now = room.end + GRACE - timedelta(seconds=1)
    assert room.save("on a slow network").revision == 1
    assert refusal(room.later(1).save, "later", sequence=2) == ("not_running", {"state": "done", "kept": True})
    assert (room.answer(), room.copies()) == (("on a slow network", 1), [("later", "late")])


def test_a_late_text_that_is_the_answer_already_is_not_kept_twice(room):
    room.save("said")
    room.finish()
    room.later(GRACE.total_seconds())
    assert refusal(room.save, "said", sequence=2) == ("not_running", {"state": "done", "kept": True})
    assert room.copies() == []


def test_what_a_page_sent_before_its_finish_and_comes_after_it_is_the_answer(room):
    room.save("first words")
    room.finish()
    assert room.later(GRACE.total_seconds() - 1).save("first words and the last", sequence=2, base=1).revision == 2
    assert room.save("first words", sequence=1).revision == 2
    assert refusal(room.later(1).save, "and more", sequence=3, base=2)[0] == "not_running"
    assert (room.answer(), room.copies()) == (("first words and the last", 2), [("and more", "late")])


def test_the_last_words_of_the_page_that_finished_count_not_those_of_the_page_before(room):
    room.save("phone", FIRST)
    room.release(FIRST)
    room.finish(SECOND)
    assert refusal(room.save, "phone, more", FIRST, sequence=2, base=1)[0] == "not_running"
    assert refusal(room.save, "laptop", SECOND, base=0)[0] == "not_running"
    assert room.save("phone and laptop", SECOND, base=1).revision == 2
    assert room.copies() == [("phone, more", "late"), ("laptop", "late"), ("phone", "replaced")]


def test_what_comes_after_a_finish_opens_nothing(room):
    room.finish()
    assert room.save("the last words").revision == 1
    assert room.content[0].opened_at is None
    assert refusal(room.save, "guessed", number=2) == ("not_running", {"state": "done", "kept": False})


def test_last_words_for_a_question_whose_time_was_over_are_late(room):
    room.beat(question=2)
    room.later(LIMIT + LIMIT_GRACE.total_seconds()).finish()
    assert refusal(room.save, "too late", number=2) == ("not_running", {"state": "done", "kept": True})


def test_a_late_text_is_kept_for_a_day_one_second_decides(room):
    room.finish()
    room.now = room.end + GRACE + timedelta(hours=LATE_HOURS, seconds=-1)
    assert refusal(room.save, "next day")[1]["kept"]
    assert not refusal(room.later(1).save, "a year later")[1]["kept"]
    assert room.copies() == [("next day", "late")]


def test_a_flood_of_refused_saves_pushes_nothing_out_that_was_said_to_be_kept(room):
    room.save("answer")
    room.take_over(SECOND)
    assert refusal(room.save, "typed without a connection", sequence=2, base=1) == ("taken_over", {"kept": True})
    flood = [refusal(room.save, f"junk {n}", f"junk-page-{n:010d}")[1]["kept"] for n in range(50)]
    assert (flood.count(True), flood[-1]) == (PLACES[TAKEN_OVER] - 1, False)
    room.finish(SECOND)
    late = [refusal(room.save, f"late {n}", f"late-page-{n:010d}")[1]["kept"] for n in range(10)]
    assert late == [True] * PLACES[LATE] + [False] * 5
    assert room.copies()[0] == ("typed without a connection", "taken_over")


@pytest.mark.parametrize(("text", "number"), [("x" * (TEXT_LENGTH + 1), 1), ("\ud800", 1), ("fine", 9)])
def test_what_cannot_be_kept_after_the_end_is_not_said_to_be(room, text, number):
    room.finish()
    assert refusal(room.save, text, number=number) == ("not_running", {"state": "done", "kept": False})
    assert room.desk.count("answer_copy") == 0


def test_an_interview_that_has_not_begun_takes_no_answer(desk, booked):
    room = room_of(desk, booked.interview_id)
    assert refusal(room.save, "early") == ("not_running", {"state": "open", "kept": False})
    assert room.content == []


@pytest.mark.parametrize("number", [0, 4, -1, 2**70, True])
def test_a_question_that_does_not_exist_takes_no_answer(room, number):
    assert refusal(room.save, "x", number=number)[0] == "question_unknown"


@pytest.mark.parametrize(("text", "code"), [("x" * (TEXT_LENGTH + 1), "text_too_long"), ("\ud800", "text_unreadable")])
def test_a_text_that_cannot_be_stored_changes_nothing(room, text, code):
    room.save("before")
    assert refusal(room.save, text, sequence=2)[0] == code
    assert refusal(room.save, text, SECOND)[0] == code
    assert room.answer() == ("before", 1)


def test_every_script_and_sign_comes_back_as_it_was_written(room):
    text = "\u0928\u092e\u0938\u094d\u0924\u0947 % ? %s \U0001f600\n\u0645\u06cc\u200c\u0631\u0648\u0645 '; --\t<b>"
    room.save(text)
    assert room.answer()[0] == text


def test_a_page_that_finishes_ends_the_interview_once(room):
    finished = room.finish()
    assert (finished.finished_at, finished.access(room.now).state) == (room.now, "done")
    assert room.later(20).finish(SECOND) == finished
    assert room.desk.event_kinds().count("finished") == 1
    assert room.desk.rows("SELECT state FROM interview") == [("completed",)]


def test_a_finish_some_seconds_after_the_deadline_is_accepted_within_the_grace(room):
    room.now = room.end + GRACE - timedelta(seconds=1)
    assert room.finish().finished_at == room.now


def test_a_finish_after_the_grace_is_refused(room):
    room.now = room.end + GRACE
    assert refusal(room.finish) == ("not_running", {"state": "done"})
    assert room.session("finished_at") is None


def test_only_the_holder_finishes(room):
    assert refusal(room.finish, SECOND)[0] == "taken_over"
    assert room.session("finished_at") is None
    room.release(FIRST)
    assert room.finish(SECOND).finished_at == room.now
    assert room.session("page") == SECOND


def test_an_interview_that_has_not_begun_cannot_be_finished(desk, booked):
    room = room_of(desk, booked.interview_id)
    assert refusal(room.finish) == ("not_running", {"state": "open"})


def test_a_finished_interview_is_neither_moved_nor_cancelled(room, desk, tomorrow):
    interview_id = room.finish().interview_id
    for change in (lambda: desk.cancel(interview_id), lambda: desk.move(interview_id, tomorrow + timedelta(days=1))):
        with pytest.raises(BookingRefused) as caught:
            change()
        assert caught.value.code == "interview_completed"


def test_a_running_interview_is_not_cancelled_under_the_candidates_hands(room, desk):
    with pytest.raises(BookingRefused) as caught:
        booking.cancel(desk.db, room.beat().view.interview_id, settings=desk.settings, now=room.now)
    assert caught.value.code == "interview_started"
    assert room.save("still here").revision == 1


def test_a_question_tells_everything_its_page_shows(room, desk):
    for take, state in (("one", "discarded"), ("two", "complete"), ("three", "uploading")):
        desk.change(RECORDED, room.session_id, take, state)
    room.beat(question=3)
    takes = (Take("two", "audio/webm", 7, "complete"), Take("three", "audio/webm", 7, "uploading"))
    assert room.content[2] == Asked(3, "Say it.", "audio", None, room.now, None, 0, "", None, takes, True)
    assert room.content[0] == Asked(1, "Who are you?", "text", None, None, None, 0, "", None, (), False)


def test_blank_answers_and_unfinished_recordings_do_not_count(room, desk):
    assert answers.counts(desk.db, room.session_id) == Counts(0, 3)
    room.save("said", number=1)
    room.beat(question=2)
    room.save(" \n", number=2, sequence=2)
    desk.change(RECORDED, room.session_id, "one", "uploading")
    assert answers.counts(desk.db, room.session_id) == Counts(1, 3)
    desk.change("UPDATE recording SET state = 'complete'")
    assert answers.counts(desk.db, room.session_id) == Counts(2, 3)
