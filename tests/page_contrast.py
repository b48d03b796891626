"""How far text stands out from what is behind it on a page in a real browser (WCAG 2.2, 1.4.3), and colours by themselves."""

from playwright.sync_api import Frame, Page

LEAST, LEAST_LARGE = 4.5, 3.0
WHITE, LIGHT_STRIPE, DARK, DARK_STRIPE = "#ffffff", "#f5f5f5", "#111111", "#212121"
"""JupyterLab's grounds, as its light and dark theme have them, and every second row of its tables."""

# Walks over every text that is seen; a ground that lets others through is laid upon them.
_LOOK = """
() => {
  const parts = text => { const found = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [...found.slice(0, 3).map(part => part * scale), found.length > 3 ? found[3] : 1]; };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parts(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const opacity = element => {
    let all = 1;
    for (let at = element; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
    return all;
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility({ checkVisibilityCSS: true })) continue;
    const style = getComputedStyle(element), below = ground(element), ink = parts(style.color);
    ink[3] *= opacity(element);
    const [high, low] = [light(over(ink, below)), light(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const path = [element.tagName.toLowerCase(), ...element.classList].join('.');
    found.push({ text: node.data.trim().slice(0, 40), path, contrast: (high + 0.05) / (low + 0.05), large });
  }
  return found;
}
"""


def texts(page: Page | Frame) -> list[dict[str, object]]:
    """Every text that is seen: its beginning, its element, the contrast to its ground, and whether it counts as large."""
    return page.evaluate(_LOOK)


def faint(page: Page | Frame) -> list[str]:
    """The texts that stand out too little, each with its element and its contrast; a kind of element once."""
    found = {}
    for text in texts(page):
        if text["contrast"] < (LEAST_LARGE if text["large"] else LEAST):
            found.setdefault(text["path"], f"{text['contrast']:.2f} {text['path']}: {text['text']}")
    return list(found.values())


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as `#2b6ae5`, from 0, black, to 1, white (WCAG 2.2)."""
    red, green, blue = (linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    """A part of an sRGB colour, from 0 to 1, as light."""
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
