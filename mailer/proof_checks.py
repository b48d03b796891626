"""What one delivered mail must be and say to be proven: pure checks against the record. No database and no network."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import parseaddr
from typing import cast
from urllib.parse import unquote, urlsplit

from icalendar import Calendar, Component

from mailer import calendar, messages
from mailer.errors import MailerError
from mailer.mailbox import Delivered, MailUnreadable
from mailer.proof_reading import ADDRESS, MALFORMED, Reading, decoded, pieces, read
from mailer.remote_mail import RemoteMail
from store import session_keys, times
from store.facts import CANCELLED, Facts, HandOver

CHANGED = (
    "find what changes mails on their way (the provider's or relay's tracking, footers, scanners), switch it off,"
    " and mail the candidate again by booking another time."
)
TRACKING = "switch off click and open tracking (link rewriting) at the mail provider, then mail again."
ALTERED = (
    "something between the mail server and the mailbox rewrites mails: find it, switch it off, and mail the candidate"
    " again by booking another time (if mailer/templates were changed after the mail was sent, that is the difference)."
)
FOREIGN_KEY = "tell the candidate not to use this mail, and have the key that it holds revoked."

CALENDAR_CODES = ("calendar", "method")
"""The codes of what is wrong with the calendar part."""

_SHAPE = ("multipart/alternative", "text/plain", "text/html", "text/calendar")
_ONCE = ("from", "to", "subject", "date", "message-id")
# Only the first list counts: the booking's notes further down may say anything.
_DETAILS = re.compile(r"^- .*(?:\n- .*)*", re.MULTILINE)
_DETAIL = re.compile(r"^- ([^:\n]{1,40}): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as booked: a stable code, what, and what the person reading must do."""

    code: str
    what: str
    fix: str = CHANGED


@dataclass(frozen=True, slots=True)
class Booked:
    """What the record says that a mail is. `facts` holds the times and the sequence that it must say now."""

    facts: Facts
    hand_over: HandOver
    recipient: str = field(repr=False)
    link: str = field(repr=False)
    message_id: str
    token: str = field(repr=False)

    def composed(self) -> bytes:
        """The mail as the record makes it now. Raises NotComposed."""
        return messages.compose(
            self.facts, self.hand_over, message_id=self.message_id, token=self.token, link=self.link
        )

    @property
    def key(self) -> str:
        return self.link.rpartition("=")[2]


def problems_of(copies: Sequence[Delivered], booked: Booked) -> list[Problem]:
    """Everything about a delivered mail that is not as booked; empty for a proven one.

    `copies` are the mails found under its Message-ID, at least one.
    """
    try:
        found = list(_of_copies(copies, booked))
        mail = read(copies[0])
    except MailUnreadable as error:
        return [Problem("unreadable", error.args[0])]
    found += _of_headers(mail, booked)
    found += _of_sender(copies[0], mail, booked)
    found += _of_links(mail, booked)
    found += _of_keys(mail, booked)
    found += _of_words(mail, booked.facts)
    found += _of_calendar(mail, booked)
    # What was found above has better words for the same differences.
    return list(dict.fromkeys(found)) or list(_of_the_rest(copies[0], booked))


def _of_copies(copies: Sequence[Delivered], booked: Booked) -> Iterator[Problem]:
    if len(copies) > 1 and len({copy.sent for copy in copies}) > 1:
        yield Problem("copies", f"It was delivered {len(copies)} times, and the copies differ.")
    for copy in copies:
        if copy.recipient_envelope != booked.recipient:
            told = copy.recipient_envelope or "nobody that the mailbox names"
            fix = "find out what redirects mails on their way, and tell whoever got it not to open the link."
            yield Problem("envelope", f"It was delivered to {told} instead of the booked address.", fix)


