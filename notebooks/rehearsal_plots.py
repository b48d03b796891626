"""A rehearsal as a plot: one day over its time, or several days side by side."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from matplotlib.axes import Axes

from mailer.rehearsal import Rehearsal, after_words, span_words
from notebooks import plot_style
from notebooks.colours import BAD, GOOD, IDLE, OTHER, PAUSED, WAITS
from notebooks.plot_style import FAINT_INK, Plot
from notebooks.rehearsal_steps import Seen

_PARTS = (
    ("in time", GOOD),
    ("too late", OTHER),
    ("still waiting", WAITS),
    ("failed", BAD),
    ("account paused", PAUSED),
)
_UNITS = ((172_800.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
_LEAST_GAP, _NAMED_GAPS, _BARS = 0.02, 6, 60


def shown(seen: Seen) -> Plot:
    """The one day over its time, or the days side by side."""
    return timeline(seen.only) if seen.only is not None else comparison(seen.rehearsals)


@plot_style.styled
def timeline(done: Rehearsal) -> Plot:
    """Mails that the server took as time goes by, with the waits; below, the tries that failed."""
    unit, name = _unit(done)
    figure, (top, below) = plot_style.plot(done.sentence(), 9, 4.6, rows=2, height_ratios=(3, 1), sharex=True)
    _draw_taken(top, done, unit)
    _draw_refused(below, done, unit)
    below.set_xlabel(f"{name} since the batch began")
    return figure


def _unit(done: Rehearsal) -> tuple[float, str]:
    seconds = done.lasted.total_seconds()
    return next((length, name) for least, length, name in _UNITS if seconds >= least)


def _draw_taken(axes: Axes, done: Rehearsal, unit: float) -> None:
    taken = sorted(mail.taken[0].total_seconds() / unit for mail in done.mails if mail.taken)
    end, count = _end(done, unit), len(done.mails)
    axes.step([0, *taken, end], [*range(len(taken) + 1), len(taken)], where="post", color=GOOD, linewidth=2)
    axes.axhline(count, color=IDLE, linewidth=1, linestyle=":")
    if count:
        axes.text(0, count, f"all {count} mails", va="bottom", fontsize=8, color=FAINT_INK)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no mail waits", transform=axes.transAxes, ha="center", color=FAINT_INK)
    _draw_gaps(axes, done, unit, end)
    _draw_opening(axes, done, unit, end)
    if done.pause is not None:
        axes.text(0.5 * end, 0.5 * count, "the mail account is paused", ha="center", color=BAD, fontsize=11)
    axes.set_ylim(0, max(count, 1) * 1.15)
    axes.set_xlim(-0.01 * end, end * 1.02)
    axes.set_ylabel("mails taken")
    sent = f"{done.states['sent']} of {count} mails sent, {after_words(done.lasted)}" if count else "no mail to send"
    axes.set_title(f"{done.scenario.name}: {sent}")


def _end(done: Rehearsal, unit: float) -> float:
    return max(done.lasted.total_seconds() / unit, 1.0)


def _draw_gaps(axes: Axes, done: Rehearsal, unit: float, end: float) -> None:
    """Shades the stretches in which nothing happens; the longest say how long they are."""
    moments = sorted({0.0, *_busy(done), done.lasted.total_seconds()})
    gaps = [
        (left, right)
        for left, right in zip(moments, moments[1:], strict=False)
        if right - left > _LEAST_GAP * end * unit
    ]
    for left, right in gaps:
        # A little apart from the next one, to be counted.
        axes.axvspan(left / unit + 0.002 * end, right / unit - 0.002 * end, color=WAITS, alpha=0.16, linewidth=0)
    for left, right in sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_NAMED_GAPS]:
        if right - left > 2 * _LEAST_GAP * end * unit:
            words = f"waits\n{span_words(timedelta(seconds=right - left))}"
            axes.text((left + right) / 2 / unit, 0, words, ha="center", va="bottom", fontsize=7, color=FAINT_INK)


def _busy(done: Rehearsal) -> list[float]:
    taken = [moment.total_seconds() for mail in done.mails for moment in mail.taken]
    return [*taken, *_refused(done)]


def _refused(done: Rehearsal) -> list[float]:
    return [(setback.at - done.began).total_seconds() for setback in done.setbacks]


def _draw_opening(axes: Axes, done: Rehearsal, unit: float, end: float) -> None:
    first = min((mail.opens_at for mail in done.mails), default=done.began)
    place = (first - done.began).total_seconds() / unit
    if 0 < place < end:
        axes.axvline(place, color=BAD, linewidth=1)
        axes.text(place, len(done.mails) * 1.14, " the first link opens", va="top", fontsize=8, color=BAD)


def _draw_refused(axes: Axes, done: Rehearsal, unit: float) -> None:
    refused = [moment / unit for moment in _refused(done)]
    axes.hist(refused, bins=_BARS, range=(0, _end(done, unit)), color=BAD)
    axes.set_ylabel("failed tries")
    axes.yaxis.get_major_locator().set_params(integer=True)
    if not refused:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=FAINT_INK)


@plot_style.styled
def comparison(found: Sequence[Rehearsal]) -> Plot:
    """A bar a day, what would become of its mails, and how long it would take."""
    days = sorted(found, key=lambda done: (done.pause is not None, done.lasted))
    figure, axes = plot_style.plot(f"what becomes of the mails on {len(days)} days", 9, 1.2 + 0.27 * len(days))
    left = [0] * len(days)
    for part, colour in _PARTS:
        widths = [_parts(done)[part] for done in days]
        if any(widths):
            axes.barh(range(len(days)), widths, left=left, color=colour, label=part, height=0.75)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for place, done in enumerate(days):
        words = "paused" if done.pause is not None else span_words(done.lasted)
        axes.text(left[place], place, f" {words}", va="center", fontsize=8)
    axes.set_yticks(range(len(days)), [done.scenario.name for done in days], fontsize=8)
    axes.set_ylim(len(days) - 0.4, -0.6)
    axes.set_xlim(0, max([*left, 1]) * 1.12)
    axes.set_xlabel("mails; beside each bar, how long it would take")
    figure.legend(loc="outside upper left", ncols=len(_PARTS), fontsize=8)
    return figure


def _parts(done: Rehearsal) -> Counter:
    """How many mails end as what; each counts once."""
    late = {mail.row.notification_id for mail in done.too_late}
    names = {"paused": "account paused", "failed": "failed", "sent": "in time", "superseded": "in time"}
    return Counter(
        "too late" if mail.row.notification_id in late else names.get(mail.row.state, "still waiting")
        for mail in done.mails
    )
