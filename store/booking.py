"""Booking, moving and cancelling one interview. Each is one transaction with its mail; none talks to a mail server."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from store import cancellations, database, events, requests, rules, times
from store.cancellations import Appointment
from store.database import Database, execute, fetch
from store.errors import BookingRefused, NotFound
from store.ids import is_id
from store.ledger import Ledger
from store.models import Interview
from store.redaction import masked_address
from store.requests import BookingRequest
from store.session_keys import KeyRing
from store.settings import Settings
from store.writer import Entry, Terms, Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Booking:
    """What was done (create, move, unchanged, cancel) and the ids; no notification where nothing is mailed."""

    action: str
    interview_id: int
    slot_id: int | None
    schedule_id: int | None
    notification_id: int | None


def terms_of(db: Database, settings: Settings, ring: KeyRing) -> Terms:
    """What the settings of now put into a booking made now."""
    return Terms(
        opens_before=settings.interview_opens_before, closes_after=settings.interview_closes_after,
        host=settings.backend_host, key_id=ring.current, database_id=database.database_id(db),
    )  # fmt: skip


def book_slot(db: Database, request: BookingRequest, *, settings: Settings, ring: KeyRing, now: datetime) -> Booking:
    """Books one interview, or moves it to another slot, with its session and its queued mail, in one transaction.

    Raises BookingRefused with the code of the first rule that forbids it; then only the refusal's event is written.
    A request with a field out of its limits is refused before all rules, naming the field.
    """
    return _book(db, lambda: request, rules.decide, settings=settings, ring=ring, now=now)


def book_again(
    db: Database, interview_id: int, changes: Mapping[str, object], *, settings: Settings, ring: KeyRing, now: datetime
) -> Booking:
    """`book_slot` for what an existing interview asks for, with `changes` as `request_for` takes them.

    Raises NotFound too. What is not changed is as the record has it in the transaction that books.
    """
    return _book(
        db, lambda: request_for(db, interview_id, **changes), rules.decide, settings=settings, ring=ring, now=now
    )


def _book(
    db: Database,
    ask: Callable[[], BookingRequest],
    decide: Callable[..., rules.Decision],
    *,
    settings: Settings,
    ring: KeyRing,
    now: datetime,
) -> Booking:
    moment = times.epoch(now)
    with database.writing(db):
        # Asked in here: what is read from the record for it may not change before it is booked.
        request = ask()
        fault = _fault(request)
        if fault:
            events.record(db, "booking_refused", at=moment, code=fault.code, field=fault.field)
        else:
            decision, entry = _decide_and_write(db, request, decide, settings, ring, moment)
    if fault:
        raise fault
    log_request(request, decision.slot.id, decision.standing.id if decision.standing else entry and entry.standing.id)
    if decision.action == rules.REFUSE:
        message, fix = decision.words()
        raise BookingRefused(decision.code, message, fix, field=FIELDS.get(decision.code, "slot_id"))
    return _booking(decision, entry)


def _fault(request: BookingRequest) -> BookingRefused | None:
    try:
        requests.check(request)
    except BookingRefused as refused:
        return refused
    return None


def _decide_and_write(
    db: Database,
    request: BookingRequest,
    decide: Callable[..., rules.Decision],
    settings: Settings,
    ring: KeyRing,
    now: float,
) -> tuple[rules.Decision, Entry | None]:
    ledger = Ledger()
    ledger.load(db, [request])
    decision = decide(request, ledger, now, request.capacity)
    if decision.action == rules.REFUSE:
        _record_refusal(db, decision, now)
    if decision.action in (rules.REFUSE, rules.UNCHANGED):
        return decision, None
    writer = Writer(db, ledger, terms_of(db, settings, ring), now=now)
    entry = writer.add(request, decision, request.capacity)
    writer.flush()
    return decision, entry


FIELDS = {"interview_completed": "interview_id", "candidate_busy": "interview_id", "interview_started": "interview_id",
          "not_booked": "interview_id", "capacity_below_booked": "capacity"}  # fmt: skip


def _booking(decision: rules.Decision, entry: Entry | None) -> Booking:
    if entry is None:
        standing = decision.standing
        return Booking(decision.action, standing.id, decision.slot.id, standing.schedule_id, None)
    return Booking(decision.action, entry.standing.id, entry.slot.id, entry.schedule_id, entry.notification_id)


def _record_refusal(db: Database, decision: rules.Decision, now: float) -> None:
    interview_id = decision.standing.id if decision.standing else None
    events.record(db, "booking_refused", at=now, interview_id=interview_id, code=decision.code, slot=decision.slot.id)


def log_request(request: BookingRequest, slot_id: int | None, interview_id: int | None) -> None:
    """The seed flow's first two lines for one booking."""
    log.info("DEBUG: book_slot called for slot %s (interview %s)", slot_id or "new", interview_id or "new")
    log.info(
        "DEBUG: Request data: interview=%s candidate=%s job=%r company=%r start=%s end=%s round=%s line=%s",
        interview_id or "new", masked_address(request.email), request.job_title, request.company_name,
        times.iso(request.starts_at), times.iso(request.ends_at), request.round, request.line or "-",
    )  # fmt: skip


