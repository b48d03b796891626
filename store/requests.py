"""What one row, form or call asks for: a booking request whose fields are already checked."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """One interview to book. Instants are aware UTC.

    `address` is the candidate's identity (see `store.addresses.identity`), `email` the address as written.
    `capacity` None says nothing about the slot. `line` is the line of the file the row began on, 0 without a file.
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


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be asked for: where, which rule, and what to write instead."""

    line: int
    column: str
    code: str
    message: str
    fix: str
