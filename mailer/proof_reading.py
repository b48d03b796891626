"""One delivered mail, decoded for checking: its headers, words, addresses and calendar. It judges nothing."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import cast

from mailer.mailbox import Delivered, MailUnreadable, calendar_of, html_of, text_of

ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*://[^\s<>\"'\\]*", re.IGNORECASE)
MALFORMED = (ValueError, LookupError, AttributeError, TypeError)
"""What a malformed header or calendar value raises when it is read."""

DELIVERY_HEADERS = frozenset((
    "received", "return-path", "delivered-to", "envelope-to", "delivery-date", "received-spf",
    "authentication-results", "dkim-signature", "domainkey-signature",
))  # fmt: skip
"""What servers put on top of a mail while it travels (RFC 5321 section 4.4); it changes nothing that is read."""

_DELIVERY_PREFIXES = ("x-", "arc-")


# Signatures are long random text, in which every few dozen mails something looks like a key; keys do not mix cases.
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{40,}", re.ASCII)


def _without_random(value: str) -> str:
    return _RANDOM.sub(lambda word: word[0] if word[0] in (word[0].lower(), word[0].upper()) else "", value)


def is_of_delivery(name: str) -> bool:
    """Whether a header, by its name in lower case, is one that servers add; no mail of ours is sent with one."""
    return name in DELIVERY_HEADERS or name.startswith(_DELIVERY_PREFIXES)


_PARTS = {"text/plain": "text", "text/html": "HTML", "text/calendar": "calendar"}
_ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64")
_FOLD = re.compile(r"\r?\n[ \t]")
_TARGETS = ("href", "src", "srcset", "action", "background", "poster")


@dataclass(frozen=True, slots=True)
class Reading:
    """A delivered mail. Headers are by lower-case name, undecoded; `method` is that of the calendar's Content-Type.

    The calendar is unfolded.
    """

    headers: dict[str, list[str]]
    shape: tuple[str, ...]
    method: str
    text: str
    html: "Html"
    calendar: str

    def everything(self) -> str:
        """All that the mail holds, decoded, for a search."""
        headers = "\n".join(
            _without_random(decoded(value)) if is_of_delivery(name) else decoded(value)
            for name, values in self.headers.items()
            for value in values
        )
        return "\n".join((headers, self.text, self.html.everything, self.calendar))


def read(mail: Delivered) -> Reading:
    """The mail, decoded. Raises MailUnreadable."""
    try:
        return _parsed(mail.message)
    except (MessageError, *MALFORMED) as error:
        raise MailUnreadable(f"The mail cannot be parsed ({type(error).__name__}).", path=mail.path) from error


def _parsed(message: EmailMessage) -> Reading:
    # Each look at a part's type parses its header anew, so it is taken once.
    types = [(part.get_content_type(), cast(EmailMessage, part)) for part in message.walk()]
    parts = dict(reversed(types))
    event = parts.get("text/calendar")
    return Reading(
        _headers(message),
        tuple(content_type for content_type, _ in types),
        str(event.get_param("method", "")) if event is not None else "",
        _words(text_of, parts.get("text/plain")).replace("\r\n", "\n"),
        Html(_words(html_of, parts.get("text/html"))),
        _FOLD.sub("", _words(calendar_of, event)),
    )


def _headers(message: EmailMessage) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        headers.setdefault(name.lower(), []).append(_unfolded(str(value)))
    return headers


def pieces(message: EmailMessage) -> dict[str, object]:
    """A mail of text, HTML and calendar by named pieces, to be compared with another's.

    Two mails have equal pieces if they differ only in line ends, folding, the encoding of their parts, and what
    delivery puts on top. Raises MALFORMED and MessageError for one that cannot be taken apart.
    """
    own = {name: values for name, values in _headers(message).items() if not is_of_delivery(name)}
    found: dict[str, object] = {f"{name.title()} header": values for name, values in own.items()}
    for part in cast(Iterator[EmailMessage], message.iter_parts()):
        name = _PARTS.get(part.get_content_type(), "other part")
        headers = _headers(part)
        encodings = [value.lower() in _ENCODINGS for value in headers.pop("content-transfer-encoding", ["7bit"])]
        found[name] = part.get_payload(decode=True).replace(b"\r\n", b"\n").rstrip(b"\n")
        found[f"{name}'s headers"] = headers, encodings
    # Decoding above adds to the defects.
    found["structure"] = [type(defect).__name__ for part in message.walk() for defect in part.defects]
    found["words around the parts"] = [(words or "").strip() for words in (message.preamble, message.epilogue)]
    return found


def _words(reader: Callable[[EmailMessage], str | None], part: EmailMessage | None) -> str:
    return "" if part is None else reader(part) or ""


def _unfolded(value: str) -> str:
    # An internationalised header is UTF-8, which the parser keeps as escaped bytes (RFC 6532).
    value = value.encode("ascii", "surrogateescape") if not value.isascii() else value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text.replace("\r", "").replace("\n", "").strip()


def decoded(value: str) -> str:
    """A header's value as people read it (RFC 2047); as it stands if it cannot be decoded."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


class Html(HTMLParser):
    """What the HTML part shows and points at: `addresses` are its web addresses and targets, `lines` its list items."""

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
        return {*self.targets, *ADDRESS.findall("".join(self._others))}

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
