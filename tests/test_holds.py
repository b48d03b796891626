"""Which page holds an interview: two tabs or devices, one that is closed or silent, and what a heartbeat says."""

from datetime import timedelta

import pytest
from interview_room import FIRST, SECOND, THIRD, room_of
from test_booking_races import race

from store import sessions, times
from store.errors import AnswerRefused, NotFound
from store.holds import HOLD_SECONDS, TAKE_OVER_SECONDS, Opened


@pytest.fixture
def room(desk, booked):
    """An interview that has just begun."""
    room = room_of(desk, booked.interview_id)
    room.begin()
    return room


def refusal(call, *arguments, **named):
    with pytest.raises(AnswerRefused) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.data


def opened(room):
    return [asked.opened_at for asked in room.content]


def test_nobody_holds_an_interview_that_no_page_has_asked_for(room):
    assert (room.holding.is_held, room.holding.question) == (False, None)


def test_the_first_page_holds_the_interview_and_goes_on_holding_it(room):
    assert [room.later(10).beat().is_holder for _ in range(8)] == [True] * 8
    assert room.holding.is_held


def test_a_second_page_is_told_and_can_take_over(room):
    room.beat(FIRST, question=2)
    assert (room.beat(SECOND).is_holder, room.beat(SECOND).question) == (False, 2)
    taken = room.take_over(SECOND)
    assert (taken.is_holder, taken.question, taken.view.session_id) == (True, 2, room.session_id)
    assert (room.beat(FIRST).is_holder, room.beat(SECOND).is_holder) == (False, True)


def test_a_page_that_nobody_has_touched_makes_way_for_the_next_one(room):
    """The first may be a mail scanner that runs scripts: it costs the candidate nothing."""
    room.beat(FIRST, engaged=False)
    room.beat(FIRST, question=1, engaged=False)
    assert room.beat(SECOND, engaged=False).is_holder
    assert not room.beat(FIRST, question=1, engaged=False).is_holder
    assert room.beat(SECOND, question=1).is_holder
    assert not room.beat(THIRD).is_holder


def test_a_take_over_is_recorded_once_and_only_where_another_page_was(room):
    room.take_over(FIRST)
    room.take_over(SECOND)
    room.later(2 * TAKE_OVER_SECONDS).take_over(SECOND)
    assert room.desk.event_kinds().count("taken_over") == 1


def test_pages_that_take_over_from_each_other_again_and_again_are_recorded_once_a_minute(room, desk, request_of):
    room.take_over(FIRST)
    for _ in range(TAKE_OVER_SECONDS):
        room.take_over(SECOND)
        room.later(1).take_over(FIRST)
    assert desk.event_kinds().count("taken_over") == 2
    other = room_of(desk, desk.book(request_of(email="other@example.com", job_title="Cook")).interview_id)
    other.begin()
    other.take_over(FIRST)
    other.take_over(SECOND)
    assert desk.event_kinds().count("taken_over") == 3


def test_a_silent_holder_may_be_replaced_without_asking_one_second_decides(room):
    room.beat(FIRST)
    assert not room.later(HOLD_SECONDS - 1).beat(SECOND).is_holder
    assert room.later(1).beat(SECOND).is_holder
    assert not room.beat(FIRST).is_holder


def test_a_holder_that_was_silent_and_comes_back_first_is_still_the_holder(room):
    room.beat(FIRST)
    assert not room.later(HOLD_SECONDS + 5).holding.is_held
    assert room.beat(FIRST).is_holder
    assert not room.beat(SECOND).is_holder


def test_a_page_that_is_refused_does_not_keep_the_holder_alive(room):
    room.beat(FIRST)
    assert [room.later(10).beat(SECOND).is_holder for _ in range(3)] == [False, False, True]


def test_a_closed_page_gives_the_interview_to_the_next_that_comes(room):
    room.beat(FIRST)
    room.release(FIRST)
    assert not room.holding.is_held
    assert room.beat(SECOND).is_holder


def test_what_a_closing_page_sent_last_is_saved_though_it_comes_after_its_release(room):
    room.beat(FIRST)
    room.release(FIRST)
    assert room.save("the last words", FIRST).revision == 1
    assert room.beat(SECOND).is_holder


def test_a_page_that_was_silent_for_long_is_not_heard_by_being_closed(room):
    room.beat(FIRST)
    held_at = room.session("held_at")
    room.later(600).release(FIRST)
    assert room.session("held_at") == held_at


