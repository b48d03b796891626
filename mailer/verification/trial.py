"""The test invitation: an interview marked as a test, mailed like any other, and what became of its mail.

It goes through the same rules, outbox, seal and delivery as every booking, and is left out of every report.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.account import Account
from mailer.delivery import deliver
from store import addresses, announcements, booking, history, times
from store.accounts import Pause
from store.database import Database, fetch, writing
from store.history import MailRow
from store.requests import BookingRequest
from store.session_keys import KeyRing
from store.settings import Settings

NAME, COMPANY = "Test Candidate", "Interview Ops"
NOTES = "This is a test of the interview mail. Nothing is booked, and there is nothing to do."
DAYS_AHEAD, MINUTES = 1, 30
_UNSENT = (
    "SELECT DISTINCT n.interview_id FROM notification n JOIN interview i ON i.id = n.interview_id"
    " WHERE i.is_test AND n.state IN ('queued', 'claimed', 'failed', 'unknown') ORDER BY n.interview_id"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A test mail after the delivery had its try. `sent_at` is when that try began (aware UTC).

    `signature` names why the server did not take it, empty if it did or was not asked.
    """

    interview_id: int
    notification_id: int
    mail: MailRow
    sent_at: datetime
    pause: Pause | None
    signature: str = ""

    @property
    def is_sent(self) -> bool:
        return self.mail.state == "sent"


def send(db: Database, recipient: str, *, account: Account, settings: Settings, ring: KeyRing, now: datetime) -> Trial:
    """Books a test interview of tomorrow for the address, and delivers its invitation now; no other mail is sent.

    A test mail that is not taken now never goes: the next test is a mail of its own, and a delivery after this one
    neither sends nor counts it. That holds for those that earlier runs left, too.

    Raises AddressRefused and BookingRefused; a mail that the server did not take is told by `mail`.
    """
    booked = booking.book_slot(db, _request(recipient, settings, now), settings=settings, ring=ring, now=now)
    report = deliver(db, account=account, settings=settings, ring=ring, interview_id=booked.interview_id)
    mail = history.mails(db, [booked.notification_id], pause=report.pause)[0]
    signature = fetch(db, "SELECT signature FROM notification WHERE id = ?", (booked.notification_id,))[0][0]
    withdraw(db, now=now)
    return Trial(booked.interview_id, booked.notification_id, mail, now, report.pause, signature or "")


def withdraw(db: Database, *, now: datetime) -> None:
    """Takes every test mail that was not sent out of the outbox; one that a server may be taking just now stays."""
    with writing(db):
        ids = [row[0] for row in fetch(db, _UNSENT)]
        announcements.supersede(db, ids, times.epoch(now))


def _request(recipient: str, settings: Settings, now: datetime) -> BookingRequest:
    address = addresses.checked(recipient)
    starts_at = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=DAYS_AHEAD, hours=1)
    # Unique, so that each test is an interview of its own and its mail an invitation.
    title = f"Mail test {times.calendar_stamp(now)} {secrets.token_hex(3)}"
    return BookingRequest(
        NAME, address, addresses.identity(address), title, COMPANY, starts_at, starts_at + timedelta(minutes=MINUTES),
        settings.interview_timezone, booking_notes=NOTES, is_test=True,
    )  # fmt: skip
