"""What arrived of the test mail: read back and held to the record, its link opened, its calendar read as programs do."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from icalendar import Calendar

from mailer import page_checks, proof_cases
from mailer.errors import MailerError
from mailer.imap_mailbox import ImapMailbox, RemoteMail
from mailer.mailbox import Delivered, MailUnreadable, calendar_of
from mailer.mailboxes import Mailboxes
from mailer.portal_client import NotOpened, PortalClient, PortalUnusable
from mailer.proof_cases import Case
from mailer.proof_checks import CALENDAR_CODES, Booked, Problem, problems_of
from mailer.quality import check_message, spamassassin
from mailer.verification import stages
from mailer.verification.stages import FAILED, OK, WARNING, Row
from mailer.verification.trial import Trial
from store import database, sessions, times
from store.database import Database
from store.redaction import masked_address
from store.session_keys import KeyRing
from store.settings import Settings

_NO_IMAP = (
    "set IMAP_HOST, IMAP_USER and IMAP_PASSWORD of the mailbox that gets the test mail (LIVE_EMAIL_TO or the recipient),"
    " or look there yourself: the mail, in the inbox, with its invitation."
)
_NOT_OURS = (
    "look into that mailbox yourself: the mail, in the inbox, with its invitation. To have it read back, name the mailbox"
    " of IMAP_USER as recipient (--to), or set IMAP_HOST, IMAP_USER and IMAP_PASSWORD of the recipient's."
)
_ELSEWHERE = 10.0
"""Seconds that a mail is waited for which the mailbox is not known to get: it may be the recipient's by another name."""
_SAYS = {sessions.EARLY: "that the interview is not open yet", sessions.OPEN: "that the interview can begin"}
_NOT_ARRIVED = (
    "look for bounces in the sender's mailbox and at the provider; if mails only come late, wait longer next time."
)
_SPAM = "publish SPF, DKIM and DMARC for the From domain (see the rows of Domain names), and mark the mail as no spam."


