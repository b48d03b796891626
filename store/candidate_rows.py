"""What a record asks for: its cells to a BookingRequest, or to a RowFault. No rule of booking, no clock, no record."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from store import addresses, times
from store.addresses import AddressRefused
from store.candidates_file import COLUMNS
from store.cells import (
    CellRefused,
    Faults,
    lines_text,
    needed_line,
    one_line_text,
    require,
    row_fault,
    whole_number,
    width_fault,
)
from store.errors import Finding, SettingsError, TimeRefused
from store.plain_text import quoted
from store.requests import (
    FIRST_YEAR,
    LARGEST_CAPACITY,
    LAST_ROUND,
    LAST_YEAR,
    LONGEST_MINUTES,
    NAME_LENGTH,
    NOTES_LENGTH,
    REFERENCE_LENGTH,
    BookingRequest,
    RowFault,
)
from store.settings import Settings

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOOSE_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})([T ].*)?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_LOOSE_CLOCK = re.compile(r"(\d{1,2})[:.h](\d{2})(?::\d{2})?\s*(?:([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)
_MINUTE = timedelta(minutes=1)


class RowReader:
    """Reads the records of one file; `header` maps column names to places among the cells.

    A blank timezone means the settings' interview_timezone. Nothing here looks at the clock or at the record.
    """

    def __init__(self, header: Mapping[str, int], settings: Settings):
        self._header = header
        self._zone = settings.interview_timezone
        self._cells = [(column, header[column], read) for column, read in READERS.items() if column in header]
        self._absent = {column: read("") for column, read in READERS.items() if column not in header}

    def request(self, line: int, cells: Sequence[str]) -> BookingRequest | RowFault:
        """What the row asks for, or every fault found in it as one RowFault.

        A RowFault carries the code and column of the first fault in the order of COLUMNS; its message and fix tell
        of all of them.
        """
        if len(cells) != len(self._header) and (fault := width_fault(line, cells, self._header)):
            return fault
        faults: Faults = []
        return self.read(line, cells, faults) or row_fault(line, faults, COLUMNS)

    def read(self, line: int, cells: Sequence[str], faults: Faults) -> BookingRequest | None:
        """The same of a row that is as wide as the header; what is wrong is added to `faults`, and None is given then."""
        values = dict(self._absent)
        for column, place, read in self._cells:
            try:
                values[column] = read(cells[place].strip())
            except (CellRefused, AddressRefused) as refusal:
                faults.append((column, refusal))
        zone = values.get("timezone") or self._zone
        span = _span(values, zone, faults)
        if faults:
            return None
        starts_at, ends_at = span
        return BookingRequest(
            candidate_name=values["candidate_name"],
            email=values["candidate_email"],
            address=addresses.identity(values["candidate_email"]),
            job_title=values["job_title"],
            company_name=values["company_name"],
            starts_at=starts_at,
            ends_at=ends_at,
            timezone=zone,
            capacity=values["capacity"],
            round=values["round"],
            booking_notes=values["booking_notes"],
            reference=values["reference"],
            candidate_timezone=values["candidate_timezone"],
            line=line,
        )


def request_from(values: Mapping[str, str], settings: Settings) -> BookingRequest:
    """One booking from named values, by the same rules as a row of a file; its line is 0, what is absent is blank.

    Raises SettingsError with a finding for each value that is wrong, of the parameter with its name.
    """
    header = {column: place for place, column in enumerate(READERS)}
    faults: Faults = []
    asked = RowReader(header, settings).read(0, [values.get(column, "") for column in header], faults)
    if asked is None:
        faults.sort(key=lambda found: COLUMNS.index(found[0]))
        raise SettingsError(Finding(f"parameters.{name}", str(fault), fault.fix) for name, fault in faults)
    return asked


# When: the slot's start and end.


def _span(values: Mapping[str, Any], zone: str, faults: Faults) -> tuple[datetime, datetime] | None:
    """Start and end in UTC; None if `faults` says why not. A cell that `values` lacks has its fault there already."""
    _check_end(values, faults)
    if not ("slot_date" in values and "start_time" in values and "timezone" in values):
        return None
    day, end, minutes = values["slot_date"], values.get("end_time"), values.get("duration_minutes")
    starts_at = _instant("start_time", day, values["start_time"], zone, faults)
    ends_at = _instant("end_time", day, end, zone, faults) if end is not None else None
    if starts_at is None:
        return None
    if ends_at is None:
        return (starts_at, starts_at + timedelta(minutes=minutes)) if minutes else None
    _check_length((ends_at - starts_at) // _MINUTE, minutes, faults)
    return starts_at, ends_at


def _instant(column: str, day: date, clock: time, zone: str, faults: Faults) -> datetime | None:
    try:
        return times.instant(day, clock, zone)
    except TimeRefused as refusal:
        faults.append((column, refusal))
        return None


def _check_end(values: Mapping[str, Any], faults: Faults) -> None:
    if "end_time" not in values or "duration_minutes" not in values:
        return
    start, end = values.get("start_time"), values["end_time"]
    if end is None:
        if values["duration_minutes"] is None:
            text = "Neither end_time nor duration_minutes is given."
            faults.append(("end_time", CellRefused("end_missing", text, "write one of them.")))
    elif start is not None and end <= start:
        text = f"The end {end:%H:%M} is not after the start {start:%H:%M}."
        fix = "correct the times; an interview over midnight gives duration_minutes and leaves end_time blank."
        faults.append(("end_time", CellRefused("end_before_start", text, fix)))


def _check_length(span: int, minutes: int | None, faults: Faults) -> None:
    """`span` is what the clock says, in minutes that really pass; after `end_before_start` there is nothing to add."""
    if span > LONGEST_MINUTES:
        text = f"From start to end it is {span} minutes."
        faults.append(("end_time", CellRefused("duration_range", text, f"give at most {LONGEST_MINUTES} minutes.")))
    elif span > 0 and minutes not in (None, span):
        text = f"From start to end it is {span} minutes, but duration_minutes is {minutes}."
        fix = f"write {span}, or leave one of the two blank."
        faults.append(("duration_minutes", CellRefused("duration_mismatch", text, fix)))


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    if not _DATE.fullmatch(require(text)):
        raise CellRefused("date_format", f"{quoted(text)} is no date.", _date_fix(text))
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CellRefused("date_range", f"The year {year} is out of range.", "give a year from 2000 to 2100.")
    try:
        return date(year, month, day)
    except ValueError:
        raise CellRefused("date_unknown", f"The date {text} does not exist.", "correct the month or the day.") from None


def _date_fix(text: str) -> str:
    loose = _LOOSE_DATE.fullmatch(text)
    if loose:
        return f"write {loose[1]}-{loose[2]:0>2}-{loose[3]:0>2}."
    return "write year-month-day with digits, such as 2026-11-30."


@lru_cache(maxsize=4096)
def _clock(text: str) -> time:
    exact = _CLOCK.fullmatch(require(text))
    if not exact:
        raise CellRefused("time_format", f"{quoted(text)} is no time of day.", _clock_fix(text))
    return time(int(exact[1]), int(exact[2]))


def _clock_fix(text: str) -> str:
    loose = _LOOSE_CLOCK.fullmatch(text)
    if loose:
        hour = int(loose[1])
        if loose[3] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if loose[3] in "pP" else 0)
        suggested = f"{hour:02d}:{loose[2]}"
        if _CLOCK.fullmatch(suggested):
            return f"write {suggested}."
    return "write hours and minutes from 00:00 to 23:59, such as 09:00."


def _end_clock(text: str) -> time | None:
    return _clock(text) if text else None


def _zone(text: str) -> str:
    if not text:
        return ""
    try:
        times.zone(text)
    except ValueError:
        fix = "write a name such as Asia/Kolkata, or an offset such as +05:30."
        raise CellRefused("timezone_unknown", f"{quoted(text)} is no time zone.", fix) from None
    return text


# Addresses, and every column.


def _email(text: str) -> str:
    return addresses.checked(require(text))


READERS: Mapping[str, Callable[[str], Any]] = {
    "candidate_name": needed_line("name", "name_too_long", NAME_LENGTH),
    "candidate_email": _email,
    "job_title": needed_line("job title", "job_title_too_long", NAME_LENGTH),
    "company_name": needed_line("company's name", "company_name_too_long", NAME_LENGTH),
    "slot_date": _day,
    "start_time": _clock,
    "end_time": _end_clock,
    "duration_minutes": whole_number(None, "duration in minutes", "duration_range", LONGEST_MINUTES),
    "timezone": _zone,
    "capacity": whole_number(None, "capacity", "capacity_range", LARGEST_CAPACITY),
    "round": whole_number(1, "round", "round_range", LAST_ROUND),
    "booking_notes": lines_text("text", "notes_too_long", NOTES_LENGTH),
    "reference": one_line_text("reference", "reference_too_long", REFERENCE_LENGTH),
    "candidate_timezone": _zone,
}
"""Column: what reads its stripped cell, or raises CellRefused or AddressRefused."""
