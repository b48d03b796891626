"""Results as plots: what became of the rows and of the mails, and when the interviews are."""

from collections import Counter
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from store import times
from store.batches import BatchReport
from store.history import MailRow

_COLOURS = {
    "created": "#2f7d4f", "create": "#2f7d4f", "sent": "#2f7d4f", "proven": "#2f7d4f", "moved": "#2b6cb0", "move": "#2b6cb0",
    "unchanged": "#8a8f98", "superseded": "#8a8f98", "queued": "#c98a1b", "not checked": "#c98a1b", "held": "#c98a1b",
    "unknown": "#c98a1b", "paused": "#b23b3b", "refused": "#b23b3b", "refuse": "#b23b3b", "failed": "#b23b3b",
}  # fmt: skip


def outcomes(report: BatchReport) -> Figure:
    """Rows by outcome, as bars with their numbers."""
    return _bars(report.outcomes, f"{report.rows} rows of {report.source}")


def _bars(counts: Counter, title: str) -> Figure:
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.42 * max(len(counts), 1)), layout="constrained")
    _draw_bars(axes, counts, title)
    return closed(figure)


def _draw_bars(axes: Axes, counts: Counter, title: str) -> None:
    names = [name for name, _ in counts.most_common()][::-1]
    bars = axes.barh(names, [counts[name] for name in names], color=[_COLOURS.get(name, "#8a8f98") for name in names])
    axes.bar_label(bars, padding=3)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_xticks([])
    axes.margins(x=0.1)


def mailing(rows: Sequence[MailRow]) -> Figure:
    """Mails by state, and interviews a day, each day in the zone it was booked in."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.8), width_ratios=(2, 3), layout="constrained")
    _draw_bars(left, Counter(row.state for row in rows), f"{len(rows)} mails")
    counts = Counter(times.iso_date(row.starts_at, row.timezone) for row in rows)
    names = sorted(counts)
    bars = right.bar(names, [counts[name] for name in names], color="#2b6cb0")
    right.bar_label(bars, padding=2)
    right.set_title("Interviews a day", loc="left")
    right.spines[["top", "right", "left"]].set_visible(False)
    right.set_yticks([])
    step = max(1, len(names) // 8)
    right.set_xticks(range(0, len(names), step), names[::step], rotation=30, ha="right")
    return closed(figure)


def closed(figure: Figure) -> Figure:
    """The figure, to be shown as a cell's result."""
    # Otherwise Jupyter's inline backend shows it a second time at the end of the cell.
    plt.close(figure)
    return figure
