"""What a run counted: rows booked, mails sent. A step tells it in its cell's output, and the runner reads it there.

So it works in JupyterLab and under plain papermill, too, and a rehearsal tells as much as a real run.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

MEDIA_TYPE = "application/vnd.interview-ops.counts+json"


def tell(**found: int | float) -> None:
    """Tells counts to whoever runs the notebook; a later count of the same name takes the earlier one's place."""
    # Here, for the runner reads counts without it.
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        # Without a text beside it nothing is shown.
        shell.display_pub.publish({MEDIA_TYPE: found})


def read(notebook: Path) -> dict[str, int | float]:
    """The counts that an executed notebook tells; none for one that is not there. What is no number is passed over."""
    if not notebook.is_file():
        return {}
    found: dict[str, int | float] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            found |= _numbers(told_in(output))
    return found


def told_in(output: Mapping[str, object]) -> object:
    """What an output of a cell tells as its counts, whatever that is; None for one that tells none."""
    data = output.get("data")
    return data.get(MEDIA_TYPE) if isinstance(data, Mapping) else None


def _numbers(told: object) -> dict[str, int | float]:
    listed = told.items() if isinstance(told, Mapping) else ()
    return {
        name: value for name, value in listed if type(value) is int or (type(value) is float and math.isfinite(value))
    }
