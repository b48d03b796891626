"""The last look at a finished mail: only the one allowed shape leaves. What it says is made in `messages`."""

import re
from binascii import a2b_base64, a2b_qp

from mailer.calendar import attendee_line, organizer_line
from mailer.errors import MailerError
from store import session_keys

_ADDRESS = re.compile(rb"://")
_KEY = re.compile(session_keys.SESSION_KEY.pattern.encode())
_WORD = re.compile(rb"=\?utf-8\?b\?((?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?)\?=(?:\r\n )?", re.IGNORECASE)

_PHRASE = (
    rb"(?:\"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*\""
    rb"|[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]++(?:(?:\r\n)? [A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]++)*)"
)


def part(name: bytes, content_type: bytes) -> bytes:
    """The expression for one part with its delimiter; its body and encoding are groups of that name."""
    # A line of a body never begins like a boundary: 7bit bodies hold no `=_`, and encoded ones no bare `=`.
    return (
        rb"--(?P=boundary)\r\n"
        rb"Content-Type: " + content_type + rb"; charset=utf-8\r\n"
        rb"Content-Transfer-Encoding: (?P<" + name + rb"_encoding>7bit|quoted-printable)\r\n\r\n"
        rb"(?P<" + name + rb">(?:(?!--=_)[\x01-\x09\x0b\x0c\x0e-\x7f]{0,998}+\r\n)+)"
    )


HEADERS = (
    rb"From: (?:" + _PHRASE + rb"(?:\r\n)? <(?P<sender>[^\x00-\x20\x7f-\xff<>]++)>"
    rb"|(?P<bare_sender>[^\x00-\x20\x7f-\xff<>\"]++))\r\n"
    rb"To: (?P<recipient>[^\x00-\x20\x7f<>,;:\"]{3,990}+)\r\n"
    rb"Subject: [\x20-\x7e]{1,900}+(?:\r\n [\x20-\x7e]{1,900}+)*\r\n"
    rb"Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} \+0000\r\n"
    rb"Message-ID: <[!-;=?-~]{3,900}+>\r\n"
    rb"MIME-Version: 1\.0\r\n"
    rb"Auto-Submitted: auto-generated\r\n"
    rb"Content-Type: multipart/alternative;\r\n boundary=\"(?P<boundary>=_[0-9a-f]{20,64}+)\"\r\n\r\n"
)
"""The expression for all headers, in the one order they may have, up to the first part."""
END = rb"--(?P=boundary)--\r\n"
_SHAPE = re.compile(
    HEADERS
    + part(b"text", rb"text/plain")
    + part(b"html", rb"text/html")
    + part(b"calendar", rb"text/calendar; method=(?P<method>REQUEST|CANCEL)")
    + END
)


class Unsealed(MailerError):
    """The finished mail is not what may leave, and it was not sent. `reason` is a stable word."""

    fix = "do not send it by hand; check the booking's texts and mailer/templates, then queue it again."

    def __init__(self, reason: str, what: str):
        super().__init__(f"The finished mail was held back: {what}.")
        self.reason, self.what = reason, what


def seal(message: bytes, *, recipient: str, sender: str, link: str | None) -> None:
    """Returns only for a mail of the allowed shape, to `recipient`, from the address `sender`, with `link`.

    `link` is the booked one, or None for a cancelled mail. Raises Unsealed.
    """
    shape = shaped(_SHAPE, message, recipient, sender)
    if (shape["method"] == b"CANCEL") is not (link is None):
        raise Unsealed("method", "the calendar's method does not fit the kind of mail")
    text, html = decoded(shape, "text"), decoded(shape, "html")
    calendar = decoded(shape, "calendar").replace(b"\r\n ", b"")
    _check_calendar(calendar, shape["method"], recipient, sender)
    if link is not None:
        _check_link(text, html, calendar, link.encode())
    # Joined by what no key holds; lower, since keys are read whatever their case.
    _check_others(b"\n".join((header(message, shape), text, html, calendar)).lower(), link)


def shaped(shape: re.Pattern[bytes], message: bytes, recipient: str, sender: str) -> re.Match[bytes]:
    """The message's match with this shape, if it goes to `recipient` alone and comes from `sender`. Raises Unsealed."""
    found = shape.fullmatch(message)
    if found is None:
        raise Unsealed("shape", _fault(message))
    if found["recipient"] != recipient.encode():
        raise Unsealed("recipient", "To is not the one stored recipient")
    if (found["sender"] or found["bare_sender"]) != sender.encode():
        raise Unsealed("sender", "From is not the account's address")
    return found


def decoded(shape: re.Match[bytes], part: str) -> bytes:
    """The octets of a part, without its transfer encoding."""
    # Decoding also joins what soft line breaks have split.
    return shape[part] if shape[f"{part}_encoding"] == b"7bit" else a2b_qp(shape[part])


def header(message: bytes, shape: re.Match[bytes]) -> bytes:
    """All headers, with the encoded words in them decoded."""
    whole = message[: shape.start("boundary")]
    return _WORD.sub(lambda word: a2b_base64(word[1]), whole) if b"=?" in whole else whole


def _check_calendar(calendar: bytes, method: bytes, recipient: str, sender: str) -> None:
    if calendar.count(b"\nMETHOD:") != 1 or b"\nMETHOD:%b\r" % method not in calendar:
        raise Unsealed("method", "the calendar's method is not the Content-Type's")
    people = f"\n{organizer_line(sender)}\r\n{attendee_line(recipient)}\r".encode()
    if people not in calendar or calendar.count(b"\nORGANIZER") != 1 or calendar.count(b"\nATTENDEE") != 1:
        raise Unsealed("attendee", "the calendar names somebody other than recipient and sender")


def _check_link(text: bytes, html: bytes, calendar: bytes, link: bytes) -> None:
    if b"\n%b\r" % link not in text or b'href="%b"' % link not in html or b" %b\r" % link not in calendar:
        raise Unsealed("link", "the booked link is missing or changed")


def _check_others(whole: bytes, link: str | None) -> None:
    keys = [] if link is None else [link.rpartition("=")[2].lower().encode()] * 3
    if len(_ADDRESS.findall(whole)) != len(keys):
        raise Unsealed("address", "it holds a web address besides the booked link")
    if _KEY.findall(whole) != keys or whole.count(b"session_key") != len(keys):
        raise Unsealed("key", "it holds a session_key that is not this booking's")


def _fault(message: bytes) -> str:
    if b"\0" in message:
        return "it holds a NUL"
    if b"\n" in message.replace(b"\r\n", b"") or b"\r" in message.replace(b"\r\n", b""):
        return "it holds a bare line end"
    if any(len(line) > 998 for line in message.split(b"\r\n")):
        return "a line is longer than 998 octets"
    return "its headers or parts are not the allowed ones"
