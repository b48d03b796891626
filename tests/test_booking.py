"""Booking one interview: the rules in their order, moves, cancellations, capacity, and what stands in the record after."""

import json
import logging
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from booking_desk import DAY, HOUR, MINUTE, SECOND

from store import booking, database, models, redaction
from store.database import fetch
from store.errors import BookingRefused, NotFound
from store.sessions import GRACE

BOOK_AND_DIE = """
import sys
from datetime import datetime
import booking_desk
from store import database, session_keys
from store.settings import Settings
settings = Settings(database_url=sys.argv[1], session_key_ring=sys.argv[2])
now = datetime.fromisoformat(sys.argv[3])
db = database.open_record(sys.argv[1])
ring = session_keys.load_ring(db, sys.argv[2], now=now)
booked = booking_desk.Desk(db, settings, ring, now).book(booking_desk.request(now + booking_desk.DAY))
print(booked.notification_id, flush=True)
sys.stdin.read()
"""


def refusal(call, *arguments, **changes):
    with pytest.raises(BookingRefused) as caught:
        call(*arguments, **changes)
    assert caught.value.fix
    assert "\n" not in caught.value.line()
    return caught.value.code


@pytest.fixture
def full(desk, request_of, tomorrow):
    """A slot an hour after the default one, its only place taken."""
    return desk.book(request_of(tomorrow + HOUR, email="full@example.com"))


def test_a_booking_makes_interview_schedule_session_and_mail_together(desk, booked):
    assert (booked.action, booked.slot_id, booked.notification_id) == ("create", 1, 1)
    for table in ("interview", "interview_schedule", "interview_session", "notification", "seat", "candidate", "job"):
        assert desk.count(table) == 1
    assert desk.rows("SELECT state, opened_at, begun_at, finished_at FROM interview, interview_session") == [
        ("scheduled", None, None, None)
    ]
    assert desk.mails(booked.interview_id) == [("invitation", 1, "queued")]
    assert desk.event_kinds() == ["booked"]


def test_a_slot_at_12_50_in_india_is_stored_as_07_20_utc(desk, request_of):
    desk.book(request_of(datetime(2026, 11, 30, 7, 20, tzinfo=UTC), minutes=45))
    interview = models.Interview.get()
    assert interview.started_at == datetime(2026, 11, 30, 7, 20, tzinfo=UTC)
    assert interview.ended_at == datetime(2026, 11, 30, 8, 5, tzinfo=UTC)
    assert desk.facts(interview.id)[0].starts_at == interview.started_at


def test_the_same_booking_twice_is_one_booking_and_one_mail(desk, request_of, booked):
    again = desk.book(request_of())
    assert (again.action, again.interview_id, again.slot_id, again.schedule_id, again.notification_id) == (
        "unchanged", booked.interview_id, booked.slot_id, booked.schedule_id, None,
    )  # fmt: skip
    assert (desk.count("interview_schedule"), desk.count("notification"), desk.count("event")) == (1, 1, 1)


def test_the_same_booking_is_unchanged_even_when_its_time_has_passed(desk, request_of, booked):
    desk.now += 2 * DAY
    assert desk.book(request_of()).action == "unchanged"


def test_job_and_address_are_recognised_without_case(desk, request_of, booked):
    again = desk.book(request_of(email="ASHA@Example.COM", job_title="nurse", company_name="ACME"))
    assert (again.action, desk.count("job"), desk.count("candidate")) == ("unchanged", 1, 1)


@pytest.mark.parametrize(("lead", "code"), [(SECOND, None), (0 * SECOND, "slot_past"), (-HOUR, "slot_past")])
def test_one_second_decides_whether_a_slot_is_past(desk, request_of, lead, code):
    if code:
        assert refusal(desk.book, request_of(desk.now + lead)) == code
        assert desk.count("interview") == desk.count("interview_slot") == 0
    else:
        assert desk.book(request_of(desk.now + lead)).action == "create"


def test_nine_in_the_morning_in_india_is_a_valid_slot(desk, request_of):
    assert desk.book(request_of(datetime(2026, 11, 21, 3, 30, tzinfo=UTC))).action == "create"


def test_a_full_slot_is_refused_and_leaves_one_parseable_event(desk, request_of, full, tomorrow):
    assert refusal(desk.book, request_of(tomorrow + HOUR)) == "slot_full"
    kind, data = desk.rows("SELECT kind, data FROM event ORDER BY id DESC LIMIT 1")[0]
    assert (kind, json.loads(data)) == ("booking_refused", {"code": "slot_full", "slot": full.slot_id})
    assert (desk.count("candidate"), desk.count("event"), desk.count("notification")) == (1, 2, 1)


