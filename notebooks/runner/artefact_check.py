"""The last look at what a run wrote before anybody else may read it: no secret of the settings, no key of any kind."""

import html
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from notebooks.runner import regular_files
from store import key_patterns
from store.known_secrets import in_base64, is_no_word

SHORTEST_SECRET = 6
"""A shorter secret is an ordinary word too often: its places cannot be told from those of the word."""
_SHORTEST_CODED = 8
"""A shorter piece of base64 would turn up in a picture's letters by chance."""
SECRET = "a secret of the settings"
_ESCAPE = re.compile("%[0-9A-F]{2}")
_LOGIN = re.compile(
    r"://(?!(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}[^\w%:@.+*!#$~^-])"
    r"(?![\w-]+(?:\.[\w-]+)+:\d{1,5}(?:[,;|)?}\]\\]|&(?:gt|lt|quot|amp|#x27|#39|#34);))"
    r"[^\s:/@\"'<>]{1,80}:(?!\*\*\*)[^\s/@\"'<>]{3,80}@[\w\[]"
)
"""No login is a mail address that follows a host's port after a sign that separates. What looks like a host may be a user,
so after its port only signs that hardly stand in a password do so.
"""
_EMBEDDED = re.compile(
    r"data:(?:image|font|application|audio|video)/[\w.+\-]{1,40};base64,[0-9A-Za-z+/]*={0,2}", re.ASCII
)
_TAG = re.compile(r"<[A-Za-z/!][^<>]{0,2000}>")
_CODED = re.compile(r"[0-9A-Za-z+/\n]*={0,2}\n*", re.ASCII)
_EMBEDDING = "data:image/png;base64,"
_PICTURES = ("image/png", "image/jpeg", "application/pdf")
"""Random letters, in which a pattern turns up by chance."""
_STARTS = ("iVBORw0KGgo", "/9j/", "JVBERi0")
"""How they begin in base64."""
_KEPT = 20
_BLOCK_CHARS = 65_536
"""So much of a log or page is looked at as one; its lines are only where something is found."""


