"""Results as plots: what became of the rows and of the mails, and when the interviews are."""

from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes

from notebooks import plot_style
from notebooks.colours import BAD, GOOD, IDLE, OTHER, WAITS
from notebooks.plot_style import Plot
from store import times
from store.batches import BatchReport
from store.history import MailRow

_COLOURS = {
    "created": GOOD, "create": GOOD, "sent": GOOD, "proven": GOOD, "moved": OTHER, "move": OTHER,
    "unchanged": IDLE, "superseded": IDLE, "queued": WAITS, "not checked": WAITS, "held": WAITS,
    "unknown": WAITS, "paused": BAD, "refused": BAD, "refuse": BAD, "failed": BAD,
}  # fmt: skip


@plot_style.styled
def outcomes(report: BatchReport) -> Plot:
    """Rows by outcome, as bars with their numbers."""
    counts = report.outcomes
    title = plot_style.drawable(f"{report.rows} rows of {report.source}")
    figure, axes = plot_style.plot(f"{title}: {listed(counts)}", 7, 0.6 + 0.42 * max(len(counts), 1))
    _draw_bars(axes, counts, title)
    return figure


def listed(counts: Counter) -> str:
    """`198 created, 2 refused`"""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _draw_bars(axes: Axes, counts: Counter, title: str) -> None:
    names = [name for name, _ in counts.most_common()][::-1]
    bars = axes.barh(names, [counts[name] for name in names], color=[_COLOURS.get(name, IDLE) for name in names])
    axes.bar_label(bars, padding=3)
    axes.set_title(title)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.margins(x=0.1)


@plot_style.styled
def mailing(rows: Sequence[MailRow]) -> Plot:
    """Mails by state, and interviews a day, each day in the zone it was booked in."""
    states = Counter(row.state for row in rows)
    starts = Counter((row.starts_at, row.timezone) for row in rows)
    counts = Counter()
    for (moment, zone), count in starts.items():
        counts[times.iso_date(moment, zone)] += count
    title = f"{len(rows)} mail{'' if len(rows) == 1 else 's'}"
    figure, (left, right) = plot_style.plot(
        f"{title}: {listed(states)}; interviews on {len(counts)} days", 10, 2.8, columns=2, width_ratios=(2, 3)
    )
    _draw_bars(left, states, title)
    draw_days(right, counts, "Interviews a day")
    return figure


def draw_days(axes: Axes, counts: Counter, title: str) -> None:
    """A bar a day with its number; only some of the days are named where there are many."""
    names = sorted(counts)
    bars = axes.bar(names, [counts[name] for name in names], color=OTHER, width=min(0.8, 0.15 * max(len(names), 1)))
    axes.bar_label(bars, padding=2)
    axes.set_title(title)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.margins(x=max(0.02, 0.4 / max(len(names), 1)), y=0.15)
    step = max(1, -(-len(names) // 8))
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=30, ha="right", rotation_mode="anchor")
