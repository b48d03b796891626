"""The slots that may still be booked into: which are listed, page by page, and who holds their places."""

import pytest
from booking_desk import DAY, HOUR, MINUTE

from store import booking, slots
from store.errors import NotFound
from store.pages import PageRefused


@pytest.fixture
def three(desk, request_of, tomorrow):
    """The ids of three slots: two of one job, the first with a free place, and one of another."""
    asked = (
        request_of(capacity=2), request_of(tomorrow + DAY, email="b@example.com"),
        request_of(tomorrow + 2 * DAY, email="c@example.com", job_title="Cook"),
    )  # fmt: skip
    return [desk.book(one).slot_id for one in asked]


def ids(desk, *given, **changes):
    return [one.id for one in page(desk, *given, **changes).rows]


def page(desk, *given, **changes):
    return slots.upcoming(desk.db, *given, **{"now": desk.now} | changes)


def test_a_slot_is_told_with_its_job_its_times_and_who_holds_its_places(desk, three, tomorrow):
    first = page(desk).rows[0]
    assert (first.id, first.job_title, first.company_name) == (three[0], "Nurse", "Acme")
    assert (first.starts_at, first.ends_at) == (tomorrow, tomorrow + HOUR)
    assert (first.capacity, first.free, first.interviews) == (2, 1, (1,))


def test_a_place_that_was_given_up_is_free_again(desk, three, settings):
    booking.cancel(desk.db, 1, settings=settings, now=desk.now)
    first = page(desk).rows[0]
    assert (first.free, first.interviews) == (2, ())


def test_slots_are_listed_page_by_page(desk, three):
    assert ids(desk) == three
    assert (ids(desk, limit=2), ids(desk, after=three[1], limit=2)) == (three[:2], three[2:])
    assert ids(desk, after=three[2]) == []
    following = [page(desk, limit=limit).next_after for limit in (1, 2, 3, 4)]
    assert following == [three[0], three[1], None, None]


def test_a_mail_tests_slot_is_left_out_of_every_page(desk, three, request_of):
    test = desk.book(request_of(job_title="Mail test", email="t@example.com", is_test=True))
    later = desk.book(request_of(job_title="Cook", email="d@example.com")).slot_id
    assert (ids(desk), page(desk, after=three[1], limit=1).next_after) == ([*three, later], three[2])
    desk.cancel(test.interview_id)
    assert ids(desk) == [*three, later]
    with pytest.raises(NotFound, match="interview_id"):
        ids(desk, test.interview_id)


def test_a_place_that_a_mail_test_holds_is_not_free_and_its_interview_is_not_told(desk, three, request_of):
    desk.book(request_of(capacity=2, email="t@example.com", is_test=True))
    first = page(desk).rows[0]
    assert (first.id, first.free, first.interviews) == (three[0], 0, (1,))


def test_a_slot_that_everybody_moved_out_of_stays_listed(desk, three, tomorrow):
    desk.move(2, tomorrow + 3 * DAY)
    assert three[1] in ids(desk)


def test_only_the_slots_of_an_interviews_own_job_are_for_it(desk, three):
    assert (ids(desk, 1), ids(desk, 3)) == (three[:2], three[2:])


def test_a_slot_that_has_begun_or_was_cancelled_is_left_out(desk, three, settings, tomorrow):
    assert ids(desk, now=tomorrow - MINUTE) == three
    assert ids(desk, now=tomorrow) == three[1:]
    booking.cancel_slot(desk.db, three[1], settings=settings, now=desk.now)
    assert ids(desk) == [three[0], three[2]]


@pytest.mark.parametrize("wrong", [99, 0, -1, 2**63, True, "1"])
def test_an_unknown_interview_has_no_empty_list(desk, three, wrong):
    with pytest.raises(NotFound) as caught:
        ids(desk, wrong)
    assert caught.value.field == "interview_id"


def test_a_page_out_of_range_is_refused(desk):
    for field, value in (("limit", 0), ("limit", 501), ("after", -1)):
        with pytest.raises(PageRefused) as caught:
            ids(desk, **{field: value})
        assert caught.value.field == field
