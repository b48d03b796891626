"""What a notebook's cell shows of the log while it works: a few lines as they come, and how many more are in the file."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from IPython import get_ipython
from tqdm import tqdm

from store import debuglog, places

FIRST_LINES, FAILURE_LINES, LINE_CHARS = 25, 50, 1_000
"""So much a cell shows: an executed notebook is read by people, and the file has every line."""
FIRST_PAUSE_SECONDS = 2.0
"""After the first lines the newest one is shown after pauses that double: a dozen of them in an hour."""


class CellLog:
    """Shows a log's lines in the cell that is running. Each cell begins to count anew; threads may call."""

    def __init__(self, path: Path):
        self._where, self._lock = places.shown(path), threading.Lock()
        self._hidden = self._hidden_failures = 0
        self.begin_cell()

    def begin_cell(self, *_: object) -> None:
        """To be called before each cell."""
        with self._lock:
            self._first = self._failures = 0
            self._pause, self._next_at = FIRST_PAUSE_SECONDS, float("inf")

    def show(self, level: int, line: str) -> None:
        """Shows the line, if it is one of the cell's first, tells of a failure, or is due as a sign of life."""
        with self._lock:
            if self._first < FIRST_LINES:
                self._first += 1
                _write(line)
            elif not self._is_shown(level, line):
                self._hidden += 1
            else:
                _write(line)

    def _is_shown(self, level: int, line: str) -> bool:
        if self._next_at == float("inf"):
            self._next_at = time.monotonic() + self._pause
            _write(f"... from here on failures, and now and then the newest line; every line is in {self._where}")
        if is_failure(level, line):
            self._failures += 1
            self._hidden_failures += self._failures > FAILURE_LINES
            return self._failures <= FAILURE_LINES
        if time.monotonic() < self._next_at:
            return False
        self._pause *= 2
        self._next_at = time.monotonic() + self._pause
        return True

    def end_cell(self, *_: object) -> None:
        """To be called after each cell: says what it did not show."""
        with self._lock:
            if self._hidden:
                failed = f" ({self._hidden_failures:,} of them failures)" if self._hidden_failures else ""
                _write(f"... and {self._hidden:,} more lines{failed} in {self._where}")
            self._hidden = self._hidden_failures = 0


def is_failure(level: int, line: str) -> bool:
    """Whether somebody may have to act: a warning, a mail that did not go, or a line that says what to fix."""
    return level >= logging.WARNING or "To fix: " in line or any(tag in line for tag in debuglog.FAILURES)


def _write(line: str) -> None:
    if len(line) > LINE_CHARS:
        # What to fix stands at the end.
        line = f"{line[: LINE_CHARS // 2]} ... {line[-LINE_CHARS // 2 :]}"
    # It keeps clear of a bar of progress. Nothing is flushed without one: a flush a line makes a kernel lose output.
    tqdm.write(f"{line}\n", end="")


@contextmanager
def writing_to(path: Path) -> Iterator[Path]:
    """As `debuglog.writing_to`; in a notebook the cell shows what goes on, too."""
    shell = get_ipython()
    if shell is None:
        with debuglog.writing_to(path):
            yield path
        return
    cell = CellLog(path)
    hooks = (("pre_run_cell", cell.begin_cell), ("post_run_cell", cell.end_cell))
    with debuglog.writing_to(path, cell.show):
        for event, hook in hooks:
            shell.events.register(event, hook)
        try:
            yield path
        finally:
            for event, hook in hooks:
                shell.events.unregister(event, hook)
            cell.end_cell()
