"""Booking an existing interview into a slot by id: the rules are those of booking, the answer tells how it stands."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from booking_desk import HOUR
from test_booking_races import is_consistent, race

from store import database, slot_booking
from store.errors import BookingRefused, NotFound


@pytest.fixture
def slot(desk, request_of, tomorrow):
    """A slot of the same job two hours after the default one, one of its two places free."""
    return desk.book(request_of(tomorrow + 2 * HOUR, email="other@example.com", capacity=2)).slot_id


def book_into(desk, slot_id, interview_id, booking_notes=None):
    return slot_booking.book_into(
        desk.db,
        slot_id,
        interview_id,
        booking_notes=booking_notes,
        settings=desk.settings,
        ring=desk.ring,
        now=desk.now,
    )


def refusal(desk, *arguments, **changes):
    with pytest.raises(BookingRefused) as caught:
        book_into(desk, *arguments, **changes)
    assert caught.value.fix
    assert "\n" not in caught.value.line()
    return caught.value.code, caught.value.field


def notes(desk, booking):
    return desk.rows("SELECT booking_notes FROM interview_schedule WHERE id = ?", booking.schedule_id)[0][0]


def test_a_booked_interview_moves_into_the_slot(desk, booked, slot, tomorrow):
    moved = book_into(desk, slot, booked.interview_id)
    assert (moved.action, moved.slot_id, moved.schedule_id) == ("move", slot, booked.schedule_id)
    assert desk.rows("SELECT started_at FROM interview WHERE id = ?", booked.interview_id) == [
        ((tomorrow + 2 * HOUR).timestamp(),)
    ]
    assert desk.places() == [(booked.slot_id, 1, 0), (slot, 2, 2)]


def test_a_cancelled_interview_is_booked_again_into_the_slot(desk, booked, slot):
    desk.cancel(booked.interview_id)
    again = book_into(desk, slot, booked.interview_id)
    assert (again.action, again.interview_id, again.slot_id) == ("create", booked.interview_id, slot)
    assert desk.rows("SELECT state FROM interview WHERE id = ?", booked.interview_id) == [("scheduled",)]
    assert desk.count("interview_session") == 2


def test_an_interview_that_is_in_the_slot_already_is_unchanged(desk, booked):
    assert book_into(desk, booked.slot_id, booked.interview_id).action == "unchanged"
    assert desk.mails(booked.interview_id) == [("invitation", 1, "queued")]


def test_notes_stay_unless_new_ones_are_given(desk, request_of, slot, tomorrow):
    first = desk.book(request_of(booking_notes="Bring a pen."))
    assert notes(desk, book_into(desk, slot, first.interview_id)) == "Bring a pen."
    assert notes(desk, book_into(desk, first.slot_id, first.interview_id, "  Ring twice.\r\n")) == "Ring twice."
    assert notes(desk, book_into(desk, slot, first.interview_id, "")) == ""


@pytest.mark.parametrize("rebook", [
    lambda desk, slot, interview_id, start: book_into(desk, slot, interview_id),
    lambda desk, slot, interview_id, start: desk.move(interview_id, start),
], ids=["book_into", "move"])  # fmt: skip
def test_notes_that_change_while_a_booking_waits_for_its_turn_stay(desk, booked, slot, tomorrow, rebook):
    def wait():
        try:
            return rebook(desk, slot, booked.interview_id, tomorrow + 2 * HOUR)
        finally:
            desk.db.close()

    with ThreadPoolExecutor(1) as other:
        with database.writing(desk.db):
            waiting = other.submit(wait)
            time.sleep(0.2)
            desk.change("UPDATE interview_schedule SET booking_notes = 'Ring twice.'")
        assert notes(desk, waiting.result()) == "Ring twice."


def test_notes_of_a_cancelled_booking_stay_too(desk, request_of, slot):
    first = desk.book(request_of(booking_notes="Bring a pen."))
    desk.cancel(first.interview_id)
    assert notes(desk, book_into(desk, slot, first.interview_id)) == "Bring a pen."


@pytest.mark.parametrize("wrong", [0, -1, 2**63, True, "1", None, 1.0])
def test_what_is_no_id_is_refused_naming_the_field(desk, booked, wrong):
    assert refusal(desk, wrong, booked.interview_id) == ("value_invalid", "slot_id")
    assert refusal(desk, booked.slot_id, wrong) == ("value_invalid", "interview_id")


def test_an_unknown_id_names_the_field(desk, booked):
    with pytest.raises(NotFound, match="slot_id"):
        book_into(desk, 99, booked.interview_id)
    with pytest.raises(NotFound, match="interview_id"):
        book_into(desk, booked.slot_id, 99)


def test_a_mail_tests_slot_and_interview_are_not_found(desk, booked, request_of):
    test = desk.book(request_of(email="t@example.com", job_title="Mail test", is_test=True))
    for slot_id, interview_id, field in (
        (test.slot_id, booked.interview_id, "slot_id"), (test.slot_id, test.interview_id, "slot_id"),
        (booked.slot_id, test.interview_id, "interview_id"),
    ):  # fmt: skip
        with pytest.raises(NotFound, match=field):
            book_into(desk, slot_id, interview_id)
    assert "booking_refused" not in desk.event_kinds()


def test_a_slot_of_another_job_is_refused_and_recorded(desk, booked, request_of):
    other = desk.book(request_of(email="b@example.com", job_title="Surgeon")).slot_id
    assert refusal(desk, other, booked.interview_id) == ("job_differs", "interview_id")
    assert desk.event_kinds()[-1] == "booking_refused"
    assert (booked.slot_id, 1, 1) in desk.places()


def test_booking_into_a_slot_keeps_the_rules_of_booking(desk, booked, slot, request_of, tomorrow):
    desk.book(request_of(tomorrow + 2 * HOUR, email="c@example.com"))
    assert refusal(desk, slot, booked.interview_id) == ("slot_full", "slot_id")
    desk.cancel_slot(slot)
    assert refusal(desk, slot, booked.interview_id) == ("slot_cancelled", "slot_id")
    assert (booked.slot_id, 1, 1) in desk.places()


def test_a_begun_interview_does_not_move_into_a_slot(desk, booked, slot):
    desk.begin(booked.interview_id)
    assert refusal(desk, slot, booked.interview_id) == ("interview_started", "interview_id")


@pytest.mark.parametrize(("wrong", "code"), [("x" * 2_001, "text_too_long"), (7, "value_missing")])
def test_notes_out_of_their_limits_are_named(desk, booked, slot, wrong, code):
    assert refusal(desk, slot, booked.interview_id, wrong) == (code, "booking_notes")


def test_racing_interviews_fill_the_slot_exactly(desk, request_of, tomorrow):
    target = desk.book(request_of(tomorrow + 20 * HOUR, email="first@example.com", capacity=4)).slot_id
    ids = [desk.book(request_of(tomorrow + n * HOUR, email=f"m{n}@example.com")).interview_id for n in range(8)]
    for cancelled in ids[::2]:
        desk.cancel(cancelled)
    results = race(desk, [lambda one=one: bool(book_into(desk, target, one)) for one in ids])
    assert sorted(map(str, results)) == ["True"] * 3 + ["slot_full"] * 5
    assert (target, 4, 4) in desk.places()
    assert is_consistent(desk)


def test_a_booking_is_described_with_its_slot_and_its_newest_mail(desk, booked, slot, tomorrow):
    desk.deliver()
    moved = book_into(desk, slot, booked.interview_id, "Ring twice.")
    told = slot_booking.describe(desk.db, moved)
    assert (told.action, told.interview_id, told.slot_id, told.schedule_id) == (
        "move", booked.interview_id, slot, booked.schedule_id,
    )  # fmt: skip
    assert (told.starts_at, told.ends_at) == (tomorrow + 2 * HOUR, tomorrow + 3 * HOUR)
    assert (told.timezone, told.booking_notes) == ("Asia/Kolkata", "Ring twice.")
    assert (told.mail_id, told.mail_kind, told.mail_state) == (moved.notification_id, "rescheduled", "queued")


def test_an_unchanged_booking_is_described_with_the_mail_that_went_out(desk, booked):
    desk.deliver()
    told = slot_booking.describe(desk.db, book_into(desk, booked.slot_id, booked.interview_id))
    assert (told.action, told.mail_id, told.mail_state) == ("unchanged", booked.notification_id, "sent")


def test_a_cancelled_booking_is_described_without_a_slot(desk, booked):
    told = slot_booking.describe(desk.db, desk.cancel(booked.interview_id))
    assert (told.action, told.slot_id, told.schedule_id, told.booking_notes) == ("cancel", None, None, "")
    assert told.mail_state == "superseded"