class What(str):
    """What something secret is, never the thing itself; `fix` is what to do where it may be an ordinary word by chance."""

    def __new__(cls, said: str, fix: str = "") -> "What":
        what = super().__new__(cls, said)
        what.fix = fix
        return what


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that must not be published: what it is, never the thing itself, and where it stands."""

    path: Path
    place: str
    what: What


class ArtefactCheck:
    """Looks for these secrets, as they are, as web addresses, HTML, JSON, base64 and hex have them, and backwards.

    Where that could be nothing else they are found with white space between their letters, too, over line ends as well.
    """

    def __init__(self, secrets: Mapping[str, str]):
        """`secrets` are the values, each with the name of the setting that has it, empty where that is not known."""
        known = {secret: name for secret, name in secrets.items() if len(secret) >= SHORTEST_SECRET}
        forms = {form: _called(secret, name) for secret, name in known.items() for form in _forms(secret)}
        self._tight = {_tight(form): what for form, what in forms.items() if _is_no_chance(_tight(form))}
        self._exact = {form: what for form, what in forms.items() if _tight(form) not in self._tight}
        self._longest = max(map(len, self._tight), default=0)

    def hits(self, path: Path) -> list[Hit]:
        """Where the file holds something secret, at most 20 places. A notebook is told by cells, other files by lines.

        Raises OSError for a file that cannot be read, or is no regular file.
        """
        found = _in_notebook if path.suffix == ".ipynb" else _in_lines
        return [Hit(path, place, what) for place, what in itertools.islice(found(self, path), _KEPT)]

    def found(self, text: str, before: str = "") -> Iterator[What]:
        """What is secret in a text; `before` is the end of what stands before it, as `end` gives it."""
        if what := self._secret_in(text, before):
            yield what
            return
        yield from _looks(_EMBEDDED.sub("", text))

    def is_clean(self, text: str, before: str) -> bool:
        """Whether nothing can be found in any line of the text; False also for what only may be something."""
        return not (self._secret_in(text, before) or any(_looks(text)))

    def end(self, text: str, before: str = "") -> str:
        """The last letters of a text, in which a secret may have begun."""
        return (before + _tight(text[-_BLOCK_CHARS:]))[-self._longest :] if self._longest else ""

    def _secret_in(self, text: str, before: str) -> What | None:
        """What the secret is called that is in the text; None for none."""
        for shown in {text, html.unescape(text), html.unescape(html.unescape(text)), html.unescape(_TAG.sub("", text))}:
            letters = before + _tight(shown) if self._tight else ""
            found = itertools.chain(
                (what for form, what in self._tight.items() if form in letters),
                (what for form, what in self._exact.items() if form in shown),
            )
            if what := next(found, None):
                return what
        return None


def _called(secret: str, name: str) -> What:
    if not name:
        return What(SECRET)
    if _is_no_chance(secret):
        return What(f"{SECRET} ({name})")
    said = f"{SECRET} ({name}, which is so short or plain that it may be there by chance)"
    return What(said, f"give {name} a longer value that is no word or number;")


def _looks(text: str) -> Iterator[What]:
    yield from map(What, key_patterns.kinds(text))
    if _LOGIN.search(text):
        yield What("a login in a web address")


def _tight(text: str) -> str:
    return "".join(text.split())


def _is_no_chance(form: str) -> bool:
    """Whether letters that follow each other so are a secret, whatever blanks are between them."""
    return is_no_word(form) and not form.isdigit()


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for quoted in {quote(secret, safe=""), quote(secret), quote_plus(secret)}:
        yield from (quoted, quoted.lower(), _ESCAPE.sub(lambda found: found[0].lower(), quoted))
    yield html.escape(secret)
    # As programs write a text: in one pair of quotes or the other, once or twice, with or without other letters than ASCII.
    written = json.dumps(secret)
    yield from (written[1:-1], json.dumps(written)[3:-3], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (repr(secret)[1:-1], ascii(secret)[1:-1], secret.replace("'", "''"), secret.replace("'", "\\'"))
    data = secret.encode("utf-8", "surrogateescape")
    yield from (data.hex(), data.hex().upper(), data.hex(":"), repr(data)[2:-1], secret[::-1])
    yield from (inside for inside, _ in in_base64(data) if len(inside) >= _SHORTEST_CODED)


def _in_lines(check: ArtefactCheck, path: Path) -> Iterator[tuple[str, What]]:
    before = ""
    with open(regular_files.opened(path), encoding="utf-8", errors="replace") as file:
        first = 1
        while lines := file.readlines(_BLOCK_CHARS):
            block = "".join(lines)
            if not check.is_clean(block, before):
                yield from _in_block(check, lines, first, before)
            before = check.end(block, before)
            first += len(lines)


def _in_block(check: ArtefactCheck, lines: Sequence[str], first: int, before: str) -> Iterator[tuple[str, What]]:
    for number, line in enumerate(lines, first):
        found = list(check.found(line, before))
        yield from ((f"line {number}", what) for what in found)
        # What was found once is not found again from the next line.
        before = "" if found else check.end(line, before)


def _in_notebook(check: ArtefactCheck, path: Path) -> Iterator[tuple[str, What]]:
    for place, text in _texts_of_notebook(json.loads(regular_files.read(path))):
        yield from ((place, what) for what in check.found(text))


def _texts_of_notebook(notebook: dict) -> Iterator[tuple[str, str]]:
    for number, cell in enumerate(notebook["cells"], 1):
        for place, output in enumerate(cell.get("outputs", ()), 1):
            yield from ((f"cell {number}, output {place}", text) for text in _texts(output))
        rest = {name: part for name, part in cell.items() if name != "outputs"}
        yield from ((f"cell {number}", text) for text in _texts(rest))
    yield from (("its metadata", text) for text in _texts(notebook["metadata"]))


def _texts(part: object) -> Iterator[str]:
    """Every text and whole number in a piece of JSON; one that is written as a list of lines is put together."""
    # No recursion: what a cell puts out may be nested deeper than that goes.
    left = [part]
    while left:
        part = left.pop()
        if isinstance(part, str):
            yield part
        elif type(part) is int:
            yield str(part)
        elif isinstance(part, list):
            lines = [item for item in part if isinstance(item, str)]
            left += ["".join(lines)] if lines else []
            left += [item for item in part if not isinstance(item, str)]
        elif isinstance(part, dict):
            left += part
            left += [_of_picture(value) if name in _PICTURES else value for name, value in part.items()]


def _of_picture(value: object) -> object:
    """A picture's letters as they stand in a page, so that no key is looked for among them; what is none as it is."""
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, str) for line in lines):
        return value
    text = "".join(lines)
    return _EMBEDDING + "".join(text.split()) if text.startswith(_STARTS) and _CODED.fullmatch(text) else text
