"""Progress of long work: a bar in a terminal and in JupyterLab, nothing in a scheduled job."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Gives the function that is told how many more are done."""
    # The Jupyter server names its session to a kernel; papermill does not.
    is_watched = sys.stdout.isatty() or "JPY_SESSION_NAME" in os.environ
    with tqdm(total=total, desc=what, unit="", file=sys.stdout, disable=not is_watched, ascii=True) as progress:
        yield progress.update