def _of_the_rest(copy: Delivered, booked: Booked) -> Iterator[Problem]:
    """Whatever else is not as the record makes it: nothing in a proven mail is left unlooked at."""
    try:
        made = booked.composed()
        differing = [] if copy.sent == made else _differing(copy.message, made)
    except messages.NotComposed as error:
        yield Problem("not_composed", f"The record makes no mail to compare it with: {error.args[0]}", error.fix)
    except MailUnreadable as error:
        yield Problem("unreadable", error.args[0])
    except (MessageError, *MALFORMED) as error:
        yield Problem("altered", f"It cannot be compared with what was sent ({type(error).__name__}).", ALTERED)
    else:
        if differing:
            what = f"It differs from the mail that the record makes: {', '.join(differing)[:200]}."
            yield Problem("altered", what, ALTERED)


def _differing(message: EmailMessage, made: bytes) -> list[str]:
    given, wanted = pieces(message), pieces(cast(EmailMessage, message_from_bytes(made, policy=policy.default)))
    return [name[:30] for name in wanted | given if name not in given or given[name] != wanted.get(name)]


def _of_headers(mail: Reading, booked: Booked) -> Iterator[Problem]:
    given = mail.headers
    for name in _ONCE:
        if len(given.get(name, ())) != 1:
            yield Problem("headers", f"It has {len(given.get(name, ()))} {name.title()} headers instead of one.")
    for name in ("cc", "bcc", "resent-to"):
        if name in given:
            yield Problem("headers", f"It has a {name.title()} header: others were told.")
    if _one(given, "to") != booked.recipient:
        yield Problem("recipient", f"To says {_one(given, 'to')[:100]} instead of the booked address.")
    if (sender := parseaddr(_one(given, "from"))[1]) != booked.hand_over.from_address:
        yield Problem("sender", f"From says {sender[:100]} instead of {booked.hand_over.from_address}.")
    wanted, said = messages.subject(booked.facts), decoded(_one(given, "subject"))
    if said != wanted:
        yield Problem("subject", f"Its subject is {said[:120]!r} instead of {wanted[:120]!r}.")
    if mail.shape != _SHAPE:
        yield Problem("parts", f"Its parts are {', '.join(mail.shape)[:200]} instead of text, HTML and calendar.")


def _of_sender(copy: Delivered, mail: Reading, booked: Booked) -> Iterator[Problem]:
    # Mail providers put an address of their own there, which gets the bounces.
    is_own = isinstance(copy, RemoteMail) or _one(mail.headers, "return-path") == f"<{booked.hand_over.from_address}>"
    if not is_own:
        yield Problem("sender", "The envelope's sender is not the From address.")


def _one(headers: dict[str, list[str]], name: str) -> str:
    return headers.get(name, [""])[0]


def _of_links(mail: Reading, booked: Booked) -> Iterator[Problem]:
    parts = {
        "text": set(ADDRESS.findall(mail.text)),
        "HTML": mail.html.addresses,
        "calendar": set(ADDRESS.findall(mail.calendar)),
    }
    for part, found in parts.items():
        if booked.facts.kind == CANCELLED:
            if found:
                yield Problem("link", f"The {part} of a cancellation carries a link ({_hosts(found)}).")
        elif found != {booked.link}:
            yield _link_problem(part, found, booked)


def _link_problem(part: str, found: set[str], booked: Booked) -> Problem:
    others, own_host = found - {booked.link}, urlsplit(booked.link).hostname
    foreign = {address for address in others if _host(address) != own_host}
    if not others:
        return Problem("link", f"The {part} carries no link.")
    if booked.link in found:
        fix = TRACKING if foreign else CHANGED
        return Problem("second_link", f"The {part} carries a second web address ({_hosts(others)}).", fix)
    if foreign or any(unquote(address).count("://") > 1 for address in others):
        what = f"Click tracking: the link in the {part} was rewritten, it leads to {_hosts(others)} first."
        return Problem("click_tracking", what, TRACKING)
    keys = {key.lower() for address in others for key in session_keys.SESSION_KEY.findall(address)}
    if keys and booked.key not in keys:
        what = f"The link in the {part} carries a session_key that is not this booking's."
        return Problem("key", what, FOREIGN_KEY)
    return Problem("link", f"The link in the {part} is not the booked one, byte for byte.")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _hosts(addresses: set[str]) -> str:
    return ", ".join(sorted({_host(address) or "no host" for address in addresses}))[:200]


