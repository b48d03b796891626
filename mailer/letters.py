"""A finished mail on its way to a server, and what became of it. The conversation itself is in `smtp`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailer.errors import Failure

# No space, control, bracket, quote or separator in any script: nothing that could begin a second command or address.
_UNSAFE = r"\x00-\x20\x7f-\xa0<>()\[\]\\\",:;@\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
_PATH = re.compile(rf"[^{_UNSAFE}]{{1,64}}@[A-Za-z0-9.-]{{1,253}}")
ENVELOPE_CHARS = 254
_NO_BREAKS = bytes(octet for octet in range(256) if octet not in b"\r\n")
_DOT_FIRST = re.compile(rb"\n\.")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail with its one envelope recipient. Raises ValueError if its envelope or lines are unsafe to write.

    `data` has CRLF line ends and is not dot-stuffed. `before_dot` is asked once, right before the envelope is
    written: False withholds the mail, and a mail that it lets go has its final dot out within the account's
    `deadline` seconds, or never.
    """

    id: object
    sender: str
    recipient: str
    data: bytes
    before_dot: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        for path in (self.sender, self.recipient):
            if len(path) > ENVELOPE_CHARS or not _PATH.fullmatch(path):
                raise ValueError("an envelope address has characters that must not be written to a mail server")
        if len(self.data.translate(None, _NO_BREAKS)) != 2 * self.data.count(b"\r\n"):
            raise ValueError("a mail has a bare CR or LF, which could end it early")

    def payload(self) -> bytes:
        """What follows DATA: dot-stuffed (RFC 5321 section 4.5.2) and ended by the final dot."""
        stuffed = self.data.replace(b"\r\n.", b"\r\n..") if _DOT_FIRST.search(self.data) else self.data
        start = b"." if stuffed.startswith(b".") else b""
        end = b".\r\n" if not stuffed or stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        return b"".join((start, stuffed, end))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one letter.

    `dotted` says whether its final dot may have gone out: without it the mail was surely not sent; with it and
    without a reply (failure at phase dot, kind not reply) nobody knows. Neither accepted nor a failure: withheld.
    `reply` is the server's answer to the final dot.
    """

    letter_id: object
    accepted: bool
    failure: Failure | None
    dotted: bool
    reply: str = ""

    @property
    def withheld(self) -> bool:
        return not self.accepted and self.failure is None
