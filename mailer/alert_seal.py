"""The last look at a finished alert to ops, as `seal` has it for candidates' mails: only the one allowed shape leaves."""

import re

from mailer.seal import END, HEADERS, Unsealed, decoded, header, part, shaped
from store import session_keys

_SHAPE = re.compile(HEADERS + part(b"text", rb"text/plain") + part(b"html", rb"text/html") + END)
# The name alone is no key: a job may be told to take one out of its cells.
_KEY = re.compile(session_keys.SESSION_KEY.pattern.encode() + rb"|session_key=(?!\*\*\*)")
_FIRST_LINE = re.compile(rb"To fix: [^\r\n]+\r\n")


class UnsealedAlert(Unsealed):
    """The finished alert is not what may leave, and it was not sent."""

    fix = "see what failed by python -m notebooks history, and check mailer/templates."


def seal_alert(message: bytes, *, recipient: str, sender: str) -> None:
    """Returns only for an alert of the allowed shape, to `recipient` alone, from the address `sender`.

    It begins with what to do and holds no web address and no session_key. Raises UnsealedAlert.
    """
    try:
        _check(message, recipient, sender)
    except Unsealed as refused:
        raise UnsealedAlert(refused.reason, refused.what) from None


def _check(message: bytes, recipient: str, sender: str) -> None:
    shape = shaped(_SHAPE, message, recipient, sender)
    text, html = decoded(shape, "text"), decoded(shape, "html")
    if not _FIRST_LINE.match(text):
        raise Unsealed("fix", "its first line does not say what to do")
    # Joined by what no key holds; lower, since keys are read whatever their case.
    whole = b"\n".join((header(message, shape), text, html)).lower()
    if b"://" in whole:
        raise Unsealed("address", "it holds a web address")
    if _KEY.search(whole):
        raise Unsealed("key", "it holds a session_key")