def request_for(db: Database, interview_id: int, **changes: object) -> BookingRequest:
    """What an existing interview asks for, with `changes` (other instants, notes, zone). Raises NotFound."""
    rows = fetch(db, _REQUEST, (interview_id,)) if is_id(interview_id) else []
    if not rows:
        raise NotFound("interview_id", interview_id)
    name, email, address, title, company, starts_at, ends_at, *rest = rows[0]
    request = BookingRequest(
        name, email, address, title, company, times.from_epoch(starts_at), times.from_epoch(ends_at), rest[0],
        round=rest[1], booking_notes=rest[2] or "", reference=rest[3], candidate_timezone=rest[4],
        is_test=bool(rest[5]),
    )  # fmt: skip
    return replace(request, **changes)


_REQUEST = (
    "SELECT c.name, c.email, c.address, j.title, j.company, i.started_at, i.ended_at, i.timezone, i.round,"
    " h.booking_notes, i.reference, c.timezone, i.is_test FROM interview i JOIN candidate c ON c.id = i.candidate_id"
    " JOIN job j ON j.id = i.job_id LEFT JOIN interview_schedule h ON h.interview_id = i.id"
    " WHERE i.id = ? ORDER BY h.id DESC LIMIT 1"
)


def find_interview(interview_id: int) -> Interview:
    """The interview with that id, of the record opened last. Raises NotFound naming the field."""
    with database.explained(Interview._meta.database):
        interview = Interview.get_or_none(Interview.id == interview_id) if is_id(interview_id) else None
    if interview is None:
        raise NotFound("interview_id", interview_id)
    return interview


def move(
    db: Database,
    interview_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime,
    settings: Settings,
    ring: KeyRing,
    now: datetime,
) -> Booking:
    """Moves a booked interview to the slot of its job at other times. Raises NotFound and BookingRefused."""
    changes = {"starts_at": times.to_utc(starts_at), "ends_at": times.to_utc(ends_at)}
    return _book(
        db, lambda: request_for(db, interview_id, **changes), _decide_move, settings=settings, ring=ring, now=now
    )


def _decide_move(request: BookingRequest, ledger: Ledger, now: float, declared: int | None) -> rules.Decision:
    # Decided inside the transaction: a cancellation that came first must not be booked again by a move.
    decision = rules.decide(request, ledger, now, declared)
    if decision.standing.slot is None:
        return replace(decision, action=rules.REFUSE, code="not_booked", data={})
    return decision


def cancel(db: Database, interview_id: int, *, settings: Settings, now: datetime) -> Booking:
    """Cancels a booked interview: its seat is free again, its link says so, and it is mailed if an invitation went out.

    An interview that is cancelled already is left as it is. Raises NotFound and BookingRefused (interview_completed,
    interview_started, slot_past).
    """
    moment = times.epoch(now)
    with database.writing(db):
        [appointment] = _appointments(db, [interview_id])
        if appointment.is_cancelled:
            return Booking(rules.UNCHANGED, interview_id, None, None, None)
        code = appointment.hindrance(moment)
        if not code:
            return _cancel(db, [appointment], settings, moment)[0]
        events.record(db, "cancel_refused", at=moment, interview_id=interview_id, code=code)
    message, fix = cancellations.REFUSALS[code]
    raise BookingRefused(code, message, fix, field="interview_id")


def _appointments(db: Database, interview_ids: Sequence[int]) -> list[Appointment]:
    """The interviews of these ids, in order. Raises NotFound for the first that there is not."""
    found = cancellations.with_ids(db, [one for one in interview_ids if is_id(one)])
    for interview_id in interview_ids:
        if not is_id(interview_id) or interview_id not in found:
            raise NotFound("interview_id", interview_id)
    return [found[interview_id] for interview_id in interview_ids]


def _cancel(db: Database, appointments: Sequence[Appointment], settings: Settings, now: float) -> list[Booking]:
    mails = cancellations.cancel(db, appointments, host=settings.backend_host, now=now)
    return [
        Booking("cancel", one.interview_id, one.slot_id, one.schedule_id, mails[one.interview_id])
        for one in appointments
    ]


def cancel_slot(db: Database, slot_id: int, *, settings: Settings, now: datetime) -> list[Booking]:
    """Closes a slot: nothing more is booked into it, and every interview in it that has not begun is cancelled.

    Raises NotFound; BookingRefused as `cancel` does if one of them cannot be cancelled, and then nothing is changed.
    """
    moment = times.epoch(now)
    with database.writing(db):
        if not is_id(slot_id) or not fetch(db, "SELECT 1 FROM interview_slot WHERE id = ?", (slot_id,)):
            raise NotFound("slot_id", slot_id)
        sql = "SELECT interview_id FROM interview_schedule WHERE slot_id = ? AND state = 'booked' ORDER BY interview_id"
        appointments = _appointments(db, [row[0] for row in fetch(db, sql, (slot_id,))])
        hindrances = ((one.interview_id, one.hindrance(moment)) for one in appointments)
        interview_id, code = next((found for found in hindrances if found[1]), (None, ""))
        if not code:
            execute(db, "UPDATE interview_slot SET state = 'cancelled' WHERE id = ?", (slot_id,))
            events.record(db, "slot_cancelled", at=moment, slot=slot_id, interviews=len(appointments))
            return _cancel(db, appointments, settings, moment)
        events.record(db, "cancel_refused", at=moment, interview_id=interview_id, code=code, slot=slot_id)
    message, fix = cancellations.REFUSALS[code]
    raise BookingRefused(code, f"Interview {interview_id} of the slot: {message}", fix, field="slot_id")
