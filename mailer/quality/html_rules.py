"""Rules for the HTML part of a mail: what Outlook, Gmail and Apple Mail show alike, in light and dark.

Outlook for Windows draws with Word, Gmail drops what it does not know, dark modes change colours: caniemail.com.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from mailer.quality.html_page import Element, Page
from store.errors import Finding

WIDEST = 600
"""Pixels that the reading pane of a desktop mail program shows."""
CONTRAST = 4.5
"""WCAG 2.2 success criterion 1.4.3, for text of ordinary size."""
PREVIEW_CHARS = 40
"""So many characters a phone's list of mails shows at least of the beginning."""
PAPERS = {"light": "#ffffff", "dark": "#121212"}
INKS = {"light": "#000000", "dark": "#ffffff"}

_ACTIVE = ("script", "form", "input", "button", "select", "textarea", "iframe", "object", "embed", "video", "audio",
           "canvas", "svg", "base", "applet")  # fmt: skip
_TARGETS = ("src", "srcset", "background", "poster", "data")
_FORBIDDEN = ("position", "float", "transform", "animation", "transition", "background-image", "filter")
_FUNCTIONS = re.compile(r"\b(?:calc|var|min|max|clamp|env|attr)\(")
_DISPLAYS = ("flex", "grid", "inline-flex", "inline-grid")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(px|em|rem|pt|)")
_PIXELS = {"px": 1.0, "": 1.0, "em": 16.0, "rem": 16.0, "pt": 4 / 3}
_GENERIC = ("sans-serif", "serif", "monospace")
_INLINE = ("a", "span", "b", "strong", "em", "i")
_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_NAMED = {"white": "#ffffff", "black": "#000000", "transparent": "", "inherit": ""}
_HIDING = {"display": ("none",), "visibility": ("hidden",), "font-size": ("0", "0px"), "opacity": ("0",)}


def findings(page: Page) -> Iterator[Finding]:
    """Every rule that the page breaks, each once."""
    for rule in RULES:
        for what in dict.fromkeys(rule(page)):
            yield Finding(rule.__name__, what, FIXES[rule.__name__])


def html_language(page: Page) -> Iterator[str]:
    if not any(element.attributes.get("lang") for element in page.of("html")):
        yield "The HTML does not name its language, so screen readers guess how to speak it."


def html_head(page: Page) -> Iterator[str]:
    metas = page.of("meta")
    if not any(meta.attributes.get("charset", "").lower() == "utf-8" for meta in metas):
        yield "The HTML does not name its characters (meta charset)."
    if not any(meta.attributes.get("name") == "viewport" for meta in metas):
        yield "The HTML has no viewport, so phones show it as a small picture of a page."
    if not any(meta.attributes.get("name") == "color-scheme" for meta in metas):
        yield "The HTML does not say that it fits light and dark (meta color-scheme), so its colours may be inverted."


def html_style_block(page: Page) -> Iterator[str]:
    if page.of("style"):
        yield "The HTML has a style block, which Gmail drops in several of its apps and when a mail is forwarded."
    if page.of("link"):
        yield "The HTML wants a style sheet or another file from outside, which mail programs do not load."


def html_active(page: Page) -> Iterator[str]:
    for element in page.of(*_ACTIVE):
        yield f"The HTML has <{element.tag}>, which mail programs remove or warn of."
    for element in page.elements:
        if handlers := [name for name in element.attributes if name.startswith("on")]:
            yield f"{element} has {handlers[0]}, a script, which mail programs remove."


def remote_content(page: Page) -> Iterator[str]:
    for element in page.elements:
        loaded = [name for name in _TARGETS if name in element.attributes]
        loaded += [name for name, value in element.style.items() if "url(" in value]
        if loaded:
            yield f"{element} loads something ({loaded[0]}); mail programs hide it and ask the reader first."


def html_alt(page: Page) -> Iterator[str]:
    for image in page.of("img"):
        if "alt" not in image.attributes:
            yield "An image has no alt text: where images are off, nothing is there to read."


def html_css(page: Page) -> Iterator[str]:
    for element in page.elements:
        for name, value in element.style.items():
            if name in _FORBIDDEN or (name == "display" and value in _DISPLAYS) or _FUNCTIONS.search(value):
                yield f"{element} uses {name}:{value[:40]}, which Outlook or Gmail ignores."


def html_width(page: Page) -> Iterator[str]:
    for element in page.elements:
        given = {name: element.style[name] for name in ("width", "max-width", "min-width") if name in element.style}
        given |= {"width": element.attributes["width"]} if "width" in element.attributes else {}
        for name, value in given.items():
            limit = 320 if name == "min-width" else WIDEST
            if _pixels(value) > limit:
                yield f"{element} has {name}:{value}, more than {limit} pixels."


def _pixels(value: str) -> float:
    found = _SIZE.fullmatch(value)
    return float(found[1]) * _PIXELS[found[2]] if found else 0.0


