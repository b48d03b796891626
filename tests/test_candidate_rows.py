"""Rows: what each cell may hold, and the fault that names line, column, code and what to write instead."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store.candidate_rows import RowReader, request_from
from store.candidates_file import COLUMNS
from store.errors import SettingsError
from store.requests import BookingRequest, RowFault
from store.settings import Settings

GOOD = {
    "candidate_name": "Asha Rao",
    "candidate_email": "Asha.Rao@Example.com",
    "job_title": "Backend Engineer",
    "company_name": "Example Systems",
    "slot_date": "2026-11-30",
    "start_time": "12:50",
    "end_time": "13:35",
    "duration_minutes": "",
    "timezone": "",
    "capacity": "",
    "round": "",
    "booking_notes": "",
    "reference": "",
    "candidate_timezone": "",
}
SETTINGS = Settings(interview_timezone="Asia/Kolkata")
READER = RowReader({column: place for place, column in enumerate(GOOD)}, SETTINGS)


def read(**changes: str) -> BookingRequest | RowFault:
    return READER.request(7, list((GOOD | changes).values()))


def test_good_row_becomes_a_request_with_instants_in_utc():
    assert read() == BookingRequest(
        candidate_name="Asha Rao",
        email="Asha.Rao@example.com",
        address="asha.rao@example.com",
        job_title="Backend Engineer",
        company_name="Example Systems",
        starts_at=datetime(2026, 11, 30, 7, 20, tzinfo=UTC),
        ends_at=datetime(2026, 11, 30, 8, 5, tzinfo=UTC),
        timezone="Asia/Kolkata",
        capacity=None,
        round=1,
        line=7,
    )


def test_optional_cells_are_read():
    row = read(capacity="8", round="2", reference=" R-1 ", booking_notes="one\r\ntwo", candidate_timezone="Asia/Dubai")
    assert (row.capacity, row.round, row.reference, row.booking_notes) == (8, 2, "R-1", "one\ntwo")
    assert row.candidate_timezone == "Asia/Dubai"


def test_columns_may_stand_in_any_order_and_optional_ones_may_lack():
    header = ["end_time", "company_name", "expected_outcome", "slot_date", "start_time", "job_title", "candidate_email",
              "candidate_name"]  # fmt: skip
    reader = RowReader({column: place for place, column in enumerate(header)}, SETTINGS)
    assert reader.request(7, [GOOD.get(column, "a note, not read") for column in header]) == read()


def test_named_values_are_read_by_the_same_rules_as_a_row():
    asked = request_from({column: value for column, value in GOOD.items() if value}, SETTINGS)
    assert isinstance(asked, BookingRequest)
    assert (asked.line, asked.starts_at) == (0, read().starts_at)
    with pytest.raises(SettingsError) as refused:
        request_from({"candidate_name": "Asha", "slot_date": "soon"}, SETTINGS)
    found = [finding.id for finding in refused.value.findings]
    assert found[:2] == ["parameters.candidate_email", "parameters.job_title"]
    assert "parameters.slot_date" in found
    assert all(finding.fix for finding in refused.value.findings)


@pytest.mark.parametrize(
    ("column", "value", "code", "fix"),
    [
        ("candidate_name", " \u200b ", "value_missing", "write a value"),
        ("candidate_name", "x" * 100_000, "name_too_long", "shorten it to 200"),
        ("candidate_email", "", "value_missing", "write a value"),
        ("candidate_email", "asha@example.com\r\nRCPT TO:<b@example.com>", "email_invalid", "asha@example.com"),
        ("job_title", "", "value_missing", "write a value"),
        ("job_title", "x" * 201, "job_title_too_long", "200"),
        ("company_name", "\n", "value_missing", "write a value"),
        ("company_name", "x" * 201, "company_name_too_long", "200"),
        ("slot_date", "", "value_missing", "write a value"),
        ("slot_date", "30.11.2026", "date_format", "year-month-day"),
        ("slot_date", "2026/11/3", "date_format", "write 2026-11-03."),
        ("slot_date", "2026-11-30 00:00:00", "date_format", "write 2026-11-30."),
        ("slot_date", "20261130", "date_format", "year-month-day"),
        ("slot_date", "2026-W48-1", "date_format", "year-month-day"),
        ("slot_date", "\u0662\u0660\u0662\u0666-11-30", "date_format", "year-month-day"),
        ("slot_date", "2026-02-29", "date_unknown", "correct the month or the day"),
        ("slot_date", "1999-12-31", "date_range", "2000 to 2100"),
        ("slot_date", "2101-01-01", "date_range", "2000 to 2100"),
        ("start_time", "", "value_missing", "write a value"),
        ("start_time", "9:00", "time_format", "write 09:00."),
        ("start_time", "09:00:00", "time_format", "write 09:00."),
        ("start_time", "9.30 p.m.", "time_format", "write 21:30."),
        ("start_time", "12:15 AM", "time_format", "write 00:15."),
        ("start_time", "24:00", "time_format", "00:00 to 23:59"),
        ("start_time", "09:60", "time_format", "00:00 to 23:59"),
        ("start_time", "0.375", "time_format", "00:00 to 23:59"),
        ("end_time", "1 PM", "time_format", "00:00 to 23:59"),
        ("end_time", "12:50", "end_before_start", "over midnight gives duration_minutes"),
        ("end_time", "00:20", "end_before_start", "over midnight gives duration_minutes"),
        ("end_time", "", "end_missing", "write one of them"),
        ("duration_minutes", "60", "duration_mismatch", "write 45, or leave one of the two blank."),
        ("duration_minutes", "0", "duration_range", "1 to 1440"),
        ("duration_minutes", "1441", "duration_range", "1 to 1440"),
        ("duration_minutes", "45.0", "duration_range", "1 to 1440"),
        ("duration_minutes", "\u0664\u0665", "duration_range", "1 to 1440"),
        ("timezone", "IST5", "timezone_unknown", "+05:30"),
        ("timezone", "Asia/Kolkatta", "timezone_unknown", "Asia/Kolkata"),
        ("timezone", "../../etc/passwd", "timezone_unknown", "Asia/Kolkata"),
        ("timezone", "+15:00", "timezone_unknown", "+05:30"),
        ("capacity", "0", "capacity_range", "1 to 1000"),
        ("capacity", "1001", "capacity_range", "1 to 1000"),
        ("capacity", "-3", "capacity_range", "1 to 1000"),
        ("capacity", "9" * 5000, "capacity_range", "1 to 1000"),
        ("round", "100", "round_range", "1 to 99"),
        ("round", "first", "round_range", "1 to 99"),
        ("booking_notes", "x" * 2001, "notes_too_long", "2000"),
        ("reference", "x" * 101, "reference_too_long", "100"),
        ("candidate_timezone", "Home", "timezone_unknown", "Asia/Kolkata"),
    ],
)
def test_fault_names_line_column_code_and_what_to_write(column, value, code, fix):
    fault = read(**{column: value})
    assert isinstance(fault, RowFault)
    assert (fault.line, fault.column, fault.code) == (7, column, code)
    assert fix in fault.fix
    assert fault.message.isprintable()
    assert len(fault.message) < 200


def test_limits_are_reached_without_a_fault():
    row = read(candidate_name="x" * 200, duration_minutes="1440", end_time="", capacity="1000", round="99",
               booking_notes="x" * 2000, reference="x" * 100, slot_date="2100-12-31")  # fmt: skip
    assert isinstance(row, BookingRequest)
    assert (row.ends_at - row.starts_at).days == 1


def test_interview_over_midnight_is_booked_by_its_duration():
    row = read(start_time="23:30", end_time="", duration_minutes="60")
    assert row.ends_at == datetime(2026, 11, 30, 19, 0, tzinfo=UTC)


def test_end_and_duration_that_agree_are_taken():
    assert read(duration_minutes="45") == read(end_time="", duration_minutes="45") == read()


@pytest.mark.parametrize(
    ("changes", "column", "code", "readings"),
    [
        ({"slot_date": "2027-03-28", "start_time": "02:30", "end_time": "04:00"}, "start_time", "time_skipped",
         ("03:30", "01:30")),
        ({"slot_date": "2027-03-28", "start_time": "01:30", "end_time": "02:30"}, "end_time", "time_skipped",
         ("03:30", "01:30")),
        ({"slot_date": "2026-10-25", "start_time": "02:30", "end_time": "04:00"}, "start_time", "time_twice",
         ("+02:00", "+01:00")),
        ({"slot_date": "2026-10-25", "start_time": "01:30", "end_time": "02:30"}, "end_time", "time_twice",
         ("+02:00", "+01:00")),
    ],
)  # fmt: skip
def test_local_time_that_is_skipped_or_doubled_is_refused_with_both_readings(changes, column, code, readings):
    fault = read(timezone="Europe/Berlin", **changes)
    assert (fault.column, fault.code) == (column, code)
    assert all(reading in fault.message for reading in readings)


def test_offset_says_which_of_two_local_times_is_meant():
    row = read(slot_date="2026-10-25", start_time="02:30", end_time="03:30", timezone="+02:00")
    assert row.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert row.timezone == "+02:00"


def test_duration_counts_the_minutes_that_really_pass_when_clocks_change():
    spring = {"slot_date": "2027-03-28", "start_time": "01:30", "end_time": "03:30", "timezone": "Europe/Berlin"}
    assert isinstance(read(**spring, duration_minutes="60"), BookingRequest)
    assert read(**spring, duration_minutes="120").code == "duration_mismatch"


def test_all_faults_of_a_row_are_told_and_the_first_column_gives_the_code():
    fault = read(round="x", start_time="9:00", candidate_email="nobody", timezone="Mars", end_time="", capacity="0")
    assert (fault.column, fault.code) == ("candidate_email", "email_invalid")
    for column in ("candidate_email", "start_time", "end_time", "timezone", "capacity", "round"):
        assert f"{column}: " in fault.message
        assert f"{column}: " in fault.fix


def test_fault_of_the_moment_is_told_beside_those_of_other_cells():
    moment = {"slot_date": "2027-03-28", "start_time": "02:30", "end_time": "02:00", "timezone": "Europe/Berlin"}
    fault = read(candidate_name="", **moment)
    for word in ("candidate_name: ", "does not exist", "is not after the start"):
        assert word in fault.message


@pytest.mark.parametrize("cells", [0, 1, 13, 15, 400])
def test_row_with_too_few_or_too_many_cells_is_a_fault_that_tells_how_many(cells):
    fault = READER.request(9, (list(GOOD.values()) + ["more"] * 400)[:cells])
    assert (fault.line, fault.code) == (9, "row_cells")
    assert f"{cells} cells, the header 14" in fault.message


def test_blank_cells_beyond_the_header_are_no_fault():
    assert READER.request(7, [*GOOD.values(), "", " "]) == read()


def test_names_are_made_harmless_and_encoded_words_and_formulas_stay_text():
    assert read(candidate_name=" Asha\r\nBcc:\u2028 x\u202e ").candidate_name == "Asha Bcc: x"
    assert read(candidate_name="=?utf-8?q?Rao=2C?=").candidate_name == "=?utf-8?q?Rao=2C?="
    assert read(company_name='=HYPERLINK("x")').company_name == '=HYPERLINK("x")'


def test_email_fault_never_repeats_the_address():
    fault = read(candidate_email="priya.secret@bank..example")
    assert "priya" not in fault.message + fault.fix


def test_long_and_unprintable_values_are_echoed_short_and_printable():
    fault = read(slot_date="\u202e" + "9" * 15_000, start_time="\x1b[2J\n")
    assert fault.message.isprintable()
    assert len(fault.message) < 250


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(list(GOOD)), st.text(max_size=30)))
def test_any_cells_give_a_request_or_a_fault(changes):
    row = read(**changes)
    assert isinstance(row, BookingRequest | RowFault)
    assert row.line == 7
    if isinstance(row, RowFault):
        assert row.column in COLUMNS
        assert row.fix
