"""One mail in a mailbox on a mail server: what servers put on top of it told apart from what was sent. No IMAP here."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from functools import cached_property
from pathlib import Path
from typing import cast

from mailer.mailbox import Delivered
from mailer.proof_reading import is_of_delivery

# The address that was written to, before any alias; then where it ended up.
ENVELOPE_HEADERS = ("x-original-to", "x-gm-original-to", "x-envelope-to", "envelope-to", "delivered-to")
METHODS = ("spf", "dkim", "dmarc")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)\r?\n")
_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
_RECEIVED_SPF = re.compile(r"\s*([a-z]+)", re.IGNORECASE)


@dataclass(frozen=True)
class RemoteMail(Delivered):
    """A mail on a server; `path` is its folder and number there, `arrived_at` is aware UTC, as the server says."""

    fetch: Callable[[], bytes] = field(repr=False, kw_only=True)
    folder: str = field(kw_only=True)
    is_spam: bool = field(kw_only=True)
    arrived_at: datetime = field(kw_only=True)

    @cached_property
    def raw(self) -> bytes:
        """The whole mail as the server gives it. Raises ImapRefused and MailUnreadable."""
        return self.fetch()

    @property
    def sent(self) -> bytes:
        """The message as the sender handed it over, without the lines that servers put on top."""
        return without_trace(self.raw)

    @cached_property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.raw, policy=policy.default))

    @cached_property
    def authentication(self) -> dict[str, str]:
        """What the receiving server found of the sender: results of spf, dkim and dmarc (RFC 8601), by method."""
        return authentication_of(headers_of(self.raw))


def headers_of(octets: bytes) -> list[tuple[str, str]]:
    """The header's fields in order, names in lower case, values unfolded."""
    found, at = [], 0
    while one := _FIELD.match(octets, at):
        value = one[2].replace(b"\r", b"").replace(b"\n", b"").strip().decode("utf-8", "replace")
        found.append((one[1].decode("ascii").lower(), value))
        at = one.end()
    return found


def without_trace(raw: bytes) -> bytes:
    """The mail from its first line on that no server has put on top."""
    at = 0
    while (one := _FIELD.match(raw, at)) and is_of_delivery(one[1].decode("ascii").lower()):
        at = one.end()
    return raw[at:]


def recipient_of(headers: list[tuple[str, str]], own_address: str) -> str:
    """The envelope recipient: what the delivery says, else the To header if that is the mailbox's own address.

    In the spelling of the To header if they are the same address, since servers may change its case.
    """
    written = [address for _, address in getaddresses([value for name, value in headers if name == "to"])]
    told = [value.strip("<> ") for wanted in ENVELOPE_HEADERS for name, value in headers if name == wanted]
    traced = {address.casefold() for address in told or [own_address]}
    return next((address for address in written if address.casefold() in traced), told[0] if told else "")


def authentication_of(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Results by method. Only the topmost server's own count: anybody can write such a header further down."""
    results: dict[str, str] = {}
    fields = [value for name, value in headers if name == "authentication-results"]
    judge = _judge(fields[0]) if fields else ""
    for value in fields:
        if _judge(value) != judge:
            break
        for method, result in _RESULT.findall(_COMMENT.sub("", value.partition(";")[2])):
            _note(results, method.lower(), result.lower())
    received = next((value for name, value in headers if name == "received-spf"), "")
    if "spf" not in results and (found := _RECEIVED_SPF.match(received)):
        results["spf"] = found[1].lower()
    return {method: results[method] for method in METHODS if method in results}


def _judge(value: str) -> str:
    return value.partition(";")[0].split(" ")[0].casefold()


def _note(results: dict[str, str], method: str, result: str) -> None:
    # One good signature of several is enough (RFC 6376 section 6.1).
    if results.get(method) != "pass":
        results[method] = result


def place(folder: str, uid: int | None = None) -> Path:
    """Where a mail or a folder is, for people."""
    return Path(folder or "-", *([] if uid is None else [str(uid)]))
