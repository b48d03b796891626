"""An existing interview booked into the slot of an id, and what a booking is afterwards. The rules are `booking`'s."""

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from store import booking, database, events, plain_text, slots, times
from store.booking import Booking
from store.database import Database, fetch
from store.errors import BookingRefused, NotFound
from store.ids import is_id
from store.session_keys import KeyRing
from store.settings import Settings


def book_into(
    db: Database,
    slot_id: int,
    interview_id: int,
    *,
    booking_notes: str | None,
    settings: Settings,
    ring: KeyRing,
    now: datetime,
) -> Booking:
    """Books an interview that was cancelled into this slot, or moves a booked one there, by the rules of `book_slot`.

    `booking_notes` None keeps the notes that are there. An interview that holds a place of the slot already is
    unchanged, its notes too. Raises NotFound (slot_id, interview_id; those of a mail test, too) and BookingRefused
    (value_invalid, job_differs, and what `book_slot` refuses); nothing is changed then.
    """
    for field, value in (("slot_id", slot_id), ("interview_id", interview_id)):
        if not is_id(value):
            raise BookingRefused("value_invalid", f"{field} is no id.", "give a positive whole number.", field=field)
    sql = f"SELECT s.job_id, s.starts_at, s.ends_at FROM interview_slot s WHERE s.id = ? AND {slots.OF_CANDIDATES}"
    slot = fetch(db, sql, (slot_id,))
    if not slot:
        raise NotFound("slot_id", slot_id)
    job_id, starts_at, ends_at = slot[0]
    # A slot's job and times, and an interview's job, never change, so that they may be read before the transaction.
    if slots.job_of(db, interview_id) != job_id:
        _refuse_other_job(db, slot_id, interview_id, now)
    changes = {"starts_at": times.from_epoch(starts_at), "ends_at": times.from_epoch(ends_at)}
    if booking_notes is not None:
        changes["booking_notes"] = _cleaned(booking_notes)
    return booking.book_again(db, interview_id, changes, settings=settings, ring=ring, now=now)


def _cleaned(booking_notes: object) -> object:
    # What is no text goes on as it is: the request's own check names the field.
    return plain_text.lines(booking_notes) if isinstance(booking_notes, str) else booking_notes


def _refuse_other_job(db: Database, slot_id: int, interview_id: int, now: datetime) -> NoReturn:
    code = "job_differs"
    with database.writing(db):
        events.record(db, "booking_refused", at=times.epoch(now), interview_id=interview_id, code=code, slot=slot_id)
    fix = "choose a slot of the interview's job."
    raise BookingRefused(code, "The slot is for another job than the interview.", fix, field="interview_id")


@dataclass(frozen=True, slots=True)
class BookedSlot:
    """A booking as an answer tells it. Instants are aware UTC; `mail_` is the interview's newest notification, or None.

    `slot_id`, `schedule_id` and the notes are those of the active booking; None and empty where nothing is booked.
    """

    action: str
    interview_id: int
    slot_id: int | None
    schedule_id: int | None
    starts_at: datetime
    ends_at: datetime
    timezone: str
    booking_notes: str
    mail_id: int | None
    mail_kind: str | None
    mail_state: str | None


_BOOKED = (
    "SELECT h.slot_id, h.id, i.started_at, i.ended_at, i.timezone, coalesce(h.booking_notes, ''), n.id, n.kind, n.state"
    " FROM interview i LEFT JOIN interview_schedule h ON h.interview_id = i.id AND h.state = 'booked'"
    " LEFT JOIN notification n ON n.id = (SELECT max(m.id) FROM notification m WHERE m.interview_id = i.id)"
    " WHERE i.id = ?"
)


def describe(db: Database, booked: Booking) -> BookedSlot:
    """How the interview of a booking stands now, with the action that was done. Raises NotFound."""
    rows = fetch(db, _BOOKED, (booked.interview_id,))
    if not rows:
        raise NotFound("interview_id", booked.interview_id)
    slot_id, schedule_id, starts_at, ends_at, *rest = rows[0]
    instants = times.from_epoch(starts_at), times.from_epoch(ends_at)
    return BookedSlot(booked.action, booked.interview_id, slot_id, schedule_id, *instants, *rest)
