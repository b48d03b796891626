"""The desk that tests of the record book at: requests with defaults, one-line calls, files, and looks at the rows."""

import csv
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from store import addresses, batch_rows, batches, booking, outbox, times
from store.booking import Booking
from store.database import Database, execute, fetch
from store.facts import Facts, HandOver
from store.outbox import Settlement
from store.requests import BookingRequest
from store.session_keys import KeyRing
from store.settings import Settings

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
COLUMNS = ("candidate_name", "candidate_email", "job_title", "company_name", "slot_date", "start_time",
           "duration_minutes", "timezone", "capacity", "round")  # fmt: skip


def request(starts_at: datetime, minutes: int = 60, email: str = "asha@example.com", **changes) -> BookingRequest:
    made = BookingRequest(
        candidate_name="Asha Rao", email=email, address=addresses.identity(email), job_title="Nurse",
        company_name="Acme", starts_at=starts_at, ends_at=starts_at + minutes * MINUTE, timezone="Asia/Kolkata",
    )  # fmt: skip
    return replace(made, **changes)


def write_file(path, requests) -> None:
    """A candidates file with one row for each request, its times as UTC."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for row in requests:
            minutes = (row.ends_at - row.starts_at) // MINUTE
            rows.writerow((
                row.candidate_name, row.email, row.job_title, row.company_name, f"{row.starts_at:%Y-%m-%d}",
                f"{row.starts_at:%H:%M}", minutes, "UTC", row.capacity or "", row.round,
            ))  # fmt: skip


@dataclass
class Desk:
    """A record with its settings, its ring and a clock that stands still."""

    db: Database
    settings: Settings
    ring: KeyRing
    now: datetime

    def book(self, request: BookingRequest, **changes) -> Booking:
        return booking.book_slot(
            self.db, replace(request, **changes), settings=self.settings, ring=self.ring, now=self.now
        )

    def move(self, interview_id: int, starts_at: datetime, minutes: int = 60) -> Booking:
        return booking.move(
            self.db, interview_id, starts_at=starts_at, ends_at=starts_at + minutes * MINUTE, settings=self.settings,
            ring=self.ring, now=self.now,
        )  # fmt: skip

    def cancel(self, interview_id: int) -> Booking:
        return booking.cancel(self.db, interview_id, settings=self.settings, now=self.now)

    def cancel_slot(self, slot_id: int) -> list[Booking]:
        return booking.cancel_slot(self.db, slot_id, settings=self.settings, now=self.now)

    def plan(self, path) -> batches.BatchReport:
        return batches.plan_batch(self.db, path, settings=self.settings, clock=lambda: self.now)

    def apply(self, path, fingerprint: str = "", **more) -> batches.BatchReport:
        return batches.book_batch(
            self.db, path, fingerprint=fingerprint,
            **({"settings": self.settings, "ring": self.ring, "clock": lambda: self.now} | more),
        )  # fmt: skip

    def outcomes(self, batch_id: int) -> list[tuple[str, str]]:
        return [(row["outcome"], row["code"]) for row in batch_rows.read(self.db, batch_id)]

    @property
    def epoch(self) -> float:
        return times.epoch(self.now)

    def rows(self, sql: str, *parameters) -> list[tuple]:
        return fetch(self.db, sql, parameters)

    def change(self, sql: str, *parameters) -> int:
        return execute(self.db, sql, parameters)

    def count(self, table: str) -> int:
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]

    def mails(self, interview_id: int) -> list[tuple[str, int, str]]:
        """(kind, occurrence, state) of every mail, oldest first."""
        sql = "SELECT kind, occurrence, state FROM notification WHERE interview_id = ? ORDER BY id"
        return self.rows(sql, interview_id)

    def facts(self, interview_id: int) -> list[Facts]:
        sql = "SELECT facts FROM notification WHERE interview_id = ? ORDER BY id"
        return [Facts.from_json(row[0]) for row in self.rows(sql, interview_id)]

    def event_kinds(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT kind FROM event ORDER BY id")]

    def places(self) -> list[tuple[int, int, int]]:
        """(slot, seats, active bookings) of every slot, checked against each other by the tests."""
        return self.rows(
            "SELECT t.slot_id, count(*), count(h.id) FROM seat t LEFT JOIN interview_schedule h ON h.seat_id = t.id"
            " AND h.slot_id = t.slot_id AND h.state = 'booked' GROUP BY t.slot_id ORDER BY t.slot_id"
        )

    def begin(self, interview_id: int) -> None:
        """The candidate has begun."""
        self.change("UPDATE interview_session SET begun_at = ? WHERE interview_id = ?", self.epoch, interview_id)

    def claim(self, owner: str = "one", lease: float = 60, limit: int = 100) -> list[int]:
        mails = outbox.claim(self.db, owner=owner, now=self.epoch, lease=lease, limit=limit)
        return [mail.id for mail in mails]

    def hand_over(self, ids: list[int], owner: str = "one", lease: float = 60) -> set[int]:
        record = HandOver(self.now, "jobs@example.com", "Jobs", "https://interviews.example.com")
        return outbox.hand_over(
            self.db, ids, owner=owner, record=record, now=self.epoch, lease_until=self.epoch + lease
        )

    def settle(self, ids, state: str, owner: str = "one", due_at: float = 0.0, attempts: int = 1, arrived: bool = True):
        settlements = [
            Settlement(mail, state, due_at or self.epoch, attempts, self.epoch if arrived else None, "sig", "250 ok")
            for mail in ids
        ]
        outbox.settle(self.db, settlements, owner=owner, now=self.epoch)

    def deliver(self, state: str = "sent") -> list[int]:
        """Takes all mails that are due through an attempt that ends in `state`."""
        ids = self.claim()
        self.hand_over(ids)
        self.settle(ids, state, arrived=state in ("sent", "unknown"))
        return ids

    def recover(self, hold: float = 900, resend: bool = True) -> dict[str, int]:
        return outbox.recover(self.db, now=self.epoch, hold=hold, resend=resend)
