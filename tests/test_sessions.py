"""The access window, the page's facts, and the actual start."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from store import booking, database, sessions, times
from store.database import execute, fetch
from store.errors import NotAdmitted, NotFound
from store.requests import BookingRequest
from store.sessions import GRACE

START, END = datetime(2026, 11, 30, 7, 20, tzinfo=UTC), datetime(2026, 11, 30, 8, 5, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def state_at(now, **changed):
    facts = {"started_at": START, "ended_at": END, "opens_before": 15, "closes_after": 15,
             "interview_state": "scheduled", "begun_at": None, "finished_at": None}  # fmt: skip
    return sessions.window(**(facts | changed), now=now).state


@pytest.fixture
def session_id(db, settings, ring):
    """The session of an interview at 12:50 PM IST, booked a day before."""
    request = BookingRequest(
        candidate_name="Asha Rao", email="asha@example.com", address="asha@example.com", job_title="Nurse",
        company_name="Acme", starts_at=START, ends_at=END, timezone="Asia/Kolkata", booking_notes="Bring nothing.",
        reference="ATS-7", candidate_timezone="Europe/Berlin",
    )  # fmt: skip
    booked = booking.book_slot(db, request, settings=settings, ring=ring, now=START - timedelta(days=1))
    return fetch(db, "SELECT id FROM interview_session WHERE interview_id = ?", (booked.interview_id,))[0][0]


@pytest.mark.parametrize(("now", "state"), [
    (START - 15 * MINUTE - SECOND, "early"), (START - 15 * MINUTE, "waiting"), (START - SECOND, "waiting"),
    (START, "open"), (START + 15 * MINUTE - SECOND, "open"), (START + 15 * MINUTE, "late"), (END, "late"),
])  # fmt: skip
def test_one_second_decides_who_is_let_in(now, state):
    assert state_at(now) == state


@pytest.mark.parametrize(("now", "state"), [
    (START + 16 * MINUTE, "running"), (END, "running"), (END + GRACE - SECOND, "running"), (END + GRACE, "done"),
])  # fmt: skip
def test_whoever_has_begun_goes_on_until_the_interviews_own_end(now, state):
    assert state_at(now, begun_at=START + MINUTE) == state


@pytest.mark.parametrize(("state", "has_begun", "is_finished", "past_end", "is_over"), [
    ("scheduled", True, False, 30, True), ("scheduled", True, False, 29.9, False), ("scheduled", False, False, 900, False),
    ("cancelled", True, False, 900, False), ("completed", False, False, -900, True), ("scheduled", True, True, -900, True),
])  # fmt: skip
def test_an_interview_is_over_when_it_is_finished_or_has_begun_and_its_grace_is_past(
    state, has_begun, is_finished, past_end, is_over
):
    said = sessions.is_over(state, has_begun=has_begun, is_finished=is_finished, past_end=past_end)
    assert said == is_over


def test_a_short_interview_is_not_open_after_its_end():
    assert state_at(END, closes_after=60) == "late"
    assert state_at(END - SECOND, closes_after=60) == "open"


def test_without_a_time_before_the_start_early_turns_into_open():
    assert (state_at(START - SECOND, opens_before=0), state_at(START, opens_before=0)) == ("early", "open")


@pytest.mark.parametrize("now", [START - timedelta(days=1), START, END])
def test_a_cancelled_interview_is_cancelled_at_any_time(now):
    assert state_at(now, interview_state="cancelled") == "cancelled"
    assert state_at(now, interview_state="cancelled", begun_at=START) == "cancelled"


@pytest.mark.parametrize("facts", [{"finished_at": START}, {"interview_state": "completed"}])
def test_a_finished_interview_is_done_whatever_else_is_said(facts):
    assert state_at(START, begun_at=START, **facts) == "done"


def test_the_window_names_the_instants_at_which_it_turns():
    access = sessions.window(started_at=START, ended_at=END, opens_before=10, closes_after=20,
                             interview_state="scheduled", begun_at=None, finished_at=None, now=START)  # fmt: skip
    assert (access.opens_at, access.starts_at) == (START - 10 * MINUTE, START)
    assert (access.closes_at, access.deadline) == (START + 20 * MINUTE, END)


def test_the_page_is_told_the_deadline_and_the_last_instant_for_saving(db, session_id):
    view = sessions.load(db, session_id)
    told = sessions.turns(view, view.access(START), START)
    assert (told["deadline"], told["ends_at"]) == ("2026-11-30T08:05:00Z", "2026-11-30T08:05:30Z")
    assert state_at(view.access(START).ends_at - SECOND, begun_at=START) == "running"
    assert state_at(view.access(START).ends_at, begun_at=START) == "done"


def test_a_page_shows_the_booked_time_in_both_zones(db, session_id):
    view = sessions.load(db, session_id)
    assert view.zones() == ["Asia/Kolkata", "Europe/Berlin"]
    assert [times.time_words(view.started_at, zone) for zone in view.zones()] == ["12:50 PM IST", "08:20 AM CET"]


def test_a_zone_with_the_same_clock_is_not_shown_twice(db, session_id):
    execute(db, "UPDATE candidate SET timezone = 'Asia/Colombo'")
    assert sessions.load(db, session_id).zones() == ["Asia/Kolkata"]


def test_nine_in_the_morning_in_india_is_a_valid_time_and_opens_then(db, session_id, settings, ring):
    nine = datetime(2026, 12, 1, 3, 30, tzinfo=UTC)
    booking.move(db, sessions.load(db, session_id).interview_id, starts_at=nine, ends_at=nine + 30 * MINUTE,
                 settings=settings, ring=ring, now=nine - timedelta(hours=20))  # fmt: skip
    view = sessions.load(db, session_id)
    assert times.time_words(view.started_at, view.timezone) == "09:00 AM IST"
    assert (view.access(nine - SECOND).state, view.access(nine).state) == ("waiting", "open")


def test_one_read_brings_everything_a_page_says(db, session_id):
    view = sessions.load(db, session_id)
    assert (view.candidate_name, view.job_title, view.company_name) == ("Asha Rao", "Nurse", "Acme")
    assert (view.booking_notes, view.reference, view.code) == ("Bring nothing.", "ATS-7", f"IV-{view.interview_id}")
    assert (view.started_at, view.ended_at, view.begun_at) == (START, END, None)


def test_an_unknown_session_names_the_field(db):
    with pytest.raises(NotFound) as caught:
        sessions.load(db, 4711)
    assert caught.value.field == "session_id"


def test_the_number_of_the_mail_is_the_number_of_the_portal(db, session_id, settings):
    view = sessions.load(db, session_id)
    assert view.opens_before == settings.interview_opens_before
    assert view.access(START).opens_at == START - timedelta(minutes=settings.interview_opens_before)


def test_a_later_setting_does_not_change_what_was_mailed(db, session_id, settings):
    later = settings.model_copy(update={"interview_opens_before": 60})
    assert later.interview_opens_before == 60
    assert sessions.load(db, session_id).access(START - 16 * MINUTE).state == "early"


def test_a_moved_interview_opens_at_its_new_time(db, session_id, settings, ring):
    interview_id = sessions.load(db, session_id).interview_id
    hour = timedelta(hours=1)
    booking.move(db, interview_id, starts_at=START + hour, ends_at=END + hour, settings=settings, ring=ring,
                 now=START - 5 * hour)  # fmt: skip
    view = sessions.load(db, session_id)
    assert (view.started_at, view.access(START).state) == (START + hour, "early")
    assert view.access(START + hour).state == "open"


def test_a_cancelled_booking_has_no_notes_and_does_not_open(db, session_id, settings):
    booking.cancel(db, sessions.load(db, session_id).interview_id, settings=settings, now=START - timedelta(hours=5))
    view = sessions.load(db, session_id)
    assert (view.access(START).state, view.booking_notes) == ("cancelled", "")
    with pytest.raises(NotAdmitted):
        sessions.begin(db, session_id, START)


def test_beginning_is_recorded_once_and_changes_nothing_the_second_time(db, session_id):
    first = sessions.begin(db, session_id, START + SECOND)
    second = sessions.begin(db, session_id, START + 5 * MINUTE)
    assert first.begun_at == second.begun_at == START + SECOND
    assert fetch(db, "SELECT count(*) FROM event WHERE kind = 'begun'") == [(1,)]
    assert fetch(db, "SELECT count(*), max(number) FROM session_question") == [(5, 5)]


def test_a_crash_after_the_entry_window_does_not_lock_out(db, session_id):
    sessions.begin(db, session_id, START)
    assert sessions.begin(db, session_id, START + 16 * MINUTE).access(START + 16 * MINUTE).state == "running"


@pytest.mark.parametrize(("now", "state"), [
    (START - timedelta(hours=1), "early"), (START - SECOND, "waiting"), (START + 15 * MINUTE, "late"),
])  # fmt: skip
def test_a_candidate_outside_the_window_learns_when_it_opens(db, session_id, now, state):
    with pytest.raises(NotAdmitted) as caught:
        sessions.begin(db, session_id, now)
    assert (caught.value.state, caught.value.opens_at) == (state, START - 15 * MINUTE)
    assert fetch(db, "SELECT begun_at FROM interview_session") == [(None,)]


def test_a_cancel_that_comes_between_look_and_start_wins(db, session_id):
    written = threading.Event()

    def cancel():
        with database.lent(db), database.writing(db):
            execute(db, "UPDATE interview SET state = 'cancelled'")
            written.set()
            time.sleep(0.2)

    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(cancel)
        assert written.wait(10)
        with pytest.raises(NotAdmitted) as caught:
            sessions.begin(db, session_id, START)
        cancelling.result()
    assert caught.value.state == "cancelled"
    assert fetch(db, "SELECT begun_at FROM interview_session") == [(None,)]


def test_two_devices_that_begin_at_once_begin_once(db, record_url, session_id):
    def begin(second):
        with database.lent(db):
            return sessions.begin(db, session_id, START + second * SECOND).begun_at

    with ThreadPoolExecutor(4) as pool:
        begun = set(pool.map(begin, range(8)))
    assert len(begun) == 1
    assert fetch(db, "SELECT count(*) FROM event WHERE kind = 'begun'") == [(1,)]
    assert fetch(db, "SELECT count(*) FROM session_question") == [(5,)]
