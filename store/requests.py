"""What one row, form or call asks for, and the limits of each field. How a row's cells are read is in `candidate_rows`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store import addresses, plain_text, times
from store.addresses import AddressRefused
from store.errors import BookingRefused

NAME_LENGTH, NOTES_LENGTH, REFERENCE_LENGTH = 200, 2_000, 100
"""Characters, after cleaning."""
LONGEST_MINUTES, LARGEST_CAPACITY, LAST_ROUND = 1_440, 1_000, 99
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """One interview to book; rows and forms make only what `check` lets pass. Instants are aware UTC.

    `address` is the candidate's identity (see `store.addresses.identity`), `email` the address as written.
    `capacity` None says nothing about the slot. `line` is the line of the file the row began on, 0 without a file.
    `is_test` marks an interview that only tries the mail: no report has it, and it keeps nobody busy.
    """

    candidate_name: str
    email: str
    address: str
    job_title: str
    company_name: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    capacity: int | None = None
    round: int = 1
    booking_notes: str = ""
    reference: str = ""
    candidate_timezone: str = ""
    line: int = 0
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be asked for: where, which rule, and what to write instead."""

    line: int
    column: str
    code: str
    message: str
    fix: str


def check(request: BookingRequest) -> None:
    """Raises BookingRefused, naming the field, for a request that no row of a file could have made."""
    for field, longest in _TEXTS.items():
        _check_text(field, getattr(request, field), longest)
    _check_address(request)
    for field in ("timezone", "candidate_timezone"):
        name = getattr(request, field)
        if name or field == "timezone":
            _check_zone(field, name)
    _check_times(request)
    _check_number("round", request.round, LAST_ROUND)
    if request.capacity is not None:
        _check_number("capacity", request.capacity, LARGEST_CAPACITY)


_TEXTS = {"candidate_name": NAME_LENGTH, "job_title": NAME_LENGTH, "company_name": NAME_LENGTH,
          "reference": REFERENCE_LENGTH, "booking_notes": NOTES_LENGTH}  # fmt: skip
_MAY_BE_BLANK = ("reference", "booking_notes")


def _check_text(field: str, text: object, longest: int) -> None:
    cleaned = plain_text.lines if field == "booking_notes" else plain_text.one_line
    if not isinstance(text, str) or not (text or field in _MAY_BE_BLANK):
        raise _refused("value_missing", field, "is not given as text.", "give a text.")
    if len(text) > longest:
        raise _refused("text_too_long", field, f"has {len(text)} characters.", f"shorten it to {longest} characters.")
    if cleaned(text) != text:
        what, fix = "holds line breaks, invisible signs or needless spaces.", f"give it as {cleaned.__name__} makes it."
        raise _refused("text_unclean", field, what, fix)


def _check_address(request: BookingRequest) -> None:
    try:
        identity = addresses.identity(request.email)
    except (AddressRefused, TypeError) as error:
        raise _refused("email_invalid", "email", "is no mail address.", "give one address.") from error
    if request.address != identity:
        raise _refused("address_differs", "address", "is not the email's.", "give what addresses.identity makes of it.")


def _check_zone(field: str, name: object) -> None:
    try:
        times.zone(name)
    except (ValueError, TypeError) as error:
        fix = "give a name such as Asia/Kolkata, or an offset such as +05:30."
        raise _refused("timezone_unknown", field, "is no time zone.", fix) from error


def _check_times(request: BookingRequest) -> None:
    for field in ("starts_at", "ends_at"):
        moment = getattr(request, field)
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise _refused("time_naive", field, "is no datetime with a zone.", "give an aware datetime.")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR + 1:
            fix = f"give a year from {FIRST_YEAR} to {LAST_YEAR}."
            raise _refused("date_range", field, "is out of range.", fix)
    span = request.ends_at - request.starts_at
    if span <= timedelta(0):
        raise _refused("end_before_start", "ends_at", "is not after the start.", "give a later end.")
    if span > timedelta(minutes=LONGEST_MINUTES):
        fix = f"give at most {LONGEST_MINUTES} minutes."
        raise _refused("duration_range", "ends_at", f"is {span // timedelta(minutes=1)} minutes after the start.", fix)


def _check_number(field: str, value: object, largest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
        fix = f"give a whole number from 1 to {largest}."
        raise _refused(f"{field}_range", field, "is out of range.", fix)


def _refused(code: str, field: str, what: str, fix: str) -> BookingRefused:
    # Never the value: it may be of any size, or a candidate's.
    return BookingRefused(code, f"{field} {what}", fix, field=field)
