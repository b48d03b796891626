"""What one delivered mail must be and say to be proven: pure checks against the record. No database and no network."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from icalendar import Calendar, Component

from mailer import calendar, messages
from mailer.errors import MailerError
from mailer.mailbox import Delivered, MailUnreadable, calendar_of, html_of, text_of
from store import session_keys, times
from store.facts import CANCELLED, Facts, HandOver

CHANGED = (
    "find what changes mails on their way (the provider's or relay's tracking, footers, scanners), switch it off,"
    " and mail the candidate again by booking another time."
)
TRACKING = "switch off click and open tracking (link rewriting) at the mail provider, then mail again."
FOREIGN_KEY = "tell the candidate not to use this mail, and have the key that it holds revoked."

_SHAPE = ("multipart/alternative", "text/plain", "text/html", "text/calendar")
_ONCE = ("from", "to", "subject", "date", "message-id")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*://[^\s<>\"'\\]*", re.IGNORECASE)
_DETAIL = re.compile(r"^- ([^:\n]{1,40}): (.*)$", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]")
_TARGETS = ("href", "src", "srcset", "action", "background", "poster")
# What a malformed header or calendar value raises when it is read.
_MALFORMED = (ValueError, LookupError, AttributeError, TypeError)


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

    @property
    def key(self) -> str:
        return self.link.rpartition("=")[2]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A delivered mail, decoded. `details` are the labelled lines of a part, the first of each label."""

    headers: dict[str, list[str]]
    shape: tuple[str, ...]
    method: str
    text: str
    html: "_Html"
    calendar: str

    def everything(self) -> str:
        headers = "\n".join(value for values in self.headers.values() for value in values)
        return "\n".join((headers, self.text, self.html.everything, self.calendar))


def problems_of(copies: Sequence[Delivered], booked: Booked) -> list[Problem]:
    """Everything about a delivered mail that is not as booked; empty for a proven one.

    `copies` are the mails found under its Message-ID, at least one.
    """
    try:
        found = list(_of_copies(copies, booked))
        mail = _read(copies[0])
    except MailUnreadable as error:
        return [Problem("unreadable", error.args[0])]
    found += _of_headers(mail, booked)
    found += _of_links(mail, booked)
    found += _of_keys(mail, booked)
    found += _of_words(mail, booked.facts)
    found += _of_calendar(mail, booked)
    return list(dict.fromkeys(found))


def _read(mail: Delivered) -> _Reading:
    try:
        return _parsed(mail.message)
    except (MessageError, *_MALFORMED) as error:
        raise MailUnreadable(f"The mail cannot be parsed ({type(error).__name__}).", path=mail.path) from error


def _parsed(message: EmailMessage) -> _Reading:
    headers: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        headers.setdefault(name.lower(), []).append(_unfolded(str(value)))
    parts = list(message.walk())
    event = next((part for part in parts if part.get_content_type() == "text/calendar"), None)
    return _Reading(
        headers,
        tuple(part.get_content_type() for part in parts),
        str(event.get_param("method", "")) if event is not None else "",
        (text_of(message) or "").replace("\r\n", "\n"),
        _Html(html_of(message) or ""),
        _FOLD.sub("", calendar_of(message) or ""),
    )


def _unfolded(value: str) -> str:
    # An internationalised header is UTF-8, which the parser keeps as escaped bytes (RFC 6532).
    value = value.encode("ascii", "surrogateescape") if not value.isascii() else value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text.replace("\r", "").replace("\n", "").strip()


class _Html(HTMLParser):
    """What the HTML part shows and points at."""

    def __init__(self, source: str):
        super().__init__()
        self.targets: list[str] = []
        self._others: list[str] = []
        self._items: list[str] = []
        self._in_item = False
        self.feed(source)
        self.close()

    @property
    def everything(self) -> str:
        return "\n".join((*self.targets, "".join(self._others)))

    @property
    def addresses(self) -> set[str]:
        return {*self.targets, *_ADDRESS.findall("".join(self._others))}

    @property
    def lines(self) -> str:
        return "\n".join("- " + " ".join(item.split()) for item in self._items)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in _TARGETS:
                self.targets.append(value or "")
            else:
                self._others.append(f" {value} ")
        if tag == "li":
            self._in_item = True
            self._items.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "li":
            self._in_item = False

    def handle_data(self, data: str) -> None:
        self._others.append(data)
        if self._in_item:
            self._items[-1] += data

    def handle_comment(self, data: str) -> None:
        self._others.append(f" {data} ")


