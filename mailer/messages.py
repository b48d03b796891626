"""What a mail says, and the finished message. Its bytes are made in `parts`; `seal` says what may leave."""

import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from bottle import SimpleTemplate, TemplateError, html_escape

from mailer import calendar
from mailer.errors import MailerError
from mailer.parts import Part, assemble, is_address, mailbox, safe_line, safe_lines, unstructured
from store import session_keys, times
from store.facts import CANCELLED, INVITATION, RESCHEDULED, Facts, HandOver

TEMPLATES = Path(__file__).resolve().parent / "templates"
HEADINGS = {
    INVITATION: "Interview Scheduled",
    RESCHEDULED: "Interview Rescheduled",
    CANCELLED: "Interview Cancelled",
}
INDIA = "Asia/Kolkata"

_TOKEN = re.compile(r"[0-9a-f]{20,64}")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.\-_]+@[A-Za-z0-9.\-_\[\]:]+>")
# What a template, or a fact of the wrong type, can raise while its words are made.
FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
)


class NotComposed(MailerError):
    """The mail is not made, so it is not sent: something it must say is missing or wrong. `code` names it."""

    def __init__(self, code: str, message: str, fix: str):
        super().__init__(message, fix)
        self.code = code


class Contents(NamedTuple):
    """What one mail says, before any encoding."""

    subject: str
    text: str
    html: str
    calendar: str


class PlainTemplate(SimpleTemplate):
    """Plain text, with nothing to escape. It is given strings and needs no other template, so its code runs bare."""

    escape = staticmethod(str)

    def render(self, said: dict[str, object]) -> str:
        pieces: list[str] = []
        exec(self.co, {**said, "_printlist": pieces.extend, "_escape": self.escape, "_str": str})
        return "".join(pieces)


class HtmlTemplate(PlainTemplate):
    """HTML: every value is escaped. Most come again and again: headings, labels, steps, a batch's job and company."""

    escape = staticmethod(lru_cache(maxsize=4096)(html_escape))


def subject(facts: Facts) -> str:
    """The subject as people read it."""
    return safe_line(f"{HEADINGS[facts.kind]} - {facts.job_title} at {facts.company_name}")


def compose(facts: Facts, hand_over: HandOver, *, message_id: str, token: str, link: str) -> bytes:
    """The finished message: CRLF, 7-bit clean unless the recipient's own address is not; the same every time.

    `token` is at least 20 random hexadecimal characters, kept with the notification. A cancelled mail carries
    no link, whatever `link` says. Raises NotComposed.
    """
    check_envelope(facts.recipient, hand_over, message_id, token, "correct candidate_email.")
    said = contents(facts, hand_over, link)
    headers = [
        from_line(hand_over.from_name, hand_over.from_address),
        f"To: {facts.recipient}",
        unstructured("Subject", said.subject),
        date_line(hand_over.date),
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",
    ]
    parts = [
        Part("text/plain; charset=utf-8", said.text),
        Part("text/html; charset=utf-8", said.html),
        Part(f"text/calendar; method={calendar.method(facts)}; charset=utf-8", said.calendar),
    ]
    return assemble(headers, parts, f"=_{token}")


def contents(facts: Facts, hand_over: HandOver, link: str) -> Contents:
    """Subject, text, HTML and calendar from one context. Raises NotComposed."""
    _check_facts(facts)
    try:
        said = _context(facts, _checked_link(facts, hand_over, link))
        event = calendar.event(
            facts,
            stamp=hand_over.date,
            organizer=hand_over.from_address,
            description=" ".join(template(PlainTemplate, "calendar").render(said).split()),
        )
        text = template(PlainTemplate, "text").render(said).rstrip() + "\n"
        return Contents(subject(facts), text, template(HtmlTemplate, "html").render(said), event)
    except FAULTS as error:
        what = f"The words of the mail cannot be made ({type(error).__name__})."
        fix = "check mailer/templates and the booking's texts, then queue the mail again."
        raise NotComposed("words", what, fix) from error


def check_envelope(recipient: str, hand_over: HandOver, message_id: str, token: str, fix: str) -> None:
    """Raises NotComposed unless the mail can have these headers; `fix` is for a wrong recipient."""
    if not is_address(recipient):
        raise NotComposed("recipient", "The recipient is no address that can be mailed.", fix)
    if not _is_sender(hand_over.from_address):
        raise NotComposed("sender", "The From address cannot be used.", "correct DEFAULT_FROM_EMAIL.")
    if not (_TOKEN.fullmatch(token) and _MESSAGE_ID.fullmatch(message_id)):
        raise NotComposed("token", "The notification has no usable Message-ID and boundary.", "queue the mail again.")


@lru_cache(maxsize=64)
def _is_sender(address: str) -> bool:
    return is_address(address) and address.isascii()


