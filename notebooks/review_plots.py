"""Completed interviews as plots: which to read first, how the scores lie, and how one interview went."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from notebooks import plot_style
from notebooks.colours import BAD, IDLE, OTHER
from notebooks.plot_style import INK, Plot
from notebooks.review_steps import Said, ended_at
from notebooks.review_tables import words
from store.interviews import Completed, Reply, Transcript

_RATED, _UNRATED, _EMPTY = IDLE, OTHER, BAD
_SHOWN, _SHOWN_JOBS, _LONGEST_LABEL = 20, 12, 34
_NEEDS = ((_UNRATED, "not rated yet"), (_RATED, "rated"), (_EMPTY, "nothing answered"))


@plot_style.styled
def overview(found: Sequence[Completed], chosen: int | None) -> Plot:
    """How long each interview took and how much of it was answered, and the scores by job; the chosen one is marked."""
    shown, jobs = list(found[:_SHOWN]), _scores_by_job(found)
    height = 1.1 + 0.26 * max(len(shown), 1.6 * len(jobs), 4)
    about = f"how long {len(shown)} interviews took, and the scores of {len(jobs)} jobs"
    figure, axes = plot_style.plot(about, 10 if jobs else 6.5, height, columns=2 if jobs else 1, squeeze=False)
    _draw_spans(axes[0][0], shown, len(found), chosen)
    if jobs:
        _draw_scores(axes[0][1], jobs, chosen)
    used = [(colour, name) for colour, name in _NEEDS if colour in map(_need, shown)]
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in used]
    figure.legend(handles, [name for _, name in used], loc="outside lower left", ncols=3)
    return figure


def _draw_spans(axes: Axes, shown: Sequence[Completed], count: int, chosen: int | None) -> None:
    minutes = [(ended_at(one) - one.begun_at).total_seconds() / 60 if one.begun_at else 0 for one in shown]
    bars = axes.barh(range(len(shown)), minutes, color=[_need(one) for one in shown])
    axes.bar_label(bars, [f"{one.answered} of {one.asked}" for one in shown], padding=3)
    axes.set_yticks(range(len(shown)), [str(one.interview_id) for one in shown])
    for label, one in zip(axes.get_yticklabels(), shown, strict=True):
        label.set(**({"color": _EMPTY, "fontweight": "bold"} if one.interview_id == chosen else {}))
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.set_ylabel("interview")
    axes.set_xlabel("minutes")
    which = f"the first {len(shown)} of {count}" if count > len(shown) else ""
    axes.set_title(f"Time taken, and questions answered {which}".strip())


def _need(one: Completed) -> str:
    if not one.answered:
        return _EMPTY
    return _UNRATED if one.evaluation is None else _RATED


def _scores_by_job(found: Sequence[Completed]) -> dict[str, list[Completed]]:
    """The jobs with most ratings, first the one with the best middle score."""
    jobs: dict[tuple[str, str], list[Completed]] = defaultdict(list)
    for one in found:
        if one.evaluation is not None:
            jobs[(one.job_title, one.company_name)].append(one)
    most = sorted(jobs.items(), key=lambda job: -len(job[1]))[:_SHOWN_JOBS]
    by_score = sorted(most, key=lambda job: -median(one.evaluation for one in job[1]))
    return {_label(", ".join(names), f"job of interview {rated[0].interview_id}"): rated for names, rated in by_score}


def _label(text: str, instead: str) -> str:
    """The text, shortened; another where the plot's font would show boxes."""
    text = plot_style.drawable(text, instead)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3].rstrip() + "..."


def _draw_scores(axes: Axes, jobs: dict[str, list[Completed]], chosen: int | None) -> None:
    for place, rated in enumerate(jobs.values()):
        scores = [one.evaluation for one in rated]
        axes.plot(scores, [place] * len(scores), "o", color=_UNRATED, alpha=0.8, markersize=8, markeredgewidth=0)
        axes.plot([median(scores)], [place], "|", color=INK, markersize=16, markeredgewidth=2)
        mine = [one.evaluation for one in rated if one.interview_id == chosen]
        axes.plot(
            mine, [place] * len(mine), "o", color="none", markeredgecolor=_EMPTY, markersize=13, markeredgewidth=2
        )
    names = [f"{name} ({len(rated)})" for name, rated in jobs.items()]
    axes.set_yticks(range(len(jobs)), names)
    axes.set_ylim(len(jobs) - 0.5, -0.5)
    axes.set_xlim(-0.4, 10.4)
    axes.set_xlabel("score (the bar is the middle one)")
    axes.set_title("Scores by job")


@plot_style.styled
def answers(said: Said) -> Plot:
    """How long each answer is in words, and when each question was worked on."""
    replies = said.transcript.replies
    about = f"how long each of {len(replies)} answers is, and when each question was worked on"
    figure, (left, right) = plot_style.plot(about, 10, 1.2 + 0.3 * max(len(replies), 3), columns=2, width_ratios=(3, 4))
    counts = [words(reply.answer) for reply in replies]
    bars = left.barh([reply.number for reply in replies], counts, color=_UNRATED)
    left.bar_label(bars, [_length(reply, count) for reply, count in zip(replies, counts, strict=True)], padding=3)
    left.set_title("Length of the answers")
    left.set_xlabel("words")
    left.set_ylabel("question")
    left.set_xlim(0, max([*counts, 1]) * 1.3)
    _draw_times(right, said.transcript)
    for axes in (left, right):
        axes.set_yticks([reply.number for reply in replies])
        axes.set_ylim(len(replies) + 0.6, 0.4)
    return figure


def _length(reply: Reply, count: int) -> str:
    if count or not reply.is_answered:
        return str(count) if count else "none"
    return "recording"


def _draw_times(axes: Axes, said: Transcript) -> None:
    begun_at = said.begun_at or said.starts_at

    def minute(moment) -> float:
        return (moment - begun_at).total_seconds() / 60

    for reply in said.replies:
        moments = [moment for moment in (reply.saved_at, *(one.changed_at for one in reply.recordings)) if moment]
        opened = reply.opened_at or min(moments, default=None)
        if opened is None:
            continue
        start, end = minute(opened), minute(max([opened, *moments]))
        axes.barh(reply.number, end - start, left=start, height=0.5, color=_RATED)
        axes.plot([start], [reply.number], "o", color=INK, markersize=4)
    end = minute(ended_at(said))
    axes.axvline(end, color=_EMPTY, linewidth=1)
    shown = end or 1  # An interview that was begun and ended at once still has an axis.
    axes.set_xlim(-0.02 * shown, shown * 1.04)
    axes.set_title("From the opening (dot) to the last save")
    axes.set_xlabel("minutes since the beginning; the line is the end")
