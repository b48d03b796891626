"""The quality of a finished mail, by rule: will mail programs show it, whole, and will filters let it pass?

That it is the right mail is held by `seal`; rules for its HTML are in `html_rules`, the spam score in `spamassassin`.
"""

from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from typing import cast

from mailer.proof_reading import ADDRESS, MALFORMED
from mailer.quality import html_rules, spamassassin
from mailer.quality.html_page import Page
from store.errors import Finding

LARGEST = 100_000
"""Octets: Gmail shows the first 102 kB of a mail, and cuts the rest off, the link perhaps with it."""
SUBJECT_CHARS = 100
LINE_OCTETS = 998  # RFC 5322 section 2.1.1
_SHAPE = ["text/plain", "text/html", "text/calendar"]
_TEMPLATES = "correct mailer/templates, then run the test again."
Spam = Callable[[bytes], list[Finding]]


def check_message(message: bytes, *, spam: Spam | None = spamassassin.findings) -> list[Finding]:
    """Every rule that a finished mail breaks, the gravest kinds first; empty for a good one.

    `spam` rates it where SpamAssassin is installed, which takes seconds; None leaves that out.
    """
    found = list(_of_octets(message))
    try:
        mail = cast(EmailMessage, message_from_bytes(message, policy=policy.default))
        found += _of_headers(mail)
        found += _of_parts(mail)
    except (MessageError, *MALFORMED) as error:
        what = f"The mail cannot be taken apart ({type(error).__name__}), and mail programs will not do better."
        return [*found, Finding("unreadable", what, _TEMPLATES)]
    return found + (spam(message) if spam is not None else [])


def _of_octets(message: bytes) -> Iterator[Finding]:
    if len(message) > LARGEST:
        what = f"The mail has {len(message)} octets; Gmail cuts off what is beyond 102 kB."
        yield Finding("size", what, "shorten booking_notes, or the templates.")
    if any(len(line) > LINE_OCTETS for line in message.split(b"\r\n")):
        yield Finding(
            "line_length", f"A line is longer than {LINE_OCTETS} octets, so servers may break it.", _TEMPLATES
        )
    if len(message.replace(b"\r\n", b"").translate(None, b"\r\n")) != len(message.replace(b"\r\n", b"")):
        yield Finding("line_ends", "A line does not end in CRLF, which servers refuse or take for the end.", _TEMPLATES)


def _of_headers(mail: EmailMessage) -> Iterator[Finding]:
    if str(mail.get("Auto-Submitted", "")).lower() != "auto-generated":
        what = "The mail does not say that a program sent it, so out-of-office replies come back."
        yield Finding("auto_submitted", what, "send the header Auto-Submitted: auto-generated (RFC 3834).")
    # An invitation of one person to one interview is no subscription: there is no list to leave, mail programs would
    # show a button for it above the invitation, and who pressed it would miss the mail that moves the interview.
    if any(name.lower().startswith("list-") or name.lower() == "precedence" for name, _ in mail.items()):
        what = "The mail has headers of a mailing list (List-Unsubscribe, Precedence), but it is to one person."
        yield Finding("list_headers", what, "leave them out: there is no list that a candidate could leave.")
    subject = str(mail.get("Subject", ""))
    if not 0 < len(subject.strip()) <= SUBJECT_CHARS:
        what = f"The subject has {len(subject)} characters; mail programs show at most {SUBJECT_CHARS}."
        yield Finding("subject_length", what, "shorten job_title or company_name.")
    for name in ("From", "To", "Date", "Message-ID"):
        if len(mail.get_all(name, [])) != 1:
            yield Finding("headers", f"The mail has {len(mail.get_all(name, []))} {name} headers, not one.", _TEMPLATES)


def _of_parts(mail: EmailMessage) -> Iterator[Finding]:
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    if mail.get_content_type() != "multipart/alternative" or list(parts) != _SHAPE:
        what = f"The mail is made of {', '.join(parts)[:200]}, not of text, HTML and calendar in this order."
        yield Finding("parts", what, "make it of the same parts as mailer/messages does.")
        return
    text, html, calendar = (str(part.get_content()) for part in parts.values())
    page = Page(html)
    yield from html_rules.findings(page)
    yield from _of_links(page, text, is_cancelled="\nMETHOD:CANCEL" in calendar.replace("\r", ""))
    yield from _of_text(page, text, str(mail.get("Subject", "")))


def _of_links(page: Page, text: str, *, is_cancelled: bool) -> Iterator[Finding]:
    links = {element.attributes["href"] for element in page.of("a", "area") if "href" in element.attributes}
    wanted, given = 0 if is_cancelled else 1, len(links | set(ADDRESS.findall(text)))
    if given != wanted or len(links) != wanted:
        what = f"The mail has {given} different links, not {wanted}: readers and filters must not have to choose."
        yield Finding(
            "one_link", what, "leave only the interview's own link in text and HTML (none in a cancellation)."
        )


def _of_text(page: Page, text: str, subject: str) -> Iterator[Finding]:
    """The text part is all that some readers, watches and screen readers have: it says what the HTML says."""
    said = " ".join(text.split())
    for block in page.blocks:
        is_said = block.words in said or block.words in subject or (block.target and block.target in text)
        if not is_said:
            what = f"The text part lacks what the HTML says: {block.words[:60]!r}."
            yield Finding("text_incomplete", what, "say it in mailer/templates/text.tpl too.")
