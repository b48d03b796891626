"""One reply of a mail server: its codes, and its words made harmless. What it means is told in `signatures`."""

import re
from dataclasses import dataclass

from store.key_patterns import KEY_CHARS
from store.known_secrets import ESCAPES, HIDDEN
from store.redaction import redact

SHOWN_CHARS = 300
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
# A key may be broken over the lines of a reply, each line beginning with the code again.
_BREAK = r"(?:=?[\r\n]+(?:[245]\.\d{1,3}\.\d{1,3}[ \t]+)?[ \t]*)?"
_BROKEN_KEY = re.compile(rf"k{_BREAK}[0-9a-z](?:{_BREAK}[a-z2-7]){{48}}", re.IGNORECASE | re.ASCII)
# A key with signs between all its letters; a large piece of one, backwards too; and what is longer than any id that
# people quote, so that it may be one in base64 (which spells a key without + and /), in hex or in percent signs.
_SPACED_KEY = re.compile(r"k(?:[^0-9a-z]{1,4}[0-9a-z]){49}", re.IGNORECASE | re.ASCII)
_RUN, _KEY_PIECE = re.compile(r"[0-9A-Za-z]{20,}"), re.compile(r"\w{0,2}[a-z2-7]{20,}\w{0,2}", re.IGNORECASE | re.ASCII)
_LONGEST_ID = 66
_ENCODED = re.compile(rf"[A-Za-z0-9=_%-]{{{_LONGEST_ID},}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: `code` 200 to 599, and the words of its lines without the codes, joined by line breaks."""

    code: int
    words: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code that the words begin with (RFC 2034), or nothing."""
        found = _ENHANCED.match(self.words)
        return found.group() if found else ""

    @property
    def text(self) -> str:
        """The words without enhanced codes, in one harmless line."""
        return cleaned(_without_enhanced(self.words))

    @property
    def line(self) -> str:
        """Code, enhanced code and words as people quote them."""
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


def _without_enhanced(words: str) -> str:
    return "\n".join(
        line[found.end() :].lstrip() if (found := _ENHANCED.match(line)) else line for line in words.split("\n")
    )


def cleaned(text: str) -> str:
    """A server's words made harmless: no session_key, addresses shortened, printable, one line, 300 characters.

    Idempotent, so that cleaned words can pass again.
    """
    return " ".join(harmless(text).split())[:SHOWN_CHARS]


def harmless(text: str) -> str:
    """A server's words without controls, session_keys, known secrets and whole addresses; its lines stay lines."""
    text = without_controls(text)
    if len(text) >= KEY_CHARS:
        text = _SPACED_KEY.sub(HIDDEN, _BROKEN_KEY.sub(HIDDEN, text))
    text = redact(text)
    return _RUN.sub(_without_key, _ENCODED.sub(HIDDEN, text))


def _without_key(found: re.Match[str]) -> str:
    run = found.group()
    return HIDDEN if _KEY_PIECE.fullmatch(run) and not run.isalpha() else run


def without_controls(text: str) -> str:
    """The text without signs that nobody sees, which could cut a secret in two; spaces of any kind stay spaces."""
    if text.isprintable():
        return text
    text = ESCAPES.sub("", text)
    return "".join(char if char.isprintable() or char in "\r\n" else " " if char.isspace() else "" for char in text)