def test_the_refusal_names_the_field_it_is_about(desk, request_of, full, tomorrow):
    with pytest.raises(BookingRefused) as caught:
        desk.book(request_of(tomorrow + HOUR, capacity=2, email="full@example.com", round=2))
    assert (caught.value.code, caught.value.field) == ("candidate_busy", "interview_id")


@pytest.mark.parametrize(
    ("shift", "minutes", "is_busy"),
    [(-HOUR, 60, False), (-HOUR, 61, True), (59 * MINUTE, 60, True), (HOUR, 60, False), (10 * MINUTE, 10, True)],
)
def test_a_candidate_is_busy_from_the_start_up_to_the_end_of_another_interview(
    desk, request_of, booked, tomorrow, shift, minutes, is_busy
):
    other = request_of(tomorrow + shift, minutes=minutes, job_title="Porter")
    if is_busy:
        assert refusal(desk.book, other) == "candidate_busy"
    else:
        assert desk.book(other).action == "create"


def test_the_time_of_a_cancelled_interview_keeps_nobody_busy(desk, request_of, booked, tomorrow):
    desk.cancel(booked.interview_id)
    assert desk.book(request_of(tomorrow + 10 * MINUTE, job_title="Porter")).action == "create"


def test_a_second_round_is_an_interview_with_a_session_of_its_own(desk, request_of, booked, tomorrow):
    second = desk.book(request_of(tomorrow + DAY, round=2))
    assert second.interview_id != booked.interview_id
    publics = desk.rows("SELECT DISTINCT public FROM interview_session")
    assert (len(publics), desk.count("candidate")) == (2, 1)


def test_a_move_to_a_free_slot_leaves_both_slots_right(desk, request_of, booked, tomorrow):
    moved = desk.book(request_of(tomorrow + HOUR))
    assert (moved.action, moved.interview_id, moved.schedule_id) == ("move", booked.interview_id, booked.schedule_id)
    assert desk.places() == [(booked.slot_id, 1, 0), (moved.slot_id, 1, 1)]
    assert models.Interview.get().started_at == tomorrow + HOUR
    assert desk.event_kinds() == ["booked", "moved"]


def test_a_move_keeps_the_session_and_its_key(desk, booked, tomorrow):
    before = desk.rows("SELECT id, public, key_id, generation FROM interview_session")
    desk.move(booked.interview_id, tomorrow + HOUR)
    assert desk.rows("SELECT id, public, key_id, generation FROM interview_session") == before


def test_a_move_to_a_full_slot_is_refused_and_changes_nothing(desk, booked, full, tomorrow):
    before = desk.places(), desk.mails(booked.interview_id), desk.rows("SELECT * FROM interview ORDER BY id")
    assert refusal(desk.move, booked.interview_id, tomorrow + HOUR) == "slot_full"
    assert (desk.places(), desk.mails(booked.interview_id), desk.rows("SELECT * FROM interview ORDER BY id")) == before


def test_two_full_slots_are_not_swapped(desk, request_of, booked, full, tomorrow):
    assert refusal(desk.book, request_of(tomorrow + HOUR)) == "slot_full"
    assert refusal(desk.book, request_of(tomorrow, email="full@example.com")) == "slot_full"
    assert [booked for _, _, booked in desk.places()] == [1, 1]


def test_an_interview_that_has_begun_does_not_move(desk, booked, tomorrow):
    desk.begin(booked.interview_id)
    assert refusal(desk.move, booked.interview_id, tomorrow + DAY) == "interview_started"
    assert refusal(desk.cancel, booked.interview_id) == "interview_started"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE interview SET state = 'completed'", "UPDATE interview_session SET finished_at = 1790000000"],
)
def test_a_completed_interview_is_neither_moved_nor_cancelled(desk, booked, tomorrow, statement):
    desk.change(statement)
    assert refusal(desk.move, booked.interview_id, tomorrow + DAY) == "interview_completed"
    assert refusal(desk.cancel, booked.interview_id) == "interview_completed"


def test_a_begun_interview_is_completed_when_its_page_says_so_after_the_grace(desk, booked, tomorrow):
    desk.begin(booked.interview_id)
    for desk.now, code in (
        (tomorrow + HOUR + GRACE - SECOND, "interview_started"), (tomorrow + HOUR + GRACE, "interview_completed")
    ):  # fmt: skip
        assert refusal(desk.move, booked.interview_id, tomorrow + DAY) == code
        assert refusal(desk.cancel, booked.interview_id) == code