def _check_facts(facts: Facts) -> None:
    if facts.kind not in HEADINGS:
        raise NotComposed("kind", f"{facts.kind!r} is no kind of mail.", f"use one of {', '.join(HEADINGS)}.")
    moments = [facts.starts_at, facts.ends_at]
    if facts.kind == RESCHEDULED:
        moments.append(facts.previous_starts_at)
    if any(not isinstance(moment, datetime) or moment.tzinfo is None for moment in moments):
        raise NotComposed("time", "The interview has no time yet.", "book its slot, then queue the mail again.")
    if facts.ends_at <= facts.starts_at:
        raise NotComposed("time", "The interview ends before it starts.", "correct its slot, then queue it again.")


def _checked_link(facts: Facts, hand_over: HandOver, link: str) -> str:
    if facts.kind == CANCELLED:
        return ""
    key = link.rpartition("=")[2]
    booked = hand_over.backend_url and link == session_keys.link(hand_over.backend_url, key)
    if not booked or not session_keys.SESSION_KEY.fullmatch(key):
        fix = "book the interview first; its link is made from BACKEND_URL and its session_key."
        raise NotComposed("link", "The interview has no link yet.", fix)
    return link


def _context(facts: Facts, link: str) -> dict[str, object]:
    length = (facts.ends_at - facts.starts_at).total_seconds()
    job, company = safe_line(facts.job_title), safe_line(facts.company_name)
    return {
        "heading": HEADINGS[facts.kind],
        "candidate_name": safe_line(facts.candidate_name),
        "company_name": company,
        "lead": _sentences(facts.kind, job_title=job, company_name=company),
        "details": _details(facts, job, company, _duration(length)),
        "link": link,
        "opening": _opening(facts.opens_before, facts.closes_after, facts.closes_after * 60 >= length),
        "steps": _steps(),
        "notes": safe_lines(facts.booking_notes) if link else "",
        "closing": _sentences("closing", link=bool(link)),
    }


@lru_cache(maxsize=1024)
def _sentences(name: str, **given: str | bool) -> str:
    # Rendered as plain text; the HTML layout escapes them like any other value.
    return template(PlainTemplate, name).render(given).strip()


@lru_cache(maxsize=256)
def _duration(seconds: float) -> str:
    return times.duration_words(seconds)


@lru_cache(maxsize=256)
def _opening(opens_before: int, closes_after: int, closes_with_end: bool) -> str:
    return _sentences(
        "opening",
        opens_before=opens_before and times.duration_words(opens_before * 60),
        closes_after=times.duration_words(closes_after * 60),
        closes_with_end=closes_with_end,
    )


@lru_cache(maxsize=1)
def _steps() -> tuple[str, ...]:
    return tuple(_sentences("steps").split("\n"))


def _details(facts: Facts, job: str, company: str, duration: str) -> list[tuple[str, str]]:
    rows = [("Position", job), ("Company", company)]
    if facts.round > 1:
        rows.append(("Round", f"{facts.round:d}"))
    rows += _times(facts)
    rows.append(("Duration", duration))
    if facts.reference:
        rows.append(("Reference", safe_line(facts.reference)))
    return rows


def _times(facts: Facts) -> list[tuple[str, str]]:
    booked = _clock(facts.starts_at, facts.timezone)
    rows = [("Date", booked[0]), ("Time", booked[1] + _place(facts.timezone))]
    shown = {booked}
    for label, name in (("In India", INDIA), ("Your local time", facts.candidate_timezone)):
        if name and (clock := _clock(facts.starts_at, name)) not in shown:
            rows.append((label, f"{clock[0]}, {clock[1]}{_place(name)}"))
            shown.add(clock)
    if facts.kind == RESCHEDULED:
        rows.append(("Old time", ", ".join(_clock(facts.previous_starts_at, facts.timezone)) + _place(facts.timezone)))
    return rows


@lru_cache(maxsize=4096)
def _clock(moment: datetime, zone_name: str) -> tuple[str, str]:
    return times.date_words(moment, zone_name), times.time_words(moment, zone_name)


def _place(zone_name: str) -> str:
    # Letters alone mislead: IST is also Israel's and Ireland's.
    return f" ({zone_name})" if "/" in zone_name else ""


@lru_cache(maxsize=64)
def from_line(name: str, address: str) -> str:
    """The header `From` of the account's sender."""
    return f"From: {mailbox(safe_line(name), address)}"


@lru_cache(maxsize=64)
def date_line(moment: datetime) -> str:
    """The header `Date`, in UTC."""
    return f"Date: {format_datetime(times.to_utc(moment))}"


@lru_cache(maxsize=32)
def template(kind: type[PlainTemplate], name: str) -> PlainTemplate:
    """The template of this name, compiled once."""
    return kind(name=name, lookup=[str(TEMPLATES)])
