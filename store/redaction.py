"""What others must never read is taken out here: keys, passwords, tokens, addresses. The last guard, not the first."""

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType

from store import key_patterns
from store.known_secrets import HIDDEN, KnownSecrets

__all__ = ["HIDDEN", "RedactedStream", "RedactingFormatter", "ask_later", "beginning", "hide_values", "install_excepthook",
           "known_values", "masked_address", "one_line", "redact"]  # fmt: skip

# Every sign beyond ASCII may spell a local part or a domain: \w misses the vowel signs of Indic scripts.
# Bounded, or a long row of quotes would take its square in time. A domain has a letter or digit: `._/+@-` is a list of signs.
_ADDRESS = re.compile(
    r"(?<![\w.+%\-\u0080-\U0010ffff])([\w.+%'\-\u0080-\U0010ffff])[\w.+%'\-\u0080-\U0010ffff@]{0,320}"
    r"@(-*[\w\u0080-\U0010ffff][\w\-\u0080-\U0010ffff]*(?:\.[\w\-\u0080-\U0010ffff]+)*|\[[0-9A-Za-z.:]+\])"
)
_QUOTED_ADDRESS = re.compile(r"\"(?:[^\"\\\r\n]|\\[^\r\n]){1,64}\"@")
# What our own sentences go on with after the name of a setting.
_OWN_WORDS = r"(?!(?<=: )(?:must|is|are|no|not|has|have|needs|cannot|can|the|a|an|it|its|give|set|use)\s)"
_SECRET_NAMES = ("password", "passwd", "secret", "token", "authorization", "cookie", "session_key")
_NAMED_SECRET = re.compile(
    rf"((?:{'|'.join(_SECRET_NAMES)})(?!(?<=token)_(?:command|file)\b)\w*[\"']?\s*[=:]\s*[\"']?)"
    rf"(?!\*\*\*){_OWN_WORDS}(?:(?:basic|bearer)\s+)?[^\s\"',;&]+",
    re.IGNORECASE,
)
_COOKIES = re.compile(r"(cookie[\"']?:\s*)[^\r\n]+", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s/]+@")
# What our own fixes give as examples, to the letter: masked, nobody could tell what to write. None can be anybody's.
_EXAMPLES = ("such as asha@example.com", "Interviews <interviews@DOMAIN>", "postgresql://user:password@host/name")
_EXAMPLE = re.compile(rf"({'|'.join(map(re.escape, _EXAMPLES))})(?=[.,]?(?:[\s\"'\\)]|$))")
_KNOWN = KnownSecrets()
_ASKED_LATER: list[Callable[[], None]] = []
_ASKING, _ASKERS = threading.Lock(), set()


def ask_later(know: Callable[[], None]) -> None:
    """Has `know`, which calls `hide_values`, called before the first text is looked through: not every program comes to it."""
    _ASKED_LATER.append(know)


def _ask() -> None:
    me = threading.get_ident()
    if me in _ASKERS:
        # What is asked may redact, too.
        return
    with _ASKING:
        _ASKERS.add(me)
        try:
            while _ASKED_LATER:
                know = _ASKED_LATER[0]
                know()
                # Last: other threads wait for it, and one that was broken off is asked again.
                _ASKED_LATER.remove(know)
        finally:
            _ASKERS.discard(me)


def hide_values(values: Iterable[str]) -> None:
    """Names secret values of this process (a password, a token), so that `redact` hides them wherever they appear."""
    _KNOWN.add(values)


def known_values() -> set[str]:
    """The secret values that were named so far."""
    _ask()
    return set(_KNOWN.values)


def masked_address(address: str) -> str:
    """`a***@example.com`: enough to recognise, not enough to write to."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if local else HIDDEN


def redact(text: str) -> str:
    """The text without keys, known secrets, named secrets and whole mail addresses; our own examples stay."""
    if _ASKED_LATER:
        _ask()
    text = _KNOWN.hide(text)
    has_example = "@" in text and any(example in text for example in _EXAMPLES)
    if has_example:
        text = _EXAMPLE.sub(lambda found: _veiled(found[0]), text)
    text = key_patterns.hide(text, HIDDEN)
    # Most lines hold nothing of it: the sign that each expression needs is looked for first, at a tenth of its cost.
    if "://" in text:
        text = _URL_PASSWORD.sub(r"\1***@", text)
    if (":" in text or "=" in text) and _names_a_secret(text.casefold()):
        text = _COOKIES.sub(r"\1***", text)
        text = _NAMED_SECRET.sub(r"\1***", text)
    # An address that was masked where the line was made cannot match again, and is the common case.
    if (signs := text.count("@")) and signs != text.count("***@"):
        text = _QUOTED_ADDRESS.sub("***@", text) if '"@' in text else text
        text = _ADDRESS.sub(r"\1***@\2", text)
    for example in _EXAMPLES if has_example else ():
        text = text.replace(_veiled(example), example)
    return text


def beginning(text: str, most: int) -> str:
    """The first signs of a text, without secrets. It is cut last: half a secret would not be known."""
    return redact(text)[:most]


def _veiled(example: str) -> str:
    # Without its @, so that no expression takes it for an address.
    return example.replace("@", "\0")


def _names_a_secret(folded: str) -> bool:
    return any(name in folded for name in _SECRET_NAMES)


def one_line(text: str) -> str:
    """Control characters and line ends as visible escapes, so that one event stays one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, without secrets: UTC time, level, message, always one line."""

    _stamp: tuple[int, str] = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self._time(int(record.created))} {record.levelname} {one_line(redact(record.getMessage()))}"
        if record.exc_info and record.exc_info[1] is not None:
            line += " | " + one_line(redact("".join(traceback.format_exception(record.exc_info[1])).strip()))
        return line

    def _time(self, second: int) -> str:
        # Thousands of lines share a second; the pair is replaced as one, so that threads never see half of it.
        known, stamp = self._stamp
        if known != second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._stamp = (second, stamp)
        return stamp


class RedactedStream:
    """A text stream (stderr, wsgi.errors) that never lets a secret through."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(redact(text))

    def writelines(self, lines: Iterable[str]) -> None:
        self._stream.writelines(redact(line) for line in lines)

    def flush(self) -> None:
        self._stream.flush()


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def install_excepthook() -> None:
    """From now on an uncaught error of this process is printed without secrets."""
    sys.excepthook = _excepthook
