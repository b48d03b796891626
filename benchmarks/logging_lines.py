"""The toolkit's logging in a notebook's kernel, beside plain logging to a file, to the cell, and print.

Each way writes the same lines in a kernel of its own, in turns, so that whatever else the machine does meets all alike.
The time is the cell's own as papermill sees it, until its last output is there. Limits: the seconds for the toolkit with
no line missing in its file, and the ratio to the plain file, which neither redacts nor shows anything.
"""

import statistics
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

LINES, ROUNDS = 100_000, 5
FLUSHED_LINES = 5_000
"""A handler that flushes each line is tried with fewer: it takes most of a minute for all."""
GOAL_SECONDS, GOAL_RATIO = 3.0, 2.0
BEGIN = """
import logging
from pathlib import Path
from notebooks import cell_log
from store import redaction

redaction.hide_values(["a-password-of-the-mail-server", "another-of-the-database"])
log = logging.getLogger("store.benchmark")
log.propagate = {is_ours}

def talk(say, lines={lines}):
    for number in range(lines):
        say("DEBUG: book_slot called for slot %d (interview 4567, candidate a***@example.com)", number)

def plain(handler):
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
"""
TOOLKIT, FILE, PRINT, STREAM = "the toolkit", "logging.FileHandler", "print", "logging.StreamHandler"
WAYS = {
    TOOLKIT: "with cell_log.writing_to(Path({path!r})):\n    talk(log.info)",
    FILE: "plain(logging.FileHandler({path!r}))\ntalk(log.info)",
    PRINT: "talk(lambda text, number: print(text % number))",
    STREAM: "plain(logging.StreamHandler())\ntalk(log.info)",
}


def seconds(way: str, lines: int, path: Path) -> float:
    """How long the cell took that wrote so many lines in this way, in a new kernel. Raises SystemExit if any is missing."""
    begin = textwrap.dedent(BEGIN).format(lines=lines, is_ours=way == TOOLKIT)
    notebook = new_notebook(cells=[new_code_cell(begin), new_code_cell(WAYS[way].format(path=str(path)))])
    client = NotebookClient(notebook, timeout=300, iopub_timeout=60, extra_arguments=["--log-level=ERROR"])
    with client.setup_kernel():
        client.execute_cell(notebook.cells[0], 0)
        started = time.perf_counter()
        client.execute_cell(notebook.cells[1], 1)
        took = time.perf_counter() - started
    if way in (TOOLKIT, FILE) and (found := path.read_text().count("\n")) != lines:
        raise SystemExit(f"{way}: {found} of {lines} lines are in the file")
    return took


def measured(way: str, lines: int = LINES) -> float:
    """Lines a second."""
    with tempfile.TemporaryDirectory() as folder:
        return lines / seconds(way, lines, Path(folder) / "run.log")


def main() -> int:
    """Measures and tells; 1 if a limit is missed."""
    rounds = [{way: measured(way) for way in (TOOLKIT, FILE, PRINT)} for _ in range(ROUNDS)]
    rates = {way: statistics.median(one[way] for one in rounds) for way in rounds[0]}
    rates[STREAM] = measured(STREAM, FLUSHED_LINES)
    for way, rate in rates.items():
        print(f"{way:22} {rate:9,.0f} lines/s {rate / rates[TOOLKIT]:6.2f} of the toolkit's")
    took = LINES / rates[TOOLKIT]
    ratio = statistics.median(one[FILE] / one[TOOLKIT] for one in rounds)
    print(f"{LINES:,} lines in {took:.2f} s (limit {GOAL_SECONDS:g}), all in the file")
    print(f"the plain file is {ratio:.2f} times as fast (limit {GOAL_RATIO:g})")
    return int(took > GOAL_SECONDS or ratio > GOAL_RATIO)


if __name__ == "__main__":
    sys.exit(main())