def test_a_move_must_end_after_it_starts(desk, booked, tomorrow):
    assert refusal(desk.move, booked.interview_id, tomorrow, minutes=0) == "end_before_start"


def test_a_cancelled_interview_is_not_booked_again_by_a_move(desk, booked, tomorrow):
    desk.cancel(booked.interview_id)
    assert refusal(desk.move, booked.interview_id, tomorrow + DAY) == "not_booked"
    assert desk.event_kinds() == ["booked", "cancelled", "booking_refused"]


@pytest.mark.parametrize("wrong", [99, 0, -1, True, None, "1", 1.5, 2**70])
def test_an_unknown_id_is_a_clear_error_that_names_the_field(desk, tomorrow, wrong):
    for call in (lambda: desk.move(wrong, tomorrow), lambda: desk.cancel(wrong), lambda: booking.find_interview(wrong)):
        with pytest.raises(NotFound, match="^interview_id: nothing with the id") as caught:
            call()
        assert caught.value.field == "interview_id"
    with pytest.raises(NotFound, match="^slot_id: nothing"):
        desk.cancel_slot(wrong)


def test_a_cancelled_interview_gives_its_place_back(desk, request_of, booked):
    assert desk.cancel(booked.interview_id).action == "cancel"
    assert desk.places() == [(booked.slot_id, 1, 0)]
    assert desk.rows("SELECT i.state, h.state FROM interview i, interview_schedule h") == [("cancelled", "cancelled")]
    assert desk.book(request_of(email="next@example.com")).slot_id == booked.slot_id


def test_cancelling_twice_changes_and_mails_nothing_more(desk, booked):
    desk.deliver()
    desk.cancel(booked.interview_id)
    before = desk.mails(booked.interview_id), desk.count("event")
    assert desk.cancel(booked.interview_id).action == "unchanged"
    assert (desk.mails(booked.interview_id), desk.count("event")) == before


def test_what_is_over_is_not_cancelled(desk, booked, tomorrow):
    desk.now = tomorrow + HOUR
    assert refusal(desk.cancel, booked.interview_id) == "slot_past"
    assert desk.event_kinds() == ["booked", "cancel_refused"]


def test_a_cancelled_slot_cancels_its_interviews_and_takes_no_more(desk, request_of, tomorrow):
    first, second = (desk.book(request_of(email=f"{name}@example.com", capacity=2)) for name in "ab")
    assert [b.interview_id for b in desk.cancel_slot(first.slot_id)] == [first.interview_id, second.interview_id]
    assert desk.places() == [(first.slot_id, 2, 0)]
    assert refusal(desk.book, request_of(email="c@example.com")) == "slot_cancelled"


def test_a_slot_with_a_begun_interview_is_not_cancelled(desk, request_of, booked):
    desk.begin(booked.interview_id)
    assert refusal(desk.cancel_slot, booked.slot_id) == "interview_started"
    assert desk.rows("SELECT state FROM interview_slot") == [("open",)]


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_slot_that_is_over_is_not_cancelled_and_its_no_shows_are_not_mailed(desk, booked, tomorrow, is_finished):
    desk.deliver()
    desk.now = tomorrow + HOUR
    if is_finished:
        desk.change("UPDATE interview SET state = 'completed'")
    code = "interview_completed" if is_finished else "slot_past"
    assert refusal(desk.cancel_slot, booked.slot_id) == code
    assert desk.rows("SELECT s.state, h.state FROM interview_slot s, interview_schedule h") == [("open", "booked")]
    assert desk.mails(booked.interview_id) == [("invitation", 1, "sent")]
    kind, interview_id, data = desk.rows("SELECT kind, interview_id, data FROM event ORDER BY id DESC LIMIT 1")[0]
    assert (kind, interview_id, json.loads(data)) == ("cancel_refused", 1, {"code": code, "slot": booked.slot_id})


def test_capacity_can_be_raised(desk, request_of, booked):
    other = desk.book(request_of(email="b@example.com", capacity=3))
    assert (other.slot_id, desk.places()) == (booked.slot_id, [(booked.slot_id, 3, 2)])


def test_capacity_can_be_cut_down_to_what_is_booked(desk, request_of):
    desk.book(request_of(capacity=5))
    desk.book(request_of(email="b@example.com", capacity=2))
    assert desk.places() == [(1, 2, 2)]


