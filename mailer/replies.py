"""One reply of a mail server: its codes, and its words made harmless. What it means is told in `signatures`."""

import re
from dataclasses import dataclass

from store.redaction import redact
from store.session_keys import KEY_CHARS

SHOWN_CHARS = 300
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
# A key may be broken over the lines of a reply, each line beginning with the code again.
_BREAK = r"(?:=?[\r\n]+(?:[245]\.\d{1,3}\.\d{1,3}[ \t]+)?[ \t]*)?"
_BROKEN_KEY = re.compile(rf"k{_BREAK}[0-9a-z](?:{_BREAK}[a-z2-7]){{48}}", re.IGNORECASE | re.ASCII)


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

    def without(self, secrets: tuple[str, ...]) -> "Reply":
        """The same reply in case the server echoes what it must not."""
        words = self.words
        for secret in secrets:
            words = words.replace(secret, "***") if secret else words
        return Reply(self.code, words)


def _without_enhanced(words: str) -> str:
    return "\n".join(
        line[found.end() :].lstrip() if (found := _ENHANCED.match(line)) else line for line in words.split("\n")
    )


def cleaned(text: str) -> str:
    """A server's words made harmless: no session_key, addresses shortened, printable, one line, 300 characters.

    Idempotent, so that cleaned words can pass again.
    """
    text = redact(_BROKEN_KEY.sub("***", text) if len(text) >= KEY_CHARS else text)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:SHOWN_CHARS]
