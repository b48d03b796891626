"""Text that people typed, made harmless for mails, pages and tables; and values made fit for a message."""

import unicodedata

from store.redaction import beginning

_UNSAFE = ("Cc", "Cf", "Cs")
_JOINERS = "\u200c\u200d"
_VIRAMA = 9
_FIRST_JOINING_SCRIPT = "\u0590"


def one_line(text: str) -> str:
    """The text on one line: runs of white space and line breaks become one space, NFC.

    Control, format (bidi, zero-width) and surrogate characters go, but ZWNJ and ZWJ stay where Indic, Persian and
    related scripts spell with them. Everything else is kept as it is, `=?utf-8?q?...?=` and formulas too.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = _composed(text)
    # Again until nothing goes: what goes can bring a joiner beside another sign.
    while not text.isprintable() and (safe := _composed(_safe_signs(text))) != text:
        text = safe
    return text


def lines(text: str) -> str:
    """The text with each line as `one_line` makes it; line breaks of any kind become LF, none at start and end."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip("\n")


def quoted(text: str) -> str:
    """A value for a message: at most 60 characters of it, every unprintable one escaped."""
    return repr(text) if len(text) <= 60 else repr(beginning(text, 60)) + "..."


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _safe_signs(text: str) -> str:
    return "".join(sign for place, sign in enumerate(text) if _is_safe(text, place))


def _is_safe(text: str, place: int) -> bool:
    sign = text[place]
    if sign in _JOINERS:
        return _is_spelt_with(text[place - 1 : place], text[place + 1 : place + 2])
    return sign.isprintable() or unicodedata.category(sign) not in _UNSAFE


def _is_spelt_with(before: str, after: str) -> bool:
    """Whether a joiner between these two shapes a letter; after a virama it does so at a word's end, too."""
    if before < _FIRST_JOINING_SCRIPT:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return after >= _FIRST_JOINING_SCRIPT and all(unicodedata.category(sign)[0] in "LM" for sign in (before, after))
