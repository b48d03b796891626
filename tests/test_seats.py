"""Seats: the lowest free one goes first, a gap is filled before a new number, and only what is needed is read."""

from collections import Counter

import pytest
from booking_desk import HOUR, write_file

from store import seats
from store.seats import FreeSeats


@pytest.fixture
def slot_id(desk, request_of):
    """A slot of six places; a, b, c and d hold the seats 1 to 4, and b's was given back."""
    booked = [desk.book(request_of(email=f"{name}@example.com", capacity=6)) for name in "abcd"]
    desk.cancel(booked[1].interview_id)
    return booked[0].slot_id


def numbers_of(desk):
    sql = (
        "SELECT c.address, t.number FROM interview_schedule h JOIN seat t ON t.id = h.seat_id"
        " JOIN interview i ON i.id = h.interview_id JOIN candidate c ON c.id = i.candidate_id ORDER BY c.address"
    )
    return {address[0]: number for address, number in desk.rows(sql)}


def test_the_lowest_free_seats_come_first_and_gaps_before_the_rest(desk, slot_id):
    free = FreeSeats(desk.db, Counter({slot_id: 3}))
    assert [free.take(slot_id).number for _ in range(3)] == [2, 5, 6]


def test_no_more_seats_are_read_than_are_wanted(desk, slot_id, monkeypatch):
    read, fetch = [], seats.fetch
    monkeypatch.setattr(seats, "fetch", lambda *asked: read.extend(fetch(*asked)) or read)
    FreeSeats(desk.db, Counter({slot_id: 2}))
    assert [number for _, number, _ in read] == [2, 5]


def test_a_slot_that_has_fewer_free_seats_than_wanted_gives_all_it_has(desk, slot_id):
    free = FreeSeats(desk.db, Counter({slot_id: 50}))
    assert [seat.number for seat in free.remove_highest(slot_id, 3)] == [6, 5, 2]
    with pytest.raises(IndexError):
        free.take(slot_id)


def test_a_seat_that_was_left_is_taken_before_a_higher_one(desk, slot_id):
    free = FreeSeats(desk.db, Counter({slot_id: 2}))
    lowest = free.take(slot_id)
    free.leave(slot_id, lowest)
    assert free.take(slot_id) == lowest


@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_a_seat_left_in_a_chunk_is_no_sooner_taken_than_the_gap_below_it(
    desk, slot_id, request_of, tomorrow, tmp_path, chunk_rows
):
    rows = [request_of(tomorrow + HOUR, email="d@example.com")]
    rows += [request_of(email=f"{name}@example.com", capacity=4) for name in "ef"]
    write_file(tmp_path / "moves.csv", rows)
    assert desk.apply(tmp_path / "moves.csv", chunk_rows=chunk_rows).outcomes == {"moved": 1, "created": 2}
    assert numbers_of(desk) == {"a": 1, "c": 3, "d": 1, "e": 2, "f": 4}
    assert sorted(desk.rows("SELECT number FROM seat WHERE slot_id = ?", slot_id)) == [(1,), (2,), (3,), (4,)]
