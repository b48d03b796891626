"""The runner beside plain papermill on a notebook that does nothing, and a batch's notebook beside its own cells as a program.

Wall time up to the executed notebook in its place. All are started as a scheduler starts them, in turns, so that whatever
else the machine does meets both alike. The limits are on the medians of the ratios of the pairs.
"""

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import engines
import nbformat

from store import places

PAIRS, BOOKING_PAIRS = 10, 3
GOAL_RATIO, BOOKING_GOAL_RATIO = 1.15, 1.3
ROWS = 10_000
BATCH = places.ROOT / "notebooks" / "booking_batch.ipynb"
CALLS = ("batch_steps.plan(", "batch_steps.book(")
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
RUN = "import sys; from pathlib import Path; from notebooks.__main__ import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"

CELLS = """
import json, sys, time
cells = [cell for cell in json.load(open(sys.argv[1]))["cells"] if cell["cell_type"] == "code"]
for cell in cells:
    started = time.perf_counter()
    exec("".join(cell["source"]), globals())
    if "parameters" in cell["metadata"].get("tags", ()):
        batch_csv, dry_run, deliver_mail, log_file = sys.argv[2], False, False, sys.argv[3]
    if "batch_steps.plan(" in "".join(cell["source"]) or "batch_steps.book(" in "".join(cell["source"]):
        print("TOOK", time.perf_counter() - started)
"""
"""The notebook's own cells as a program without a kernel; tells what planning and booking took."""


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
    command = [sys.executable, "-c", RUN, str(folder), "run", "nothing", "number=3"]
    return published_seconds(command, folder / "runs" / "nothing", os.environ)


def published_seconds(command: list[str], runs: Path, environment: Mapping[str, str]) -> float:
    """From the start of a job to the moment its notebook lies in `runs`; it must end well."""
    before = published(runs)
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while published(runs) == before and process.poll() is None:
            time.sleep(0.002)
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"the runner ended with {process.returncode}")
    return seconds


def published(runs: Path) -> set[Path]:
    return {path for path in runs.glob("*.ipynb") if not path.name.endswith(".part.ipynb")}


def plain_seconds(folder: Path, settings: dict[str, str]) -> tuple[float, float]:
    """The cells of the batch's notebook as a plain program: the whole, and planning and booking alone."""
    command = [sys.executable, "-c", CELLS, str(BATCH), str(folder / "batch.csv"), str(folder / "plain.log")]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, env=os.environ | settings, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    return seconds, sum(float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("TOOK "))


def booking_seconds(folder: Path, settings: dict[str, str]) -> tuple[float, float]:
    """The same as a job, from its start to the moment its notebook is published; and its planning and booking cells."""
    given = [f"batch_csv={folder / 'batch.csv'}", "dry_run=False", "deliver_mail=False"]
    command = [sys.executable, "-m", "notebooks", "run", "booking_batch", *given]
    runs = folder / "runs" / "booking_batch"
    seconds = published_seconds(command, runs, os.environ | settings)
    cells = json.loads(max(published(runs), key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8"))["cells"]
    called = [cell for cell in cells if any(call in "".join(cell["source"]) for call in CALLS)]
    return seconds, sum(cell["metadata"]["papermill"]["duration"] for cell in called)


def write_batch(path: Path) -> None:
    """A candidates file of ROWS rows, ten to a slot."""
    day = datetime.now(UTC).date() + timedelta(days=30)
    with path.open("w", encoding="utf-8") as file:
        file.write(
            "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes,capacity\n"
        )
        for number in range(ROWS):
            slot = number // 10
            when = f"{day + timedelta(days=slot // 96)},{slot % 96 // 4:02}:{slot % 4 * 15:02}"
            file.write(f"Asha Rao {number},asha{number}@bench.example,Nurse,Acme,{when},15,10\n")


def booking_ratios(folder: Path, engine: str) -> tuple[float, float]:
    """Notebook beside plain program, the medians of pairs on fresh records: the whole, without what a notebook that does
    nothing takes papermill (the kernel's start, most of it); and the calls alone."""
    whole, calls = [], []
    for _ in range(BOOKING_PAIRS):
        with engines.fresh(engine, 2) as urls:
            plain, ours = (
                measure(folder, {"DATABASE_URL": url, "SESSION_KEY_RING": f"{folder}/ring_{secrets.token_hex(4)}.json"})
                for measure, url in zip((plain_seconds, booking_seconds), urls, strict=True)
            )
        start = papermill_seconds(folder)
        whole.append((ours[0] - start) / plain[0])
        calls.append(ours[1] / plain[1])
        print(f"{engine}, {ROWS} rows: as a program {plain[0]:.2f} s, as a job {ours[0]:.2f} s, a start {start:.2f} s;"
              f" planning and booking alone {plain[1]:.2f} s and {ours[1]:.2f} s")  # fmt: skip
    return statistics.median(whole), statistics.median(calls)


def overhead(folder: Path) -> float:
    """The runner's time beside papermill's on a notebook that does nothing."""
    write_notebook(folder / "nothing.ipynb")
    papermill_seconds(folder), runner_seconds(folder)
    pairs = [(papermill_seconds(folder), runner_seconds(folder)) for _ in range(PAIRS)]
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    print(f"papermill {plain:.2f} s, the runner {ours:.2f} s; ratio {ratio:.2f} (limit {GOAL_RATIO})")
    return ratio


def main() -> int:
    """Measures and tells; 1 if a limit is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = {"DATABASE_URL": f"sqlite:///{folder}/record.db", "RUNS_FOLDER": f"{folder}/runs"}
        os.environ.update({**own, "SESSION_KEY_RING": f"{folder}/ring.json", "EMAIL_BACKEND": "sandbox"})
        is_missed = overhead(folder) > GOAL_RATIO
        write_batch(folder / "batch.csv")
        for engine in engines.available():
            whole, calls = booking_ratios(folder, engine)
            print(f"{engine}: ratio {whole:.2f}, of the calls alone {calls:.2f} (limit {BOOKING_GOAL_RATIO})")
            is_missed |= max(whole, calls) > BOOKING_GOAL_RATIO
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main())
