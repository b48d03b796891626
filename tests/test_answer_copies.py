"""Copies of texts that are no answer: kept once, and only so many."""

import pytest
from interview_room import FIRST, SECOND, room_of

from store import answer_copies
from store.answer_copies import CONFLICT, COPIES_KEPT, LATE, REPLACED


@pytest.fixture
def room(desk, booked):
    room = room_of(desk, booked.interview_id)
    room.begin()
    return room


@pytest.fixture
def keep(room):
    def keep(text, page=FIRST, reason=CONFLICT, number=1):
        at = room.now.timestamp()
        answer_copies.keep(room.desk.db, room.session_id, number, text, page=page, reason=reason, at=at)

    return keep


def test_a_text_is_kept_once_whoever_sends_it_and_why(room, keep):
    keep("a")
    keep("b", SECOND, LATE)
    keep("a", SECOND, REPLACED)
    assert room.copies() == [("a", CONFLICT), ("b", LATE)]


def test_the_same_text_for_another_question_is_kept_there(room, keep):
    keep("a")
    keep("a", number=2)
    assert (room.copies(1), room.copies(2)) == ([("a", CONFLICT)], [("a", CONFLICT)])


def test_blank_texts_are_no_loss(room, keep):
    for text in ("", " ", "\n\t\n"):
        keep(text)
    assert room.copies() == []


def test_the_drafts_of_a_page_that_goes_on_sending_go_before_what_stands_alone(room, keep):
    keep("stands alone", SECOND, REPLACED)
    for length in range(1, COPIES_KEPT + 11):
        keep("x" * length)
    kept = [text for text, _ in room.copies()]
    assert len(kept) == COPIES_KEPT
    assert kept[0] == "stands alone"
    assert kept[-1] == "x" * (COPIES_KEPT + 10)


def test_of_texts_that_all_stand_alone_the_oldest_goes(room, keep):
    keep("another question's", number=2)
    for number in range(COPIES_KEPT + 1):
        keep(f"text {number}", f"{FIRST}-{number}")
    assert [text for text, _ in room.copies()] == [f"text {number}" for number in range(1, COPIES_KEPT + 1)]
    assert room.copies(2) == [("another question's", CONFLICT)]