def test_only_the_holder_can_give_the_hold_back(room):
    room.beat(FIRST)
    room.release(SECOND)
    assert room.holding.is_held
    assert not room.beat(SECOND).is_holder


def test_the_holder_moves_the_candidate_and_opens_each_question_once(room):
    assert room.beat(question=2).question == 2
    first = room.now
    room.later(10).beat(question=2)
    room.later(10).beat(question=1)
    assert room.beat(question=None).question == room.holding.question == 1
    assert opened(room) == [room.now, first, None]
    assert [asked.closes_at and times.epoch(asked.closes_at) - times.epoch(first) for asked in room.content] == [
        None, 60, None
    ]  # fmt: skip


def test_the_heartbeat_that_opens_a_question_tells_its_text_and_when_it_closes(room):
    opened = Opened(2, "Quick one?", room.now, room.now + timedelta(seconds=60))
    assert room.beat(question=2).opened == opened
    assert room.later(10).beat(question=2).opened == room.beat(SECOND, question=2).opened == opened
    assert room.beat(question=1).opened == Opened(1, "Who are you?", room.now, None)


def test_a_question_that_is_not_opened_is_not_told(room):
    room.beat(FIRST)
    assert room.beat(SECOND, question=2).opened is room.beat(FIRST).opened is room.take_over(FIRST).opened is None
    room.now = room.end
    assert room.beat(FIRST, question=2).opened is None


def test_a_page_that_does_not_hold_the_interview_moves_and_opens_nothing(room):
    room.beat(FIRST, question=1)
    assert room.beat(SECOND, question=2).question == 1
    assert (opened(room)[1], room.holding.question) == (None, 1)


def test_nothing_new_is_opened_after_the_deadline(room):
    room.later((room.end - room.now).total_seconds() - 1).beat(question=1)
    room.later(1)
    assert room.beat(question=2).is_holder
    assert [moment is None for moment in opened(room)] == [False, True, True]


@pytest.mark.parametrize("number", [0, 4, -1, 2**70, True])
def test_a_question_that_does_not_exist_is_refused_and_nothing_is_held(room, number):
    assert refusal(room.beat, question=number)[0] == "question_unknown"
    assert room.session("page") is None


def test_only_a_persons_touch_counts_as_engaged_and_only_the_first(room):
    room.beat(engaged=False)
    assert room.session("engaged_at") is None
    room.beat(engaged=True)
    first = times.epoch(room.now)
    room.later(10).beat(engaged=True)
    assert room.session("engaged_at") == first


@pytest.mark.parametrize("act", ["beat", "take_over"])
def test_an_interview_that_does_not_run_is_held_by_nobody(desk, booked, act):
    room = room_of(desk, booked.interview_id)
    assert refusal(getattr(room, act), FIRST) == ("not_running", {"state": "open"})
    room.begin()
    room.now = room.end + sessions.GRACE
    assert refusal(getattr(room, act), FIRST) == ("not_running", {"state": "done"})
    assert room.session("page") is None


def test_a_cancelled_interview_is_held_by_nobody(desk, booked):
    room = room_of(desk, booked.interview_id)
    desk.cancel(booked.interview_id)
    assert refusal(room.beat) == ("not_running", {"state": "cancelled"})


def test_a_session_that_does_not_exist_is_named(room):
    room.session_id = 4711
    for act in (room.beat, room.finish, lambda: room.take_over(FIRST), lambda: room.save("x"), lambda: room.holding):
        with pytest.raises(NotFound) as caught:
            act()
        assert caught.value.field == "session_id"
    room.release()


def test_a_candidate_who_began_and_changes_device_after_the_entry_window_goes_on_to_the_deadline(room):
    room.beat(FIRST, question=1)
    room.save("begun on the phone")
    room.now = room.end
    assert room.begin().access(room.now).state == "running"
    assert (room.beat(SECOND).is_holder, room.beat(SECOND).question) == (True, 1)
    assert room.save("ended on the laptop", SECOND, base=1).revision == 2


def test_of_pages_that_come_at_once_exactly_one_holds_the_interview(room, desk):
    pages = [f"{page}-{n}" for n in range(3) for page in (FIRST, SECOND, THIRD)]
    held = race(desk, [lambda page=page: room.beat(page).is_holder for page in pages])
    assert held.count(True) == 1
    assert room.session("page") == pages[held.index(True)]
