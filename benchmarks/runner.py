"""The runner beside plain papermill on a notebook that does nothing: wall time up to the executed notebook in its place.

Both are started as a scheduler starts them, in turns, so that whatever else the machine does meets both alike. The limit
is on the median of the ratios of the pairs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

PAIRS = 10
GOAL_RATIO = 1.15
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
RUN = "import sys; from pathlib import Path; from notebooks.__main__ import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"


def write_notebook(path: Path) -> None:
    """A parameters cell and a cell that prints it."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Nothing\n\nDoes nothing."),
        nbformat.v4.new_code_cell("number: int = 1  # any", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(number)"),
    ]
    nbformat.write(notebook, path)


def papermill_seconds(folder: Path) -> float:
    """One run by papermill's command."""
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(folder / "nothing.ipynb"),
        str(folder / "out.ipynb"),
        "-p",
        "number",
        "3",
    ]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def runner_seconds(folder: Path) -> float:
    """One run by the runner, from its start to the moment its notebook is published."""
    runs = folder / "runs" / "nothing"
    before = published(runs)
    started = time.perf_counter()
    command = [sys.executable, "-c", RUN, str(folder), "run", "nothing", "number=3"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while published(runs) == before and process.poll() is None:
            time.sleep(0.002)
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"the runner ended with {process.returncode}")
    return seconds


def published(runs: Path) -> set[Path]:
    return {path for path in runs.glob("*.ipynb") if not path.name.endswith(".part.ipynb")}


def main() -> int:
    """Measures and tells; 1 if the limit is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_notebook(folder / "nothing.ipynb")
        own = {"DATABASE_URL": f"sqlite:///{folder}/record.db", "RUNS_FOLDER": f"{folder}/runs"}
        os.environ.update({**own, "SESSION_KEY_RING": f"{folder}/ring.json"})
        papermill_seconds(folder), runner_seconds(folder)
        pairs = [(papermill_seconds(folder), runner_seconds(folder)) for _ in range(PAIRS)]
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    print(f"papermill {plain:.2f} s, the runner {ours:.2f} s; ratio {ratio:.2f} (limit {GOAL_RATIO})")
    return int(ratio > GOAL_RATIO)


if __name__ == "__main__":
    sys.exit(main())
