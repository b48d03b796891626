"""Cancelling many interviews: what becomes of each that was named, chunk by chunk, and that a stopped run goes on."""

import json
from dataclasses import replace

import pytest
from booking_desk import DAY, HOUR, SECOND

from store import cancel_batches, times
from store.cancel_batches import CANCEL, CANCELLED, REFUSED, UNCHANGED
from store.cancel_file import Named
from store.facts import CANCELLED as CANCELLATION
from store.ledger import job_identity
from store.requests import RowFault

NURSE = job_identity("Acme", "Nurse")
BY_ADDRESS = Named(2, None, "Asha@example.com", "asha@example.com")
BY_JOB = replace(BY_ADDRESS, job=NURSE)


@pytest.fixture
def cancel(desk):
    """Cancels what is named; gives (outcome, code) of each."""

    def cancel(*named, clock=None):
        given = {"settings": desk.settings, "clock": clock or (lambda: desk.now)}
        return told(cancel_batches.cancel(desk.db, named, **given))

    return cancel


@pytest.fixture
def plan(desk):
    return lambda *named: cancel_batches.plan(desk.db, named, desk.now)


def told(rows):
    return [(row.outcome, row.code) for row in rows]


def by_code(interview_id):
    return Named(interview_id=interview_id)


def states(desk):
    return [state for (state,) in desk.rows("SELECT state FROM interview ORDER BY id")]


def test_what_is_named_by_code_or_row_is_cancelled_with_its_mail_and_its_place_is_free(desk, request_of, cancel):
    one, other = desk.book(request_of()), desk.book(request_of(email="b@example.com", job_title="Cook"))
    desk.deliver()
    assert cancel(BY_JOB, by_code(other.interview_id)) == [(CANCELLED, ""), (CANCELLED, "")]
    assert states(desk) == ["cancelled", "cancelled"]
    assert desk.places() == [(one.slot_id, 1, 0), (other.slot_id, 1, 0)]
    assert [desk.mails(one)[-1][::2] for one in (1, 2)] == [(CANCELLATION, "queued")] * 2
    assert [desk.facts(one)[-1].sequence for one in (1, 2)] == [1, 1]
    assert desk.event_kinds()[-2:] == ["cancelled", "cancelled"]


def test_cancelling_many_at_once_does_what_cancelling_each_does(desk, request_of, cancel):
    booked = [desk.book(request_of(email=f"c{n}@example.com", job_title=f"Nurse {n}")) for n in range(4)]
    ids = [one.interview_id for one in booked]
    desk.hand_over(desk.claim(limit=2))
    for each in (ids[0], ids[2]):
        desk.cancel(each)
    cancel(by_code(ids[1]), by_code(ids[3]))
    invited, uninvited = (
        [("invitation", 1, "handed_over"), ("cancelled", 1, "queued")],
        [("invitation", 1, "superseded")],
    )
    assert [desk.mails(one) for one in ids] == [invited, invited, uninvited, uninvited]
    rows = desk.rows("SELECT i.state, i.sequence, h.state, h.seat_id FROM interview i, interview_schedule h"
                     " WHERE h.interview_id = i.id")  # fmt: skip
    assert set(rows) == {("cancelled", 1, "cancelled", None)}
    events = desk.rows("SELECT interview_id, data FROM event WHERE kind = 'cancelled'")
    mails = dict(desk.rows("SELECT interview_id, id FROM notification WHERE kind = 'cancelled'"))
    slots = {one.interview_id: one.slot_id for one in booked}
    assert {one: json.loads(data) for one, data in events} == {
        one: {"slot": slots[one], "notification": mails.get(one)} for one in ids
    }


def test_nobody_who_was_not_invited_is_told_of_a_cancellation(desk, booked, cancel):
    assert cancel(by_code(booked.interview_id)) == [(CANCELLED, "")]
    assert desk.mails(booked.interview_id) == [("invitation", 1, "superseded")]


def test_a_plan_writes_nothing_and_says_what_cancelling_does(desk, booked, plan, cancel):
    before = desk.rows("SELECT * FROM interview"), desk.count("event"), desk.count("notification")
    [row] = plan(BY_JOB)
    assert (row.outcome, row.interview_id, row.who) == (CANCEL, booked.interview_id, "a***@example.com")
    assert (desk.rows("SELECT * FROM interview"), desk.count("event"), desk.count("notification")) == before
    assert cancel(BY_JOB) == [(CANCELLED, "")]


def test_cancelling_again_changes_and_mails_nothing_more(desk, booked, plan, cancel):
    desk.deliver()
    cancel(BY_JOB)
    before = desk.mails(booked.interview_id), desk.count("event")
    assert cancel(BY_JOB, by_code(booked.interview_id)) == [(UNCHANGED, ""), (UNCHANGED, "")]
    assert plan(BY_JOB)[0].message == "It is cancelled already."
    assert (desk.mails(booked.interview_id), desk.count("event")) == before


def test_what_cannot_be_cancelled_is_told_with_its_reason_and_fix_and_the_others_are_cancelled(
    desk, request_of, booked, tomorrow, plan, cancel
):
    begun = desk.book(request_of(email="b@example.com", job_title="Cook"))
    desk.begin(begun.interview_id)
    trial = desk.book(request_of(email="t@example.com", job_title="Mail", is_test=True))
    named = [by_code(99), by_code(begun.interview_id), by_code(trial.interview_id), replace(BY_JOB, round=2),
             replace(BY_ADDRESS, address="x@example.com"), RowFault(9, "round", "round_range", "What.", "Fix."),
             by_code(booked.interview_id)]  # fmt: skip
    expected = [
        "interview_unknown",
        "interview_started",
        "test_interview",
        "not_booked",
        "nothing_ahead",
        "round_range",
    ]
    rows = plan(*named)
    assert told(rows) == [*((REFUSED, code) for code in expected), (CANCEL, "")]
    assert all(row.message and row.fix for row in rows[:-1])
    assert "IV-99" in rows[0].message
    assert cancel(*named) == [*((REFUSED, code) for code in expected), (CANCELLED, "")]
    assert states(desk) == ["cancelled", "scheduled", "scheduled"]
    refusals = desk.rows("SELECT interview_id FROM event WHERE kind = 'cancel_refused' ORDER BY interview_id")
    assert refusals == [(begun.interview_id,), (trial.interview_id,)]