def _of_copies(copies: Sequence[Delivered], booked: Booked) -> Iterator[Problem]:
    if len(copies) > 1 and len({copy.sent for copy in copies}) > 1:
        yield Problem("copies", f"It was delivered {len(copies)} times, and the copies differ.")
    for copy in copies:
        if copy.recipient_envelope != booked.recipient:
            told = copy.recipient_envelope or "nobody that the mailbox names"
            fix = "find out what redirects mails on their way, and tell whoever got it not to open the link."
            yield Problem("envelope", f"It was delivered to {told} instead of the booked address.", fix)


def _of_headers(mail: _Reading, booked: Booked) -> Iterator[Problem]:
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
    if _one(given, "return-path") != f"<{booked.hand_over.from_address}>":
        yield Problem("sender", "The envelope's sender is not the From address.")
    wanted, said = messages.subject(booked.facts), _decoded(_one(given, "subject"))
    if said != wanted:
        yield Problem("subject", f"Its subject is {said[:120]!r} instead of {wanted[:120]!r}.")
    if mail.shape != _SHAPE:
        yield Problem("parts", f"Its parts are {', '.join(mail.shape)[:200]} instead of text, HTML and calendar.")


def _one(headers: dict[str, list[str]], name: str) -> str:
    return headers.get(name, [""])[0]


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def _of_links(mail: _Reading, booked: Booked) -> Iterator[Problem]:
    parts = {
        "text": set(_ADDRESS.findall(mail.text)),
        "HTML": mail.html.addresses,
        "calendar": set(_ADDRESS.findall(mail.calendar)),
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


def _of_keys(mail: _Reading, booked: Booked) -> Iterator[Problem]:
    own = set() if booked.facts.kind == CANCELLED else {booked.key}
    if {key.lower() for key in session_keys.SESSION_KEY.findall(mail.everything())} - own:
        yield Problem("key", "It holds a session_key that it must not hold.", FOREIGN_KEY)


def _of_words(mail: _Reading, facts: Facts) -> Iterator[Problem]:
    for part, lines in (("text", mail.text), ("HTML", mail.html.lines)):
        said = dict(reversed(_DETAIL.findall(lines)))
        for label, words in _wanted(facts, said).items():
            if said.get(label) != words and not said.get(label, "").startswith(f"{words} ("):
                shown = repr(said[label][:80]) if label in said else "nothing"
                yield Problem("time", f"The {part} says {shown} as {label}, the record says {words!r}.")


def _wanted(facts: Facts, said: dict[str, str]) -> dict[str, str]:
    length = (facts.ends_at - facts.starts_at).total_seconds()
    date, clock = _clock(facts.starts_at, facts.timezone)
    wanted = {"Date": date, "Time": clock, "Duration": times.duration_words(length)}
    if "In India" in said:
        wanted["In India"] = ", ".join(_clock(facts.starts_at, messages.INDIA))
    if "Your local time" in said:
        wanted["Your local time"] = ", ".join(_clock(facts.starts_at, facts.candidate_timezone or "UTC"))
    if facts.previous_starts_at is not None:
        wanted["Old time"] = ", ".join(_clock(facts.previous_starts_at, facts.timezone))
    return wanted


def _clock(moment: datetime, zone_name: str) -> tuple[str, str]:
    return times.date_words(moment, zone_name), times.time_words(moment, zone_name)


class _NoEvent(MailerError):
    """The calendar part does not hold one event that can be read."""


def _of_calendar(mail: _Reading, booked: Booked) -> Iterator[Problem]:
    try:
        whole = Calendar.from_ical(mail.calendar)
        event = _only_event(whole)
        said = {name: str(component[name]) for name, component in _properties(whole, event)}
        said |= {name: _instant(event, name) for name in ("DTSTART", "DTEND")}
    except _NoEvent as error:
        yield Problem("calendar", str(error))
        return
    except _MALFORMED as error:
        yield Problem("calendar", f"The calendar cannot be read ({type(error).__name__}).")
        return
    for name, wanted in _calendar_wanted(booked).items():
        if said[name] != wanted:
            yield Problem("calendar", f"The calendar says {said[name][:100]} as {name}, the record says {wanted}.")
    if mail.method != said["METHOD"]:
        what = f"The calendar's METHOD is {said['METHOD'][:40]}, but its Content-Type says {mail.method[:40] or 'none'}."
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
