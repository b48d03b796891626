"""The limits of a booking request: what no row of a file could ask for is refused, naming the field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from booking_desk import DAY, request
from hypothesis import given
from hypothesis import strategies as st

from store import plain_text, requests
from store.errors import BookingRefused

START = datetime(2026, 11, 30, 7, 20, tzinfo=UTC)


@pytest.mark.parametrize(("field", "value", "code"), [
    ("capacity", 10**7, "capacity_range"), ("capacity", 0, "capacity_range"), ("capacity", True, "capacity_range"),
    ("capacity", 1.5, "capacity_range"), ("round", 0, "round_range"), ("round", 2**70, "round_range"),
    ("round", None, "round_range"), ("candidate_name", "Asha\r\nBcc: x@example.com", "text_unclean"),
    ("candidate_name", "Asha \ud800", "text_unclean"), ("candidate_name", "", "value_missing"),
    ("candidate_name", None, "value_missing"), ("candidate_name", "a" * 201, "text_too_long"),
    ("job_title", "Nurse\n", "text_unclean"), ("company_name", "\u202eAcme", "text_unclean"),
    ("booking_notes", "a\x00b", "text_unclean"), ("booking_notes", "a" * 2001, "text_too_long"),
    ("reference", "r" * 101, "text_too_long"), ("email", "not an address", "email_invalid"), ("email", None, "email_invalid"),
    ("address", "other@example.com", "address_differs"), ("timezone", "", "timezone_unknown"),
    ("timezone", "India", "timezone_unknown"), ("candidate_timezone", "../UTC", "timezone_unknown"),
    ("starts_at", datetime(2026, 11, 30), "time_naive"), ("starts_at", "2026-11-30", "time_naive"),
    ("starts_at", datetime(1999, 1, 1, tzinfo=UTC), "date_range"), ("ends_at", START, "end_before_start"),
    ("ends_at", START - DAY, "end_before_start"), ("ends_at", START + DAY + timedelta(seconds=1), "duration_range"),
])  # fmt: skip
def test_a_field_out_of_its_limits_is_refused_by_name(field, value, code):
    with pytest.raises(BookingRefused) as caught:
        requests.check(replace(request(START), **{field: value}))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert len(caught.value.line()) < 200
    assert caught.value.fix


@pytest.mark.parametrize("changes", [
    {}, {"capacity": 1000, "round": 99}, {"booking_notes": "one\ntwo", "reference": "R-1", "candidate_timezone": "+05:30"},
    {"candidate_name": "\u0906\u0936\u093e \u0930\u093e\u0935", "ends_at": START + DAY},
])  # fmt: skip
def test_what_a_row_may_ask_for_passes(changes):
    asked = replace(request(START), **changes)
    assert requests.check(asked) is None


@given(st.text(max_size=30), st.text("\u0915\u094d\u200d\u200c\u0301\u0937a \u202e\u1100\u1161", max_size=12))
def test_what_is_cleaned_passes(name, notes):
    name = plain_text.one_line(name) or "Asha"
    asked = replace(request(START), candidate_name=name, job_title=plain_text.one_line(notes) or "x",
                    booking_notes=plain_text.lines(notes + "\n" + name))  # fmt: skip
    assert requests.check(asked) is None


def test_a_request_out_of_its_limits_books_nothing_and_leaves_one_event(desk, request_of):
    with pytest.raises(BookingRefused, match="^capacity is out of range"):
        desk.book(request_of(capacity=10**7))
    assert desk.count("interview") == desk.count("seat") == 0
    assert desk.rows("SELECT kind, data FROM event") == [
        ("booking_refused", '{"code":"capacity_range","field":"capacity"}')
    ]


def test_an_interview_is_not_moved_to_last_for_years(desk, booked, tomorrow):
    with pytest.raises(BookingRefused) as caught:
        desk.move(booked.interview_id, tomorrow, minutes=3991 * 1440)
    assert (caught.value.code, caught.value.field) == ("duration_range", "ends_at")
    assert desk.rows("SELECT ended_at - started_at FROM interview") == [(3600.0,)]
