"""Many bookers at once, threads and processes: capacity holds, nothing is lost, nobody waits for ever."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from booking_desk import HOUR

from store import database
from store.errors import BookingRefused, StoreError

RACERS, CAPACITY = 10, 3
RACE = """
import sys
from datetime import datetime
import booking_desk
from store import database, session_keys
from store.errors import BookingRefused
from store.settings import Settings
url, ring_path, now, racer = sys.argv[1:]
now = datetime.fromisoformat(now)
db = database.open_record(url)
ring = session_keys.load_ring(db, ring_path, now=now)
desk = booking_desk.Desk(db, Settings(database_url=url, session_key_ring=ring_path), ring, now)
print("READY", flush=True)
sys.stdin.readline()
for number in range(3):
    asked = booking_desk.request(now + booking_desk.DAY, email=f"p{racer}-{number}@example.com", capacity=3)
    try:
        print(desk.book(asked).action, flush=True)
    except BookingRefused as refused:
        print(refused.code, flush=True)
"""


def outcome(call):
    try:
        return call()
    except BookingRefused as refused:
        return refused.code


def race(desk, calls):
    """Runs all calls at the same moment, each in a thread of its own; gives results and refusals' codes."""
    start = Barrier(len(calls))

    def run(call):
        try:
            desk.rows("SELECT 1")
            start.wait(timeout=20)
            return outcome(call)
        finally:
            desk.db.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def is_consistent(desk):
    """Every active booking holds a seat of its own slot, every seat at most one."""
    active = desk.rows("SELECT seat_id FROM interview_schedule WHERE state = 'booked'")
    return len(set(active)) == len(active) == sum(taken for _, _, taken in desk.places())


def test_racing_threads_fill_a_slot_exactly(desk, request_of):
    asked = [request_of(email=f"c{n}@example.com", capacity=CAPACITY) for n in range(RACERS)]
    results = race(desk, [lambda asked=one: desk.book(asked).action for one in asked])
    assert sorted(results) == ["create"] * CAPACITY + ["slot_full"] * (RACERS - CAPACITY)
    assert desk.places() == [(1, CAPACITY, CAPACITY)]
    assert desk.count("notification") == desk.count("interview") == CAPACITY


def test_racing_processes_fill_a_slot_exactly(desk, record_url):
    arguments = [record_url, desk.settings.session_key_ring.get_secret_value(), desk.now.isoformat()]
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, *arguments, str(number)], env=environment, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in range(4)
    ]  # fmt: skip
    assert [racer.stdout.readline() for racer in racers] == ["READY\n"] * 4
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    results = [line for racer in racers for line in racer.communicate(timeout=30)[0].split()]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sorted(results) == ["create"] * 3 + ["slot_full"] * 9
    assert (desk.places(), desk.count("interview"), desk.count("notification")) == ([(1, 3, 3)], 3, 3)


def test_the_same_request_raced_is_booked_once(desk, request_of):
    results = race(desk, [lambda: desk.book(request_of()).action] * RACERS)
    assert sorted(results) == ["create"] + ["unchanged"] * (RACERS - 1)
    assert (desk.count("interview_session"), desk.count("notification")) == (1, 1)


def test_racing_moves_into_one_slot_fill_it_exactly(desk, request_of, tomorrow):
    target = desk.book(request_of(tomorrow + 20 * HOUR, email="first@example.com", capacity=2)).slot_id
    ids = [desk.book(request_of(tomorrow + n * HOUR, email=f"m{n}@example.com")).interview_id for n in range(6)]
    results = race(desk, [lambda one=one: desk.move(one, tomorrow + 20 * HOUR).action for one in ids])
    assert sorted(results) == ["move"] + ["slot_full"] * 5
    assert (target, 2, 2) in desk.places()
    assert is_consistent(desk)


def test_a_move_racing_its_cancellation_never_books_it_again(desk, request_of, tomorrow):
    ids = [desk.book(request_of(tomorrow + n * HOUR, email=f"x{n}@example.com")).interview_id for n in range(4)]
    calls = [lambda one=one: desk.move(one, tomorrow + (20 + one) * HOUR).action for one in ids]
    calls += [lambda one=one: desk.cancel(one).action for one in ids]
    results = race(desk, calls)
    assert set(results[:4]) <= {"move", "not_booked"}
    assert results[4:] == ["cancel"] * 4
    assert desk.rows("SELECT DISTINCT state FROM interview") == [("cancelled",)]
    assert all(taken == 0 for _, _, taken in desk.places())


def test_moves_to_and_fro_between_two_slots_keep_every_seat_in_order(desk, request_of, tomorrow):
    ids = [desk.book(request_of(email=f"t{n}@example.com", capacity=6)).interview_id for n in range(6)]
    desk.book(request_of(tomorrow + HOUR, email="z@example.com", capacity=4))

    def wander(one):
        return {outcome(lambda h=hours: desk.move(one, tomorrow + h * HOUR).action) for hours in (1, 0, 1)}

    results = race(desk, [lambda one=one: wander(one) for one in ids])
    assert set().union(*results) <= {"move", "unchanged", "slot_full"}
    assert is_consistent(desk)
    assert sum(taken for _, _, taken in desk.places()) == 7


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_booking_waits_for_a_locked_record_and_then_says_so(desk, request_of, record_url):
    database.execute(desk.db, "PRAGMA busy_timeout = 50")
    other = database.connect(record_url)
    with database.writing(other):
        with pytest.raises(StoreError, match="is locked by another program") as caught:
            desk.book(request_of())
        assert "\n" not in caught.value.line()
    other.close()
    assert desk.book(request_of()).action == "create"