def html_table_role(page: Page) -> Iterator[str]:
    of_data = [one for head in page.of("th") for one in head.above()]
    for table in page.of("table"):
        if table.attributes.get("role") != "presentation" and table not in of_data:
            yield "A table lays the mail out, and screen readers read it as a table of data."


def html_padding(page: Page) -> Iterator[str]:
    for element in page.of(*_INLINE):
        padded = any(name.startswith("padding") for name in element.style)
        cell = element.parent
        fallback = cell is not None and cell.tag == "td" and "mso-padding-alt" in cell.style
        if padded and not fallback:
            yield f"{element} has padding, which Outlook for Windows does not draw on it: a button looks like a link."


def html_font(page: Page) -> Iterator[str]:
    stacks = [(element, _stack(element)) for element in page.elements if {"font", "font-family"} & element.style.keys()]
    if not stacks:
        yield "The HTML names no font, so mail programs choose one with serifs."
    for element, stack in stacks:
        if len(stack) < 2 or stack[-1] not in _GENERIC or stack[0] in _GENERIC:
            yield f"{element} has the fonts {', '.join(stack)[:60]}: without those, Outlook takes Times New Roman."


def _stack(element: Element) -> list[str]:
    value = element.style.get("font-family") or element.style["font"]
    names = [name.strip().strip("'\"") for name in value.split(",")]
    if "font-family" not in element.style:  # the shorthand's size and weight stand before the first name
        names[0] = names[0].rpartition(" ")[2]
    return names


def html_hidden(page: Page) -> Iterator[str]:
    for element in page.elements:
        for name, values in _HIDING.items():
            if element.style.get(name, "").removesuffix(" !important") in values or "hidden" in element.attributes:
                yield f"{element} holds hidden words, which spam filters count against a mail."


def html_preview(page: Page) -> Iterator[str]:
    before = ""
    for block in page.blocks:
        if block.target or "://" in block.words:
            break
        before += f" {block.words}"
    if len(before.strip()) < PREVIEW_CHARS:
        yield f"The mail begins with {before.strip()!r}: lists of mails show too little of what it is about."


def html_contrast(page: Page) -> Iterator[str]:
    for element in page.elements:
        if not element.words.strip() or not {"color", "background", "background-color", "bgcolor"} & _coloured(element):
            continue
        ink, paper = (
            element.inherited("color"),
            element.inherited("background-color", "background") or _bgcolor(element),
        )
        for scheme in PAPERS:
            colours = _colour(ink) or INKS[scheme], _colour(paper) or PAPERS[scheme]
            unknown = next((colour for colour in colours if not _COLOUR.fullmatch(colour)), "")
            if unknown:
                yield f"{element} has the colour {unknown[:30]!r}, whose contrast cannot be told."
            elif (ratio := contrast(*colours)) < CONTRAST:
                yield f"{element} has the contrast {ratio:.1f} in {scheme} ({' on '.join(colours)}), not {CONTRAST}."


def _coloured(element: Element) -> set[str]:
    return {name for one in element.above() for name in (*one.style, *one.attributes)}


def _bgcolor(element: Element) -> str:
    return next((one.attributes["bgcolor"].lower() for one in element.above() if "bgcolor" in one.attributes), "")


def _colour(value: str) -> str:
    value = value.removesuffix(" !important")
    return _NAMED.get(value, value)


@lru_cache(maxsize=64)
def contrast(one: str, other: str) -> float:
    """The ratio of two colours in hexadecimal, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


RULES: tuple[Callable[[Page], Iterator[str]], ...] = (
    html_language, html_head, html_style_block, html_active, remote_content, html_alt, html_css, html_width,
    html_table_role, html_padding, html_font, html_hidden, html_preview, html_contrast,
)  # fmt: skip
_PLACE = "in mailer/templates/html.tpl"
FIXES = {
    "html_language": f'write <html lang="en"> {_PLACE}.',
    "html_head": f'add meta charset="utf-8", viewport and color-scheme "light dark" to the head {_PLACE}.',
    "html_style_block": f"move the styles into style attributes of the elements {_PLACE}.",
    "html_active": f"remove it from the mail {_PLACE}, and put what is to be done behind the link.",
    "remote_content": f"remove pictures and files that are loaded {_PLACE}; say it in words.",
    "html_alt": f"give the image an alt text {_PLACE}.",
    "html_css": f"use blocks or a table, and plain properties, {_PLACE}.",
    "html_width": f"use max-width of at most {WIDEST}px {_PLACE}.",
    "html_table_role": f'write role="presentation" on the table {_PLACE}.',
    "html_padding": f"put it into a table cell that has the same mso-padding-alt {_PLACE}.",
    "html_font": f"name fonts that every system has, then a generic one (Arial,Helvetica,sans-serif), {_PLACE}.",
    "html_hidden": f"remove the hidden words {_PLACE}.",
    "html_preview": f"begin with a sentence that says what the mail is about {_PLACE}, before any link.",
    "html_contrast": f"set colour and background together as #rrggbb, far enough from each other, {_PLACE}.",
}
