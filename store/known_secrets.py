"""Secret values that a process knows, found in a text in every form that a server may give them back in.

What a secret looks like that nobody knows is in `redaction`.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

HIDDEN = "***"
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Sequences that colour a terminal: letters of theirs stand in no word."""

_LEAST_CHARS = 4
"""What is shorter would be found in every text."""
_SPREAD_CHARS, _SPREAD_WORD = 8, 12
"""So many letters and digits are known again between signs; where they may be a word, the second number."""
_OF_ADDRESSES = str.maketrans("+/", "-_")
_LOWER = bytes(range(256)).lower()
_SIGNS = bytes(octet for octet in range(256) if not chr(octet).isalnum() or octet >= 0x80)


class KnownSecrets:
    """Hides values as they are, in base64 (alone or inside of something), in hex, in percent signs and backwards.

    Longer ones are found whatever signs stand between their letters, and in capitals too.
    """

    def __init__(self) -> None:
        self.values: set[str] = set()
        self._exact: tuple[str, ...] = ()
        self._spread: tuple[bytes, ...] = ()

    def add(self, values: Iterable[str]) -> None:
        self.values.update(value for value in values if value and len(value) >= _LEAST_CHARS)
        encoded = {form for value in self.values for form in _encoded(value)} - self.values
        long = {form for form in encoded if len(_letters(form)) >= _SPREAD_CHARS}
        # Longest first: a value that is part of another must not leave the rest of it behind.
        self._exact = tuple(sorted(self.values | (encoded - long), key=len, reverse=True))
        spread = {_letters(form) for form in long | {value for value in self.values if is_no_word(value)}}
        self._spread = tuple(sorted(spread, key=len, reverse=True))

    def hide(self, text: str) -> str:
        """The text with `***` in place of every known secret."""
        for form in self._exact:
            if form in text:
                text = text.replace(form, HIDDEN)
        letters = _letters(text) if self._spread else b""
        for form in self._spread:
            if form in letters:
                text = _without(text, form.decode("ascii"), letters.decode("ascii"))
                letters = _letters(text)
        return text


def _encoded(value: str) -> Iterator[str]:
    octets = value.encode("utf-8", "surrogateescape")
    yield from (quote(octets, safe=""), quote(octets))
    yield from (octets.hex(), octets.hex().upper(), value[::-1])
    for inside, last in in_base64(octets):
        yield from (inside, inside + last)


def in_base64(octets: bytes) -> Iterator[tuple[str, str]]:
    """What is always there of these octets in the base64 of something that holds them, and the sign after it at an end.

    They begin at one of three places in it, and share their first and last sign with their neighbours. Web addresses have
    two other signs (RFC 4648 section 5).
    """
    for before in range(3):
        shared, end = (8 * before + 5) // 6, 8 * (before + len(octets)) // 6
        encoded = base64.b64encode(bytes(before) + octets).decode("ascii").rstrip("=")
        yield from ((form[shared:end], form[end:]) for form in {encoded, encoded.translate(_OF_ADDRESSES)})


def is_no_word(value: str) -> bool:
    """Whether a value is so long that its letters and digits in a row are no chance, whatever is between them."""
    letters = _letters(value)
    return len(letters) >= (_SPREAD_WORD if letters.isalpha() else _SPREAD_CHARS)


def _unescaped(text: str) -> str:
    """The text, as long as before, with nothing but signs where a terminal would be coloured."""
    return ESCAPES.sub(lambda found: "\0" * len(found.group()), text) if "\x1b" in text else text


def _letters(text: str) -> bytes:
    """The letters and digits of ASCII alone, small."""
    return _unescaped(text).encode("ascii", "ignore").translate(_LOWER, _SIGNS)


def _without(text: str, form: str, letters: str) -> str:
    """The text without the letters of this form, wherever they follow each other, and without what is between them."""
    places = [at for at, char in enumerate(_unescaped(text)) if char.isascii() and char.isalnum()]
    shown, done = [], 0
    for found in re.finditer(form, letters):
        shown += [text[done : places[found.start()]], HIDDEN]
        done = places[found.end() - 1] + 1
    return "".join([*shown, text[done:]])