def test_capacity_is_not_cut_below_what_is_booked(desk, request_of):
    for name in "ab":
        desk.book(request_of(email=f"{name}@example.com", capacity=2))
    assert refusal(desk.book, request_of(email="c@example.com", capacity=1)) == "capacity_below_booked"
    assert desk.places() == [(1, 2, 2)]


def test_a_slot_that_grew_and_shrank_keeps_its_seats_apart(desk, request_of, tomorrow):
    for name, capacity in (("a", 1), ("b", 4), ("c", 3), ("d", 6)):
        desk.book(request_of(email=f"{name}@example.com", capacity=capacity))
    numbers = [row[0] for row in desk.rows("SELECT number FROM seat ORDER BY number")]
    assert len(numbers) == len(set(numbers)) == 6
    assert desk.places() == [(1, 6, 4)]


def test_the_numbers_in_the_mail_stay_true_when_the_setting_changes(desk, booked):
    desk.settings = desk.settings.model_copy(update={"interview_opens_before": 60, "interview_closes_after": 5})
    interview, facts = models.Interview.get(), desk.facts(booked.interview_id)[0]
    assert (interview.opens_before, interview.closes_after) == (facts.opens_before, facts.closes_after) == (15, 15)


def test_a_move_takes_the_numbers_of_its_day_into_interview_and_mail(desk, booked, tomorrow):
    desk.settings = desk.settings.model_copy(update={"interview_opens_before": 60, "interview_closes_after": 5})
    desk.move(booked.interview_id, tomorrow + HOUR)
    interview, facts = models.Interview.get(), desk.facts(booked.interview_id)[-1]
    assert (interview.opens_before, interview.closes_after) == (facts.opens_before, facts.closes_after) == (60, 5)


def test_a_later_booking_corrects_name_and_zone_but_forgets_no_zone(desk, request_of, tomorrow):
    desk.book(request_of(candidate_timezone="Europe/Berlin"))
    desk.book(request_of(tomorrow + HOUR, candidate_name="Asha R."))
    assert desk.rows("SELECT name, timezone FROM candidate") == [("Asha R.", "Europe/Berlin")]
    assert desk.facts(1)[-1].candidate_timezone == "Europe/Berlin"


def test_slots_that_begin_together_and_end_apart_are_two(desk, request_of, booked, tomorrow):
    longer = desk.book(request_of(tomorrow, minutes=90, email="b@example.com"))
    assert (longer.slot_id, desk.count("interview_slot")) == (2, 2)


def test_requests_of_one_record_do_not_read_another(desk, booked, tmp_path):
    other = database.open_record(f"sqlite:///{tmp_path}/other.db")
    try:
        assert booking.request_for(desk.db, booked.interview_id).email == "asha@example.com"
        with pytest.raises(NotFound):
            booking.request_for(other, booked.interview_id)
    finally:
        other.close()


def test_a_booking_logs_its_two_lines_without_the_whole_address(desk, request_of, caplog):
    caplog.set_level(logging.INFO, logger="store")
    desk.book(request_of(candidate_name="Asha Secret"))
    first, second = caplog.messages
    assert first == "DEBUG: book_slot called for slot 1 (interview 1)"
    assert second.startswith("DEBUG: Request data: interview=1 candidate=a***@example.com job='Nurse'")
    assert "asha@" not in caplog.text
    assert redaction.redact(second) == second


def test_a_refused_booking_logs_the_same_two_lines(desk, request_of, full, tomorrow, caplog):
    caplog.set_level(logging.INFO, logger="store")
    assert refusal(desk.book, request_of(tomorrow + HOUR)) == "slot_full"
    assert [line[:21] for line in caplog.messages] == ["DEBUG: book_slot call", "DEBUG: Request data: "]


def test_a_mail_is_still_queued_after_the_booking_process_was_killed(db, record_url, settings, ring, now):
    child = subprocess.Popen(
        [sys.executable, "-c", BOOK_AND_DIE, record_url, settings.session_key_ring.get_secret_value(), now.isoformat()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.path.dirname(__file__)},
    )  # fmt: skip
    with child:
        notification_id = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert fetch(db, "SELECT id, state FROM notification") == [(notification_id, "queued")]


def test_the_database_itself_refuses_a_second_active_place(desk, booked):
    with pytest.raises(database.peewee.IntegrityError):
        desk.change(
            "INSERT INTO interview_schedule (interview_id, slot_id, state, booking_notes, booked_at, changed_at, seat_id)"
            " SELECT interview_id, slot_id, 'booked', '', 0, 0, seat_id FROM interview_schedule"
        )
    assert desk.count("interview_schedule") == 1
