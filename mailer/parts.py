"""The bytes of a mail: safe words, headers, encodings, assembly. What the mail says lives in `messages`."""

import re
from base64 import b64encode
from binascii import b2a_qp
from typing import NamedTuple

from store import plain_text

_SCHEME = re.compile(r"(^|[\s(\[<\"'])[a-z][a-z0-9+.\-]*://", re.IGNORECASE)

ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\-\u00a1-\ufffd\U00010000-\U0010ffff]+"
    r"(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\-\u00a1-\ufffd\U00010000-\U0010ffff]+)*"
    r"@[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?",
    re.IGNORECASE | re.ASCII,
)
_BOUNDARY_START = re.compile(rb"=_")  # in a whole body, several times as fast as `in`
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\- ]+")

WORD_OCTETS = 39  # as base64, with `Subject: ` before it, stays inside the 76 characters of RFC 2047 section 2
WORD_CHARS = 60  # a longer one would not stand beside the header's name on its first line
NAME_CHARS = 200  # a longer sender name is encoded, so that it can be folded anywhere
LINE = 76
LINE_OCTETS = 998  # without CRLF, RFC 5322 section 2.1.1


class Part(NamedTuple):
    """One body part: its Content-Type, and its text with any line ends."""

    content_type: str
    text: str


def safe_line(text: str) -> str:
    """The text as one harmless line, with no web address in it that a mail program would make a link of."""
    line = plain_text.one_line(text)
    return plain_text.one_line(_without_schemes(line)) if "://" in line else line


def safe_lines(text: str) -> str:
    """The text with each line as `safe_line` makes it."""
    return "\n".join(map(safe_line, plain_text.lines(text).split("\n"))) if text else ""


def newlines(text: str, end: str) -> str:
    """The text with every kind of line end made the same."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = text.replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return text if end == "\n" else text.replace("\n", end)


def _without_schemes(text: str) -> str:
    # A mail holds one web address, the booked link: another is shown without its scheme.
    return _SCHEME.sub(r"\1", text).replace("://", ": //")


def is_address(address: str) -> bool:
    """Whether the address can stand bare in a header: dot-atoms, ASCII domain, no encoded word."""
    return (
        len(address) <= 320
        and ADDRESS.fullmatch(address) is not None
        and "=?" not in address
        and safe_line(address) == address
    )


def unstructured(name: str, value: str) -> str:
    """A header without its last CRLF; encoded unless plain ASCII (RFC 2047), folded (RFC 5322 2.2.3)."""
    if not value.isascii() or "=?" in value or any(len(word) > WORD_CHARS for word in value.split(" ")):
        return f"{name}: {encoded_words(value)}"
    return _folded(f"{name}: {value}")


def _folded(line: str) -> str:
    if len(line) <= LINE + 2:
        return line
    lines, current = [], ""
    for word in line.split(" "):
        if current and len(current) + 1 + len(word) > LINE + 2:
            lines.append(current)
            current = ""
        current += f" {word}" if current or lines else word
    return "\r\n".join([*lines, current])


def encoded_words(value: str) -> str:
    """The value as folded RFC 2047 words of UTF-8 in base64; no character is split between two words."""
    words, chunk = [], b""
    for mark in value:
        octets = mark.encode()
        if len(chunk) + len(octets) > WORD_OCTETS:
            words.append(chunk)
            chunk = b""
        chunk += octets
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, chunk])


def mailbox(name: str, address: str) -> str:
    """The value of `From`: the bare address, or the name in the form it needs and then the address."""
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > NAME_CHARS:
        return f"{encoded_words(name)}\r\n <{address}>"
    if _ATOMS.fullmatch(name):
        return f"{name} <{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def assemble(headers: list[str], parts: list[Part], boundary: str) -> bytes:
    """The finished message: headers, then the parts, of which the last is preferred (RFC 2046 5.1.4)."""
    content_type = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"'
    pieces = ["\r\n".join([*headers, content_type]).encode(), b"\r\n"]
    delimiter = f"\r\n--{boundary}".encode()
    for part in parts:
        encoding, body = _encoded(part.text)
        head = f"\r\nContent-Type: {part.content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        pieces += (delimiter, head.encode(), body)
    pieces += (delimiter, b"--\r\n")
    return b"".join(pieces)


def _encoded(text: str) -> tuple[str, bytes]:
    # The part ends in CRLF before it is encoded, so that the encoder sees one kind of line end.
    body = (newlines(text, "\r\n").rstrip("\r\n") + "\r\n").encode()
    if body.isascii() and not _BOUNDARY_START.search(body) and _lines_fit(body):
        return "7bit", body
    return "quoted-printable", b2a_qp(body, istext=True, header=False)


def _lines_fit(body: bytes) -> bool:
    # From a line's start, the last line end within one allowed line's reach is the next line's start.
    start = 0
    while len(body) - start > LINE_OCTETS + 2:
        end = body.rfind(b"\n", start, start + LINE_OCTETS + 2)
        if end < 0:
            return False
        start = end + 1
    return True
