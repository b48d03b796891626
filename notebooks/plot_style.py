"""How plots look: their lettering, and a figure that can be read on a light and on a dark page. Marks are in `colours`.

A plot has no ground of its own and dark lettering. It says so in its metadata: JupyterLab puts a white card below it in a
dark theme, and the page of a run turns its lightness round.
"""

import io
from functools import lru_cache

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

INK, FAINT_INK = "#1c2026", "#4a4f57"

_FONT = "DejaVu Sans"
_DOTS_PER_INCH, _SHARPNESS = 100, 2
_STYLE = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
_STYLE |= {"figure.facecolor": "none", "axes.facecolor": "none", "font.sans-serif": [_FONT], "axes.titlelocation": "left",
           "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "text.parse_math": False}  # fmt: skip

styled = mpl.rc_context(_STYLE)
"""For the function that draws a plot: colours of lettering are read where a text is made, not where it is shown."""


class Plot(Figure):
    """A figure that shows itself as a picture twice as sharp as it is large; `about` says in words what is drawn."""

    about = "plot"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        drawn = io.BytesIO()
        # Not savefig: it draws everything a second time, for formats that are laid out by another.
        FigureCanvasAgg(self).print_png(drawn)
        width, height = (round(inches * _DOTS_PER_INCH) for inches in self.get_size_inches())
        looks = {"needs_background": "light", "width": width, "height": height, "alt": self.about}
        # JupyterLab reads whether it needs a light ground beside the kinds, the page among them.
        about = {"image/png": looks, "needs_background": "light"}
        return {"image/png": drawn.getvalue(), "text/plain": f"Plot: {self.about}"}, about


def plot(about: str, width: float, height: float, columns: int = 1, rows: int = 1, **more: object) -> tuple[Plot, Axes]:
    """A figure of this size in inches and its axes: one, or an array of them; `about` is for who cannot see it.

    What is drawn belongs into a function that is `styled`.
    """
    # Not pyplot: it keeps every figure, and Jupyter would show each a second time.
    figure = Plot(figsize=(width, height), dpi=_SHARPNESS * _DOTS_PER_INCH, layout="constrained")
    figure.about = about
    return figure, figure.subplots(rows, columns, **more)


def drawable(text: str, instead: str = "") -> str:
    """The text, or another where the font lacks a sign of it; without another each such sign becomes a `?`."""
    missing = {sign for sign in text if ord(sign) not in _signs()}
    if missing and instead:
        return instead
    return "".join("?" if sign in missing else sign for sign in text)


@lru_cache(maxsize=1)
def _signs() -> frozenset[int]:
    return frozenset(get_font(findfont(_FONT)).get_charmap())