def test_what_is_over_or_completed_is_refused(desk, booked, tomorrow, plan):
    desk.now = tomorrow + HOUR
    assert told(plan(BY_JOB)) == [(REFUSED, "slot_past")]
    assert told(plan(BY_ADDRESS)) == [(REFUSED, "nothing_ahead")]
    desk.change("UPDATE interview SET state = 'completed'")
    assert told(plan(by_code(1))) == [(REFUSED, "interview_completed")]


def test_an_address_alone_cancels_all_that_is_ahead_of_the_candidate_and_nothing_of_others(
    desk, request_of, tomorrow, cancel
):
    past = desk.book(request_of(tomorrow - 23 * HOUR, job_title="Past"))
    desk.book(request_of(job_title="Mail", is_test=True))
    for number, email in enumerate(("asha@example.com", "ASHA@example.com", "b@example.com")):
        desk.book(request_of(tomorrow + number * HOUR, email=email, address=email.lower(), job_title=f"Nurse {number}"))
    desk.now = tomorrow - SECOND
    assert cancel(BY_ADDRESS) == [(CANCELLED, ""), (CANCELLED, "")]
    assert states(desk) == ["scheduled", "scheduled", "cancelled", "cancelled", "scheduled"]
    assert desk.mails(past.interview_id) == [("invitation", 1, "queued")]


def test_a_row_does_not_cancel_an_interview_that_was_moved_to_another_time_since(desk, booked, tomorrow, plan, cancel):
    desk.move(booked.interview_id, tomorrow + DAY)
    [row] = plan(replace(BY_JOB, starts_at=tomorrow))
    assert (row.outcome, row.code) == (REFUSED, "other_time")
    assert "booked for 2026-11-22 11:30 AM IST, not for 2026-11-21 11:30 AM IST" in row.message
    assert "give its code IV-1" in row.fix
    assert cancel(replace(BY_JOB, starts_at=tomorrow + DAY)) == [(CANCELLED, "")]


def test_a_row_of_an_interview_that_was_moved_and_cancelled_keeps_nobody(desk, booked, tomorrow, plan, cancel):
    desk.move(booked.interview_id, tomorrow + DAY)
    assert cancel(BY_JOB) == [(CANCELLED, "")]
    [row] = plan(replace(BY_JOB, starts_at=tomorrow))
    assert (row.outcome, row.message) == (UNCHANGED, "It is cancelled already.")


def test_the_same_interview_on_two_lines_is_cancelled_once(desk, booked, tomorrow, cancel, plan):
    other = replace(BY_JOB, line=7)
    assert plan(BY_JOB, other)[1].message == "Line 2 names the same interview."
    # A line that is refused for its time leaves the interview to the one that has it right.
    assert cancel(replace(BY_JOB, starts_at=tomorrow + DAY), other) == [(REFUSED, "other_time"), (CANCELLED, "")]
    assert desk.event_kinds().count("cancelled") == 1


def test_what_begins_after_the_look_is_refused_where_it_would_be_cancelled(desk, booked, plan, cancel):
    assert told(plan(BY_JOB)) == [(CANCEL, "")]
    desk.begin(booked.interview_id)
    assert cancel(BY_JOB) == [(REFUSED, "interview_started")]
    assert states(desk) == ["scheduled"]


def test_a_run_that_is_stopped_keeps_whole_chunks_and_is_completed_by_another(desk, request_of, cancel, monkeypatch):
    monkeypatch.setattr(cancel_batches, "CHUNK", 2)
    booked = [desk.book(request_of(email=f"c{n}@example.com", job_title=f"Nurse {n}")) for n in range(5)]
    desk.deliver()
    named, asked = [by_code(one.interview_id) for one in booked], []

    def clock():
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return desk.now

    with pytest.raises(KeyboardInterrupt):
        cancel(*named, clock=clock)
    assert states(desk) == ["cancelled"] * 4 + ["scheduled"]
    assert cancel(*named) == [(UNCHANGED, "")] * 4 + [(CANCELLED, "")]
    assert [desk.mails(one.interview_id)[1:] for one in booked] == [[("cancelled", 1, "queued")]] * 5


def test_a_cancelled_interview_that_is_booked_again_is_cancelled_again(desk, booked, request_of, cancel):
    desk.deliver()
    cancel(BY_JOB)
    desk.deliver()
    desk.book(request_of())
    desk.deliver()
    assert cancel(BY_JOB) == [(CANCELLED, "")]
    kinds = [(kind, occurrence) for kind, occurrence, _ in desk.mails(booked.interview_id)]
    assert kinds == [("invitation", 1), ("cancelled", 1), ("invitation", 2), ("cancelled", 2)]


def test_progress_is_told_for_everything_that_was_named(desk, booked):
    seen = []
    given = {"settings": desk.settings, "clock": lambda: desk.now, "progress": seen.append}
    cancel_batches.cancel(desk.db, [BY_JOB, by_code(99)], **given)
    assert sum(seen) == 2
    assert times.epoch(desk.now) == desk.rows("SELECT changed_at FROM interview_schedule")[0][0]
