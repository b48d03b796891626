"""The email verification as a plot: when each stage was looked at, and how long it took."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from mailer.verification import Verification
from mailer.verification.stages import BY_NAME, NOT_RUN
from notebooks.plots import closed
from notebooks.verification_steps import COLOURS

THINNEST = 0.004
"""The least part of the whole that a bar is wide, so that a quick look is still seen."""


def waterfall(done: Verification) -> Figure:
    """A bar a look, from when it began to when it ended, in seconds since the run began; the slowest are seen at once."""
    rows = sorted((row for row in done.rows if row.result != NOT_RUN), key=lambda row: row.begun)
    end = max((row.begun + row.seconds for row in rows), default=0.0) or 1.0
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.3 * max(len(rows), 1)), layout="constrained")
    for place, row in enumerate(rows):
        axes.barh(place, max(row.seconds, THINNEST * end), left=row.begun, color=COLOURS[row.result], height=0.7)
        axes.text(row.begun + max(row.seconds, THINNEST * end), place, f" {row.seconds:.2f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{BY_NAME[row.stage].title}: {row.title}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * end)
    axes.set_xlabel("seconds since the run began")
    axes.set_title("Where the time went", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return closed(figure)
