"""Runs of notebooks as plots: how they ended day by day, and how long those of each notebook took."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from notebooks import plot_style
from notebooks.colours import IDLE
from notebooks.history_steps import DONE, FAILED, KINDS, RUNNING, STOPPED, Looked
from notebooks.history_tables import COLOURS, seconds_words
from notebooks.plot_style import FAINT_INK, Plot
from store import times
from store.job_history import Sample

_MARKS = {DONE: "o", FAILED: "X", STOPPED: "s"}
_MOST_BARS, _NUMBERED_BARS, _PANELS = 92, 31, 8


@plot_style.styled
def outcomes(looked: Looked) -> Plot | None:
    """Runs by day (by several days where there are many), in parts by how they ended; None where there is no run."""
    if not looked.kinds:
        return None
    days, width = _days(looked)
    about = f"runs a day: {', '.join(f'{count} {kind}' for kind, count in looked.kinds.most_common())}"
    figure, axes = plot_style.plot(about, 10, 3)
    below = [0] * len(days)
    for kind in (DONE, STOPPED, FAILED, RUNNING):
        heights = [counts[kind] for counts in days.values()]
        if any(heights):
            axes.bar(range(len(days)), heights, bottom=below, color=COLOURS[kind], label=kind, width=0.8)
            below = [before + height for before, height in zip(below, heights, strict=True)]
    if len(days) <= _NUMBERED_BARS:
        for place, height in enumerate(below):
            axes.text(place, height, f"{height:,}" if height else "", ha="center", va="bottom", fontsize=8)
    _label_days(axes, list(days), width)
    figure.legend(loc="outside upper right", ncols=4)
    return figure


def _days(looked: Looked) -> tuple[dict[date, Counter], int]:
    """How runs ended by the day that they began on, days without a run among them; and how many days stand for one."""
    first, last = (times.in_zone(times.from_epoch(at), looked.zone).date() for at in (looked.since, looked.now))
    width = -(-((last - first).days + 1) // _MOST_BARS)
    days = {first + timedelta(days=day): Counter() for day in range(0, (last - first).days + 1, width)}
    for tally in looked.tallies:
        day = times.in_zone(times.from_epoch(tally.at), looked.zone).date()
        # The first quarter of an hour may lie on the day before.
        place = max(0, (day - first).days) // width
        days[first + timedelta(days=place * width)][KINDS[tally.outcome]] += tally.runs
    return days, width


def _label_days(axes: Axes, days: Sequence[date], width: int) -> None:
    axes.set_title("Runs a day" if width == 1 else f"Runs in every {width} days")
    step = max(1, -(-len(days) // 10))
    axes.set_xticks(range(0, len(days), step), [day.isoformat() for day in days[::step]], rotation=30, ha="right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_xlim(-0.7, len(days) - 0.3)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.1)
    axes.yaxis.get_major_locator().set_params(integer=True)


@plot_style.styled
def durations(looked: Looked) -> Plot | None:
    """How long each run took by when it began, a panel a notebook; None where no run is over."""
    panels = {name: samples for name, samples in (looked.samples or {}).items() if samples}
    shown = dict(list(panels.items())[:_PANELS])
    if not shown:
        return None
    about = f"how long runs of {', '.join(shown)} took, by when they began"
    figure, axes = plot_style.plot(about, 10, 0.7 + 1.35 * len(shown), rows=len(shown), sharex=True, squeeze=False)
    for panel, (name, samples) in zip(axes[:, 0], shown.items(), strict=True):
        _draw_durations(panel, name, samples, looked.zone)
    _draw_kinds(figure, {KINDS[sample.outcome] for samples in shown.values() for sample in samples})
    return figure


def _draw_durations(axes: Axes, name: str, samples: Sequence[Sample], zone: str) -> None:
    points: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        points[KINDS[sample.outcome]].append(sample)
    for kind, some in points.items():
        moments = [times.in_zone(times.from_epoch(sample.began), zone) for sample in some]
        took = [sample.seconds for sample in some]
        axes.plot(moments, took, _MARKS[kind], color=COLOURS[kind], markersize=6, markeredgewidth=0)
    took = [sample.seconds for sample in points[DONE]]
    if took:
        axes.axhline(median(took), color=IDLE, linewidth=1, linestyle=":")
    axes.set_title(f"{plot_style.drawable(name)}{_middle(took)}", fontsize=10)
    axes.set_ylim(0, max(sample.seconds for sample in samples) * 1.15 or 1)
    axes.set_ylabel("seconds", color=FAINT_INK, fontsize=8)
    locator = AutoDateLocator(tz=times.zone(zone))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=times.zone(zone)))


def _middle(took: Sequence[float]) -> str:
    if len(took) < 3:
        return ""
    return f": half of the {len(took):,} that were done took less than {seconds_words(median(took))}"


def _draw_kinds(figure: Plot, kinds: set[str]) -> None:
    shown = [kind for kind in _MARKS if kind in kinds]
    marks = [figure.axes[0].plot([], [], _MARKS[kind], color=COLOURS[kind])[0] for kind in shown]
    figure.legend(marks, shown, loc="outside upper right", ncols=3)
