"""The HTML part of a mail as elements with their own styles, and its visible words. Rules are in `html_rules`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCKS = frozenset((
    "address", "blockquote", "body", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "table", "td", "th", "tr", "ul",
))  # fmt: skip
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_UNSEEN = frozenset(("head", "style", "script", "title", "template"))


@dataclass(slots=True, eq=False)
class Element:
    """One element. `style` is its style attribute, by lower-case property; `words` is what stands in it directly."""

    tag: str
    attributes: dict[str, str]
    parent: "Element | None"
    words: str = ""
    style: dict[str, str] = field(default_factory=dict)

    def above(self) -> Iterator["Element"]:
        """The element itself and all that it stands in, from inside out."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def inherited(self, *names: str) -> str:
        """The nearest value of one of these properties, of the element itself or above it; empty if there is none."""
        return next((one.style[name] for one in self.above() for name in names if name in one.style), "")

    def __str__(self) -> str:
        words = " ".join(self.words.split())[:30]
        return f"<{self.tag}> {words!r}" if words else f"<{self.tag}>"


@dataclass(slots=True)
class Block:
    """One visible line of words, and where it leads if all of it is a link."""

    words: str
    target: str = ""


def declarations(style: str) -> dict[str, str]:
    """The properties of a style attribute; of a property given twice the last one counts."""
    found = {}
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        if name.strip():
            found[name.strip().lower()] = " ".join(value.lower().split())
    return found


class Page(HTMLParser):
    """All elements in order, and the visible words in blocks."""

    def __init__(self, source: str):
        super().__init__()
        self.elements: list[Element] = []
        self.blocks: list[Block] = []
        self._open: list[Element] = []
        self._words: list[str] = []
        self._targets: set[str] = set()
        self.feed(source)
        self.close()
        self._flush()

    @property
    def words(self) -> str:
        return " ".join(block.words for block in self.blocks)

    def of(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS:
            self._flush()
        given = {name: value or "" for name, value in attrs}
        element = Element(
            tag, given, self._open[-1] if self._open else None, style=declarations(given.get("style", ""))
        )
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._flush()
        tags = [element.tag for element in self._open]
        if tag in tags:
            del self._open[len(tags) - 1 - tags[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        self._open[-1].words += data
        if any(element.tag in _UNSEEN for element in self._open):
            return
        self._words.append(data)
        if data.strip():
            links = [element.attributes.get("href", "") for element in self._open if element.tag == "a"]
            self._targets.add(links[-1] if links else "")

    def _flush(self) -> None:
        words = " ".join("".join(self._words).split())
        if words:
            self.blocks.append(Block(words, next(iter(self._targets)) if len(self._targets) == 1 else ""))
        self._words, self._targets = [], set()