def _of_keys(mail: Reading, booked: Booked) -> Iterator[Problem]:
    own = set() if booked.facts.kind == CANCELLED else {booked.key}
    if {key.lower() for key in session_keys.SESSION_KEY.findall(mail.everything())} - own:
        yield Problem("key", "It holds a session_key that it must not hold.", FOREIGN_KEY)


def _of_words(mail: Reading, facts: Facts) -> Iterator[Problem]:
    for part, lines in (("text", mail.text), ("HTML", mail.html.lines)):
        block = _DETAILS.search(lines)
        said = dict(reversed(_DETAIL.findall(block[0]))) if block else {}
        for label, (words, zone_name) in _wanted(facts, said).items():
            if said.get(label) not in (words, f"{words} ({zone_name})"):
                shown = repr(said[label][:80]) if label in said else "nothing"
                yield Problem("time", f"The {part} says {shown} as {label}, the record says {words!r}.")


def _wanted(facts: Facts, said: dict[str, str]) -> dict[str, tuple[str, str]]:
    """By label what must be said, and the zone whose name may follow."""
    booked, length = facts.timezone, (facts.ends_at - facts.starts_at).total_seconds()
    date, clock = _clock(facts.starts_at, booked)
    wanted = {"Date": (date, ""), "Time": (clock, booked), "Duration": (times.duration_words(length), "")}
    for label, zone_name in (("In India", messages.INDIA), ("Your local time", facts.candidate_timezone or "UTC")):
        if label in said:
            wanted[label] = ", ".join(_clock(facts.starts_at, zone_name)), zone_name
    if facts.previous_starts_at is not None:
        wanted["Old time"] = ", ".join(_clock(facts.previous_starts_at, booked)), booked
    return wanted


def _clock(moment: datetime, zone_name: str) -> tuple[str, str]:
    return times.date_words(moment, zone_name), times.time_words(moment, zone_name)


class _NoEvent(MailerError):
    """The calendar part does not hold one event that can be read."""


def _of_calendar(mail: Reading, booked: Booked) -> Iterator[Problem]:
    try:
        whole = Calendar.from_ical(mail.calendar)
        event = _only_event(whole)
        said = {name: str(component[name]) for name, component in _properties(whole, event)}
        said |= {name: _instant(event, name) for name in ("DTSTART", "DTEND")}
    except _NoEvent as error:
        yield Problem("calendar", str(error))
        return
    except MALFORMED as error:
        yield Problem("calendar", f"The calendar cannot be read ({type(error).__name__}).")
        return
    for name, wanted in _calendar_wanted(booked).items():
        if said[name] != wanted:
            yield Problem("calendar", f"The calendar says {said[name][:100]} as {name}, the record says {wanted}.")
    if mail.method != said["METHOD"]:
        what = f"The calendar's METHOD is {said['METHOD'][:40]}, its Content-Type says {mail.method[:40] or 'none'}."
        yield Problem("method", what)


def _only_event(whole: Component) -> Component:
    events = whole.walk("VEVENT")
    if len(events) != 1:
        raise _NoEvent(f"The calendar holds {len(events)} events instead of one.")
    return events[0]


def _properties(whole: Component, event: Component) -> Iterator[tuple[str, Component]]:
    yield "METHOD", whole
    for name in ("UID", "SEQUENCE", "ORGANIZER", "ATTENDEE"):
        if isinstance(event.get(name), list):
            raise _NoEvent(f"The calendar has {len(event[name])} {name} lines instead of one.")
        yield name, event


def _instant(event: Component, name: str) -> str:
    moment = event.decoded(name)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return f"{moment} without a time zone"
    return times.calendar_stamp(moment)


def _calendar_wanted(booked: Booked) -> dict[str, str]:
    facts = booked.facts
    return {
        "METHOD": calendar.method(facts),
        "UID": facts.calendar_uid,
        "SEQUENCE": str(facts.sequence),
        "DTSTART": times.calendar_stamp(facts.starts_at),
        "DTEND": times.calendar_stamp(facts.ends_at),
        "ORGANIZER": calendar.mailto(booked.hand_over.from_address),
        "ATTENDEE": calendar.mailto(booked.recipient),
    }
