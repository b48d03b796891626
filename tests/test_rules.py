"""The booking rules alone: their order, and the words of every refusal."""

from datetime import UTC, datetime

import pytest
from booking_desk import HOUR, request

from store import rules
from store.ledger import JobEntry, Ledger, Person, Slot, Standing, job_identity
from store.seats import Seat

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
NOW = START.timestamp() - 86_400


@pytest.fixture
def ledger():
    """A candidate and an open slot with one free place; nobody is booked."""
    asked = request(START)
    made = Ledger()
    job = JobEntry(1, job_identity("Acme", "Nurse"), "Nurse", "Acme")
    made.jobs[job.identity] = job
    made.people[asked.address] = Person(1, asked.address, asked.email, "Asha Rao", "")
    made.slots[job.identity, START.timestamp(), (START + HOUR).timestamp()] = Slot(
        1, job, START.timestamp(), (START + HOUR).timestamp(), capacity=1, highest=1
    )
    return made


def slot_in(ledger):
    return ledger.slot_of(request(START))


def stand(ledger, in_slot=True, **changes):
    """Gives the candidate's interview, booked elsewhere unless `in_slot`."""
    person, slot = ledger.people["asha@example.com"], slot_in(ledger)
    at = START if in_slot else START + 5 * HOUR
    place = slot if in_slot else Slot(2, slot.job, at.timestamp(), (at + HOUR).timestamp(), capacity=1, booked=1)
    fields = {"slot": place, "seat": Seat(1, 9), "schedule_id": 1} | changes
    standing = Standing(1, person, slot.job, 1, at.timestamp(), (at + HOUR).timestamp(), **fields)
    ledger.standings[person.address, slot.job.identity, 1] = standing
    person.standings.append(standing)
    return standing


def decided(ledger, now=NOW, declared=None, **changes):
    decision = rules.decide(request(START, **changes), ledger, now, declared)
    return decision.code or decision.action


def test_a_free_place_is_taken(ledger):
    assert decided(ledger) == "create"


def test_an_interview_elsewhere_is_moved(ledger):
    stand(ledger, in_slot=False)
    assert decided(ledger) == "move"


def test_a_cancelled_interview_is_created_again(ledger):
    stand(ledger, in_slot=False, state="cancelled", slot=None, seat=None)
    assert decided(ledger) == "create"


def test_the_rules_come_in_their_order(ledger):
    """Everything is wrong at once; each mended fault uncovers the next rule."""
    slot = slot_in(ledger)
    slot.state, slot.booked = "cancelled", 1
    interview = stand(ledger, in_slot=False, begun_at=NOW, finished_at=NOW)
    person = interview.person
    other = Standing(2, person, JobEntry(2, "x", "Porter", "Acme"), 1, START.timestamp(), START.timestamp() + 60,
                     slot=Slot(3, slot.job, 0, 1), seat=Seat(1, 7))  # fmt: skip
    person.standings.append(other)
    late = START.timestamp()
    assert decided(ledger, now=late) == "slot_cancelled"
    slot.state = "open"
    assert decided(ledger, now=late) == "slot_past"
    assert decided(ledger) == "interview_completed"
    interview.finished_at = None
    assert decided(ledger) == "candidate_busy"
    person.standings.remove(other)
    slot.booked = 2
    assert decided(ledger, declared=1) == "capacity_below_booked"
    assert decided(ledger, declared=2) == "slot_full"
    assert decided(ledger, declared=3) == "interview_started"
    interview.begun_at = None
    assert decided(ledger, declared=3) == "move"


def test_unchanged_comes_before_every_refusal(ledger):
    slot_in(ledger).state = "cancelled"
    stand(ledger, finished_at=NOW)
    assert decided(ledger, now=START.timestamp() + 1e6) == "unchanged"


@pytest.mark.parametrize(("now", "expected"), [(-1, "create"), (0, "slot_past")])
def test_one_second_decides(ledger, now, expected):
    assert decided(ledger, now=START.timestamp() + now) == expected


@pytest.mark.parametrize(("declared", "expected"), [(None, "slot_full"), (1, "slot_full"), (2, "create")])
def test_a_declared_capacity_opens_a_full_slot(ledger, declared, expected):
    slot_in(ledger).booked = 1
    assert decided(ledger, declared=declared) == expected


@pytest.mark.parametrize("code", rules.REFUSALS)
def test_every_refusal_has_words_and_a_fix(code):
    data = {"other": 4, "capacity": 2, "booked": 3, "planned": "create", "now": "move"}
    message, fix = rules.refusal_words(code, data)
    assert message.endswith(".")
    assert fix.endswith(".")
    assert "{" not in message + fix
