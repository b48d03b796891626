"""The calendar part of a mail (RFC 5545, RFC 5546). Its description's words live in the templates."""

from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from mailer.parts import newlines, safe_line
from store import times
from store.facts import CANCELLED, Facts

PRODUCT = "-//Interview Ops//Interview Ops//EN"
LINE_OCTETS = 75  # RFC 5545 section 3.1


def method(facts: Facts) -> str:
    """`REQUEST`, or `CANCEL` for a cancelled interview; the Content-Type says the same (RFC 6047 2.4)."""
    return "CANCEL" if facts.kind == CANCELLED else "REQUEST"


def event(facts: Facts, *, stamp: datetime, organizer: str, description: str) -> str:
    """The whole part: one event in UTC, folded, ending in CRLF. `organizer` is the From address."""
    wanted = method(facts)
    words = _text(summary(facts))
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        f"METHOD:{wanted}",
        "BEGIN:VEVENT",
        _folded(f"UID:{_text(facts.calendar_uid)}"),
        f"DTSTAMP:{_stamp(stamp)}",
        f"DTSTART:{_stamp(facts.starts_at)}",
        f"DTEND:{_stamp(facts.ends_at)}",
        f"SEQUENCE:{facts.sequence:d}",
        f"STATUS:{'CANCELLED' if wanted == 'CANCEL' else 'CONFIRMED'}",
        _folded(f"SUMMARY:{words}"),
        _folded(f"DESCRIPTION:{_text(description)}"),
        "LOCATION:Online",
        _folded(organizer_line(organizer)),
        _folded(attendee_line(facts.recipient)),
        *(_alarm(facts.opens_before, words) if wanted == "REQUEST" else ()),
        "END:VEVENT",
        "END:VCALENDAR\r\n",
    ]
    return "\r\n".join(lines)


def summary(facts: Facts) -> str:
    """What the calendar shows in its grid."""
    nth = f" (round {facts.round})" if facts.round > 1 else ""
    return safe_line(f"Interview: {facts.job_title} at {facts.company_name}{nth}")


@lru_cache(maxsize=64)
def organizer_line(address: str) -> str:
    """The ORGANIZER property, unfolded."""
    return f"ORGANIZER:{mailto(address)}"


def attendee_line(address: str) -> str:
    """The ATTENDEE property, unfolded. It asks for no reply: answering is done by opening the link."""
    return f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:{mailto(address)}"


def mailto(address: str) -> str:
    """The address as a URI; what is unusual in one is percent-encoded (RFC 6068 section 2)."""
    return "mailto:" + quote(address, safe="@!$'*+")


@lru_cache(maxsize=4096)
def _stamp(moment: datetime) -> str:
    return times.calendar_stamp(moment)


def _alarm(opens_before: int, words: str) -> tuple[str, ...]:
    trigger = f"-PT{opens_before:d}M" if opens_before else "PT0S"
    return ("BEGIN:VALARM", "ACTION:DISPLAY", _folded(f"DESCRIPTION:{words}"), f"TRIGGER:{trigger}", "END:VALARM")


def _text(value: str) -> str:
    # The backslash first: the others add some (RFC 5545 section 3.3.11).
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return newlines(escaped, "\\n")


def _folded(line: str) -> str:
    if len(line) <= LINE_OCTETS and line.isascii():
        return line
    octets = line.encode()
    if len(octets) <= LINE_OCTETS:
        return line
    pieces, start, room = [], 0, LINE_OCTETS
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # a continuation octet of UTF-8: step back to the character's first
            end -= 1
        pieces.append(octets[start:end])
        start, room = end, LINE_OCTETS - 1
    return b"\r\n ".join([*pieces, octets[start:]]).decode()
