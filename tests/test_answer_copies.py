"""Copies of texts that are no answer: kept once, and only so many of each kind."""

from collections import Counter

import pytest
from interview_room import FIRST, SECOND, room_of

from store import answer_copies
from store.answer_copies import CONFLICT, COPIES_KEPT, LATE, PLACES, REPLACED, SHORTENED, TAKEN_OVER


@pytest.fixture
def room(desk, booked):
    room = room_of(desk, booked.interview_id)
    room.begin()
    return room


@pytest.fixture
def keep(room):
    def keep(text, page=FIRST, reason=CONFLICT, number=1):
        at = room.now.timestamp()
        return answer_copies.keep(room.desk.db, room.session_id, number, text, page=page, reason=reason, at=at)

    return keep


def test_a_page_keeps_a_text_once_and_where_it_was_kept_first(room, keep):
    assert [keep("a"), keep("b", SECOND, LATE), keep("a", reason=LATE)] == [True] * 3
    assert room.copies() == [("b", LATE), ("a", CONFLICT)]


def test_two_pages_with_the_same_text_do_not_depend_on_each_other(room, keep):
    keep("a")
    keep("a", SECOND)
    for length in range(PLACES[CONFLICT]):
        keep("x" * (length + 2), SECOND)
    assert room.copies()[0] == ("a", CONFLICT)
    assert room.desk.rows("SELECT page FROM answer_copy WHERE text = 'a'") == [(FIRST,)]


def test_a_text_that_its_page_sends_again_is_its_newest(room, keep):
    for text in ("final words", "final words x", "final words"):
        keep(text)
    for number in range(PLACES[CONFLICT] - 1):
        assert keep(f"text {number}", f"{FIRST}-{number}")
    kept = [text for text, _ in room.copies()]
    assert (len(kept), "final words" in kept, "final words x" in kept) == (PLACES[CONFLICT], True, False)
    assert room.desk.rows("SELECT max(kept_at) FROM answer_copy") == [(room.now.timestamp(),)]


def test_the_same_text_for_another_question_is_kept_there(room, keep):
    keep("a")
    keep("a", number=2)
    assert (room.copies(1), room.copies(2)) == ([("a", CONFLICT)], [("a", CONFLICT)])


def test_blank_texts_are_no_loss(room, keep):
    assert [keep(text) for text in ("", " ", "\n\t\n")] == [True] * 3
    assert room.copies() == []


def test_the_drafts_of_a_page_that_goes_on_sending_go_before_what_stands_alone(room, keep):
    keep("stands alone", SECOND)
    assert all(keep("x" * length) for length in range(1, PLACES[CONFLICT] + 11))
    kept = [text for text, _ in room.copies()]
    assert len(kept) == PLACES[CONFLICT]
    assert (kept[0], kept[-1]) == ("stands alone", "x" * (PLACES[CONFLICT] + 10))


@pytest.mark.parametrize("reason", [CONFLICT, TAKEN_OVER, LATE])
def test_what_a_page_was_told_is_kept_is_pushed_out_by_no_other(room, keep, reason):
    kept = [keep(f"text {number}", f"{FIRST}-{number}", reason) for number in range(PLACES[reason] + 1)]
    assert kept == [True] * PLACES[reason] + [False]
    assert room.copies()[-1] == (f"text {PLACES[reason] - 1}", reason)
    assert keep("another text", f"{FIRST}-0", reason)
    assert ("text 0", reason) not in room.copies()


@pytest.mark.parametrize("reason", [REPLACED, SHORTENED])
def test_of_texts_that_were_the_answer_the_oldest_goes(room, keep, reason):
    keep("another question's", number=2)
    assert all(keep(f"text {number}", f"{FIRST}-{number}", reason) for number in range(PLACES[reason] + 1))
    assert room.copies() == [(f"text {number}", reason) for number in range(1, PLACES[reason] + 1)]
    assert room.copies(2) == [("another question's", CONFLICT)]


def test_no_reason_takes_the_places_of_another(room, keep):
    for reason in PLACES:
        for number in range(COPIES_KEPT):
            keep(f"{reason} {number}", f"{FIRST}-{number}", reason)
    assert Counter(reason for _, reason in room.copies()) == PLACES
