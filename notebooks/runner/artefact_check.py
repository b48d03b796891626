"""The last look at what a run wrote before anybody else may read it: no secret of the settings, no key of any kind."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from store.session_keys import SESSION_KEY

SHORTEST_SECRET = 6
"""A shorter secret is an ordinary word too often: its places cannot be told from those of the word."""
_PATTERNS = (
    ("a session_key", SESSION_KEY),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a Google token", re.compile(r"\bya29\.[0-9A-Za-z_\-]{20,}|\b1//0[0-9A-Za-z_\-]{30,}|\bAIza[0-9A-Za-z_\-]{35}\b")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{40,})\b")),
    ("a SendGrid key", re.compile(r"\bSG\.[0-9A-Za-z_\-]{22}\.[0-9A-Za-z_\-]{43}\b")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[0-9A-Za-z\-]{10,}")),
    ("a signed token (JWT)", re.compile(r"\beyJ[0-9A-Za-z_\-]{8,}\.eyJ[0-9A-Za-z_\-]{8,}\.[0-9A-Za-z_\-]{8,}")),
    ("a login in a web address", re.compile(r"://[^\s:/@\"'<>]{1,80}:(?!\*\*\*)[^\s/@\"'<>]{3,80}@[\w\[]")),
)
_EMBEDDED = re.compile(r"data:(?:image|font|application|audio|video)/[\w.+\-]{1,40};base64,[0-9A-Za-z+/=\s]*", re.ASCII)
_PICTURES = ("image/png", "image/jpeg", "application/pdf")
"""Random letters, in which a pattern turns up by chance."""
_KEPT = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that must not be published: what it is, never the thing itself, and where it stands."""

    path: Path
    place: str
    what: str

    def line(self) -> str:
        return f"{self.path.name}, {self.place}: {self.what}"


class ArtefactCheck:
    """Looks for these secrets, as they are and as they are written in web addresses, HTML, JSON, base64 and hex, or backwards."""

    def __init__(self, secrets: Iterable[str]):
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        forms = {form for secret in known for form in _forms(secret)}
        # One expression for all: a large notebook is read once.
        listed = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._known = re.compile(listed) if listed else None

    def hits(self, path: Path) -> list[Hit]:
        """Where the file holds something secret, at most 20 places. A notebook is told by cells, other files by lines."""
        found = []
        for place, text in _pieces(path):
            found += [Hit(path, place, what) for what in self._found(text)]
            if len(found) >= _KEPT:
                break
        return found[:_KEPT]

    def _found(self, text: str) -> Iterator[str]:
        for shown in {text, html.unescape(text), html.unescape(html.unescape(text))}:
            if self._known and self._known.search(shown):
                yield "a secret of the settings"
                return
        plain = _EMBEDDED.sub("", text)
        yield from (what for what, pattern in _PATTERNS if pattern.search(plain))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield from (quote(secret, safe=""), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1])
    # Whatever stands before it, one of three alignments is right; the signs that a neighbour shares are left off.
    data = secret.encode("utf-8", "surrogateescape")
    yield from (data.hex(), data.hex().upper(), secret[::-1])
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode("ascii").rstrip("=")
        inner = coded[(before * 8 + 5) // 6 : len(coded) - (1 if (before + len(data)) % 3 else 0)]
        if len(inner) >= 2 * SHORTEST_SECRET:
            yield inner


def _pieces(path: Path) -> Iterator[tuple[str, str]]:
    """The file's texts and where each stands."""
    if path.suffix == ".ipynb":
        yield from _of_notebook(json.loads(path.read_text(encoding="utf-8")))
        return
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            yield f"line {number}", line


def _of_notebook(notebook: dict) -> Iterator[tuple[str, str]]:
    for number, cell in enumerate(notebook["cells"], 1):
        for place, output in enumerate(cell.get("outputs", ()), 1):
            yield from ((f"cell {number}, output {place}", text) for text in _texts(output))
        rest = {name: part for name, part in cell.items() if name != "outputs"}
        yield from ((f"cell {number}", text) for text in _texts(rest))
    yield from (("its metadata", text) for text in _texts(notebook["metadata"]))


def _texts(part: object) -> Iterator[str]:
    """Every text in a piece of JSON; one that is written as a list of lines is put together."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        if part and all(isinstance(item, str) for item in part):
            yield "".join(part)
        else:
            for item in part:
                yield from _texts(item)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name not in _PICTURES:
                yield name
                yield from _texts(value)