@dataclass(slots=True)
class Look:
    """One sent test mail, and how to look for it. `began` is when the verification began (monotonic seconds)."""

    db: Database
    ring: KeyRing
    settings: Settings
    sent: Trial
    clock: Callable[[], datetime]
    began: float
    rates_spam: bool = True

    def read_back(
        self, opening: AbstractContextManager[Mailboxes | None], wait: float, *, has_calendar: bool
    ) -> list[Row]:
        """The rows of what arrived within `wait` seconds, and of its calendar if that is wanted."""
        at = time.monotonic()
        try:
            with opening as mailbox:
                if mailbox is None:
                    seen = "not read back: no mailbox is set that could be read"
                    row = self._row(stages.READ_BACK, "Arrival", WARNING, seen, at, _NO_IMAP, "read_back.no_imap")
                    return [row, stages.not_run(stages.CALENDAR, "needs read back")] if has_calendar else [row]
                return self._looked_for(mailbox, at, wait, has_calendar)
        except MailerError as error:
            return [self._row(stages.READ_BACK, "Arrival", FAILED, str(error), at, error.fix, "read_back.refused")]

    def _looked_for(self, mailbox: Mailboxes, at: float, wait: float, has_calendar: bool) -> list[Row]:
        recipient = self._case.recipient
        is_ours = not isinstance(mailbox, ImapMailbox) or mailbox.receives(recipient)
        copies = _arrived(mailbox, self._case.message_id, wait if is_ours else min(wait, _ELSEWHERE))
        if copies or is_ours:
            return self._judged(copies, at, wait, has_calendar)
        seen = f"not read back: this mailbox does not get mail for {masked_address(recipient)}, as far as it shows"
        row = self._row(stages.READ_BACK, "Arrival", WARNING, seen, at, _NOT_OURS, "read_back.not_ours")
        return [row, stages.not_run(stages.CALENDAR, "needs read back")] if has_calendar else [row]

    def _judged(self, copies: Sequence[Delivered], at: float, wait: float, has_calendar: bool) -> list[Row]:
        if not copies:
            seen = f"the server took it, but it did not arrive within {wait:g} seconds"
            return [self._row(stages.READ_BACK, "Arrival", FAILED, seen, at, _NOT_ARRIVED, "read_back.missing")]
        problems = problems_of(copies, self._booked)
        rows = [self._where(copies[0], at)]
        rows += self._told(stages.READ_BACK, "Content", at, "headers, text and link are those that were sent",
                           [one for one in problems if one.code not in CALENDAR_CODES])  # fmt: skip
        rows += self._quality(copies[0])
        if has_calendar:
            rows += self._calendar(copies[0], [one for one in problems if one.code in CALENDAR_CODES])
        return rows

    def _quality(self, copy: Delivered) -> list[Row]:
        at = time.monotonic()
        rates = self.rates_spam and bool(spamassassin.installed())
        found = check_message(copy.sent, spam=spamassassin.findings if rates else None)
        if not found:
            rated = (
                f"SpamAssassin gives less than {spamassassin.LIMIT:g} points" if rates else "not rated for spam here"
            )
            seen = f"{len(copy.sent) / 1000:.0f} kB; mail programs show it whole by every rule; {rated}"
            return [self._row(stages.READ_BACK, "Quality", OK, seen, at)]
        return [
            self._row(stages.READ_BACK, "Quality", WARNING, one.what, at, one.fix, f"quality.{one.id}") for one in found
        ]

    def _where(self, copy: Delivered, at: float) -> Row:
        if not isinstance(copy, RemoteMail):
            return self._row(stages.READ_BACK, "Arrival", OK, "in the sandbox's mailbox", at)
        took = max(0.0, (copy.arrived_at - self.sent.sent_at).total_seconds())
        checks = ", ".join(f"{name}={result}" for name, result in copy.authentication.items())
        judged = f"the receiver found {checks}" if checks else "the receiver says nothing of SPF, DKIM and DMARC"
        seen = f"in {copy.folder} after {took:.0f} s; {judged}"
        if copy.is_spam:
            return self._row(stages.READ_BACK, "Arrival", WARNING, f"It is {seen}.", at, _SPAM, "read_back.spam")
        return self._row(stages.READ_BACK, "Arrival", OK, seen, at)

    def _calendar(self, copy: Delivered, problems: list[Problem]) -> list[Row]:
        at = time.monotonic()
        try:
            seen = _event_words(copy, self._booked.facts.timezone)
        except (MailUnreadable, *_UNREADABLE) as error:
            problems = problems or [Problem("calendar", f"It cannot be read ({type(error).__name__}).")]
            seen = ""
        return self._told(stages.CALENDAR, "Calendar", at, seen, problems)

    def open_link(self, address: str, at: float) -> list[Row]:
        """The row of the booked link, opened at the portal at `address` as the candidate's browser would.

        `at` is when the looking began (monotonic seconds): the start of a portal is a part of it.
        """
        try:
            with PortalClient(address, self.settings.backend_host) as portal:
                portal.check(database.database_id(self.db))
                page, problems = page_checks.visit(
                    self.db, self._case, self._booked, portal=portal, ring=self.ring, clock=self.clock
                )
        except (PortalUnusable, NotOpened) as error:
            return [self._row(stages.LINK, "Link", FAILED, str(error), at, error.fix, "link.not_opened")]
        says = _SAYS.get(page.state, page.state)
        seen = f"opens {' and '.join(page.references)}'s page at {address}; the page says {says}"
        return self._told(stages.LINK, "Link", at, seen, problems)

    def _told(self, stage: str, title: str, at: float, seen: str, problems: Sequence[Problem]) -> list[Row]:
        """A row for each problem, or one that says what was seen."""
        if not problems:
            return [self._row(stage, title, OK, seen, at)]
        return [self._row(stage, title, FAILED, one.what, at, one.fix, f"{stage}.{one.code}") for one in problems]

    def _row(self, stage: str, title: str, result: str, seen: str, at: float, fix: str = "", code: str = "") -> Row:
        return Row(stage, title, result, seen, fix, code, at - self.began, time.monotonic() - at)

    @property
    def _case(self) -> Case:
        return next(proof_cases.cases(self.db, [self.sent.notification_id], None))[0]

    @property
    def _booked(self) -> Booked:
        return self._case.booked(self.ring, database.database_id(self.db))


_UNREADABLE = (ValueError, LookupError, AttributeError, TypeError)


def _arrived(mailbox: Mailboxes, message_id: str, wait: float) -> list[Delivered] | list[RemoteMail]:
    """The mails with that Message-ID, once there are any, or after `wait` seconds."""
    if isinstance(mailbox, ImapMailbox):
        mailbox.wait_for([message_id], wait)
    return mailbox.find(message_id)


def _event_words(copy: Delivered, zone: str) -> str:
    """The event as a calendar program takes it: method, times, organizer and attendee."""
    whole = Calendar.from_ical(calendar_of(copy.message) or "")
    event = whole.walk("VEVENT")[0]
    start, end = (event.decoded(name) for name in ("DTSTART", "DTEND"))
    people = ", ".join(masked_address(str(event[name]).removeprefix("mailto:")) for name in ("ORGANIZER", "ATTENDEE"))
    when = f"{times.date_words(start, zone)}, {times.time_words(start, zone)} to {times.time_words(end, zone)}"
    return f"{whole['METHOD']} for {when}, sequence {event['SEQUENCE']}, organizer and attendee {people}"
