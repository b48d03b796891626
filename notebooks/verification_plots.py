"""The email verification as a plot: when each stage was looked at, and how long it took."""

from mailer.verification import Verification
from mailer.verification.stages import BY_NAME, NOT_RUN
from notebooks import plot_style
from notebooks.plot_style import Plot
from notebooks.verification_steps import COLOURS

THINNEST = 0.004
"""The least part of the whole that a bar is wide, so that a quick look is still seen."""


@plot_style.styled
def waterfall(done: Verification) -> Plot:
    """A bar a look, from when it began to when it ended, in seconds since the run began; the slowest are seen at once."""
    rows = sorted((row for row in done.rows if row.result != NOT_RUN), key=lambda row: row.begun)
    end = max((row.begun + row.seconds for row in rows), default=0.0) or 1.0
    about = f"when each of {len(rows)} looks was taken, in {end:.2f} seconds"
    figure, axes = plot_style.plot(about, 9, 0.8 + 0.26 * max(len(rows), 1))
    for place, row in enumerate(rows):
        axes.barh(place, max(row.seconds, THINNEST * end), left=row.begun, color=COLOURS[row.result], height=0.7)
        axes.text(row.begun + max(row.seconds, THINNEST * end), place, f" {row.seconds:.2f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{BY_NAME[row.stage].title}: {row.title}" for row in rows], fontsize=8)
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * end)
    axes.set_xlabel("seconds since the run began")
    axes.set_title("Where the time went")
    return figure
