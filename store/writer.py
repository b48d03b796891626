"""Writes decided bookings, any number in one go: the rows of one booking are the same, whether booked alone or in a batch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from store import announcements, bulk, events
from store.announcements import Announcement, Told
from store.database import Database, execute_many
from store.facts import INVITATION, RESCHEDULED
from store.ledger import JobEntry, Ledger, Person, Slot, Standing
from store.requests import BookingRequest
from store.rules import Decision
from store.seats import FreeSeats, Seat
from store.session_keys import new_publics


@dataclass(slots=True, eq=False)
class Entry:
    """One accepted booking on its way into the record. `left` and `schedule_id` are set when it moves.

    `added` are the numbers of the seats that its slot gets with it, `removed` counts the free ones that go.
    """

    request: BookingRequest
    standing: Standing
    slot: Slot
    added: range
    removed: int
    left: tuple[Slot, Seat] | None
    moved_from: float | None
    is_new: bool
    schedule_id: int | None
    notification_id: int | None = None
    kind: str = INVITATION


@dataclass(frozen=True, slots=True)
class Terms:
    """What is copied into each booking: minutes of the access window, the links' host, the key id, the calendar's domain."""

    opens_before: int
    closes_after: int
    host: str
    key_id: str
    database_id: str


def add_jobs(db: Database, jobs: Sequence[JobEntry], now: float) -> None:
    """Writes jobs that the record does not know, and gives them their ids. Inside `database.writing` only."""
    for job, job_id in zip(jobs, bulk.next_ids(db, "job", len(jobs)), strict=True):
        job.id = job_id
    rows = [(job.id, job.identity, job.title, job.company, now) for job in jobs]
    bulk.insert(db, "job", ("id", "identity", "title", "company", "created_at"), rows)


class Writer:
    """Collects accepted requests, then writes them in a few statements. To be used inside one `database.writing`."""

    def __init__(self, db: Database, ledger: Ledger, terms: Terms, *, now: float, batch_id: int | None = None):
        self.db, self.ledger, self.terms, self.now, self.batch_id = db, ledger, terms, now, batch_id
        self.entries: list[Entry] = []
        self._wanted_seats: Counter[int] = Counter()
        self._renamed: dict[str, Person] = {}

    def add(self, request: BookingRequest, decision: Decision, declared: int | None) -> Entry:
        """Takes the place for an accepted request; nothing is written before `flush`."""
        slot, standing = decision.slot, decision.standing
        before = slot.capacity
        added, removed = self.ledger.keep_capacity(slot, declared or slot.capacity or 1)
        if slot.id is not None:
            # The highest free seats go, so all of them must be known.
            self._wanted_seats[slot.id] += before if removed else 1
        is_new, is_move = standing is None, standing is not None and standing.slot is not None
        left = (standing.slot, standing.seat) if is_move else None
        moved_from, schedule_id = (standing.starts_at, standing.schedule_id) if is_move else (None, None)
        standing = self.ledger.take(request, slot, standing)
        self._keep_person(standing.person, request)
        entry = Entry(request, standing, slot, added, removed, left, moved_from, is_new, schedule_id)
        if not is_new:
            standing.sequence += 1
            standing.reference = request.reference or standing.reference
        self.entries.append(entry)
        return entry

    def _keep_person(self, person: Person, request: BookingRequest) -> None:
        zone = request.candidate_timezone or person.timezone
        # A test mail to somebody's address changes nothing of what is known about them.
        changed = (person.email, person.name, person.timezone) != (request.email, request.candidate_name, zone)
        if changed and not request.is_test:
            person.email, person.name, person.timezone = request.email, request.candidate_name, zone
            self._renamed[person.address] = person

    def flush(self) -> list[Entry]:
        """Writes everything that was added; gives the entries with their ids."""
        if self.entries:
            self._write_parents()
            self._write_seats_and_moves()
            self._write_interviews()
            self._write_schedules()
            self._queue_mails()
            self._record_events()
        return self.entries

    def _write_parents(self) -> None:
        db, now = self.db, self.now
        jobs = list(
            {entry.slot.job.identity: entry.slot.job for entry in self.entries if entry.slot.job.id is None}.values()
        )
        add_jobs(db, jobs, now)
        self._write_people()
        slots = list({id(entry.slot): entry.slot for entry in self.entries if entry.slot.id is None}.values())
        for slot, slot_id in zip(slots, bulk.next_ids(db, "interview_slot", len(slots)), strict=True):
            slot.id = slot_id
        rows = [(slot.id, slot.job.id, slot.starts_at, slot.ends_at, slot.state, now) for slot in slots]
        bulk.insert(db, "interview_slot", ("id", "job_id", "starts_at", "ends_at", "state", "created_at"), rows)

    def _write_people(self) -> None:
        people = list(
            {
                e.standing.person.address: e.standing.person for e in self.entries if e.standing.person.id is None
            }.values()
        )
        for person, person_id in zip(people, bulk.next_ids(self.db, "candidate", len(people)), strict=True):
            person.id = person_id
        columns = ("id", "address", "email", "name", "timezone", "created_at")
        rows = [(p.id, p.address, p.email, p.name, p.timezone, self.now) for p in people]
        bulk.insert(self.db, "candidate", columns, rows)
        new = {person.address for person in people}
        changed = [(p.email, p.name, p.timezone, p.id) for p in self._renamed.values() if p.address not in new]
        if changed:
            execute_many(self.db, "UPDATE candidate SET email = ?, name = ?, timezone = ? WHERE id = ?", changed)

    def _write_seats_and_moves(self) -> None:
        new, removed = self._hand_out_seats()
        bulk.insert(self.db, "seat", ("id", "slot_id", "number"), new)
        # Moves go first and in order: each takes a seat that is new, free, or was freed by a move before it.
        moves = [
            (e.slot.id, e.standing.seat.id, e.request.booking_notes, self.batch_id, self.now, e.schedule_id)
            for e in self.entries
            if e.schedule_id is not None
        ]
        if moves:
            execute_many(
                self.db,
                "UPDATE interview_schedule SET slot_id = ?, seat_id = ?, booking_notes = ?, batch_id = ?, changed_at = ?"
                " WHERE id = ?",
                moves,
            )
        if removed:
            execute_many(self.db, "DELETE FROM seat WHERE id = ?", [(seat.id,) for seat in removed])

    def _hand_out_seats(self) -> tuple[list[tuple[int, int, int]], list[Seat]]:
        """Gives each entry its seat, in order; gives the rows of the new seats and the seats that go."""
        free = FreeSeats(self.db, self._wanted_seats)
        ids = iter(bulk.next_ids(self.db, "seat", sum(len(entry.added) for entry in self.entries)))
        rows, removed = [], []
        for entry in self.entries:
            slot_id = entry.slot.id
            new = [Seat(number, next(ids)) for number in entry.added]
            rows += [(seat.id, slot_id, seat.number) for seat in new]
            free.add(slot_id, new)
            removed += free.remove_highest(slot_id, entry.removed)
            if entry.left is not None:
                slot, seat = entry.left
                free.leave(slot.id, seat)
            entry.standing.seat = free.take(slot_id)
        return rows, removed

    def _write_interviews(self) -> None:
        new = [entry for entry in self.entries if entry.is_new]
        for entry, interview_id in zip(new, bulk.next_ids(self.db, "interview", len(new)), strict=True):
            entry.standing.id = interview_id
        terms, now = self.terms, self.now
        columns = ("id", "candidate_id", "job_id", "round", "started_at", "ended_at", "timezone", "state", "opens_before",
                   "closes_after", "sequence", "reference", "is_test", "created_at")  # fmt: skip
        rows = [
            (s.id, s.person.id, s.job.id, s.round, s.starts_at, s.ends_at, e.request.timezone, "scheduled",
             terms.opens_before, terms.closes_after, s.sequence, s.reference, s.is_test, now)
            for e in new for s in (e.standing,)
        ]  # fmt: skip
        bulk.insert(self.db, "interview", columns, rows)
        changed = [
            (s.starts_at, s.ends_at, e.request.timezone, terms.opens_before, terms.closes_after, s.sequence, s.reference, s.id)
            for e in self.entries if not e.is_new for s in (e.standing,)
        ]  # fmt: skip
        if changed:
            execute_many(
                self.db,
                "UPDATE interview SET state = 'scheduled', started_at = ?, ended_at = ?, timezone = ?, opens_before = ?,"
                " closes_after = ?, sequence = ?, reference = ? WHERE id = ?",
                changed,
            )
        self._write_sessions(new)

    def _write_sessions(self, new: list[Entry]) -> None:
        ids = bulk.next_ids(self.db, "interview_session", len(new))
        publics = new_publics(len(new))
        columns = ("id", "interview_id", "public", "key_id", "generation", "created_at")
        rows = [
            (session_id, entry.standing.id, public, self.terms.key_id, 1, self.now)
            for session_id, entry, public in zip(ids, new, publics, strict=True)
        ]
        bulk.insert(self.db, "interview_session", columns, rows)

    def _write_schedules(self) -> None:
        added = [entry for entry in self.entries if entry.schedule_id is None]
        columns = (
            "id",
            "interview_id",
            "slot_id",
            "seat_id",
            "state",
            "booking_notes",
            "batch_id",
            "booked_at",
            "changed_at",
        )
        rows = []
        for entry, schedule_id in zip(added, bulk.next_ids(self.db, "interview_schedule", len(added)), strict=True):
            entry.schedule_id = entry.standing.schedule_id = schedule_id
            rows.append((schedule_id, entry.standing.id, entry.slot.id, entry.standing.seat.id, "booked",
                         entry.request.booking_notes, self.batch_id, self.now, self.now))  # fmt: skip
        bulk.insert(self.db, "interview_schedule", columns, rows)

    def _queue_mails(self) -> None:
        changed = [entry.standing.id for entry in self.entries if not entry.is_new]
        told = announcements.supersede(self.db, changed, self.now)
        mails = []
        for entry in self.entries:
            before = told.get(entry.standing.id) or Told()
            entry.kind = before.kind_for_booking()
            facts = self._facts(entry, before)
            mails.append(
                Announcement(
                    entry.standing.id, entry.kind, before.next_occurrence(entry.kind), entry.request.email, facts
                )
            )
        ids = announcements.enqueue(self.db, mails, host=self.terms.host, batch_id=self.batch_id, now=self.now)
        for entry, notification_id in zip(self.entries, ids, strict=True):
            entry.notification_id = notification_id

    def _facts(self, entry: Entry, before: Told) -> dict[str, object]:
        request, standing = entry.request, entry.standing
        previous = before.last.starts_at.timestamp() if entry.kind == RESCHEDULED and before.last else None
        return {
            "kind": entry.kind, "candidate_name": request.candidate_name, "recipient": request.email,
            "job_title": standing.job.title, "company_name": standing.job.company, "starts_at": standing.starts_at,
            "ends_at": standing.ends_at, "timezone": request.timezone, "candidate_timezone": standing.person.timezone,
            "opens_before": self.terms.opens_before, "closes_after": self.terms.closes_after,
            "booking_notes": request.booking_notes, "reference": standing.reference, "round": request.round,
            "calendar_uid": announcements.calendar_uid(standing.id, self.terms.database_id),
            "sequence": standing.sequence, "previous_starts_at": previous,
        }  # fmt: skip

    def _record_events(self) -> None:
        rows = []
        for entry in self.entries:
            data = {"slot": entry.slot.id, "schedule": entry.schedule_id, "notification": entry.notification_id}
            kind = "booked" if entry.moved_from is None else "moved"
            if entry.moved_from is not None:
                data["from"] = entry.moved_from
            rows.append((self.now, kind, entry.standing.id, self.batch_id, data))
        events.record_many(self.db, rows)
