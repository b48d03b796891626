"""The runner beside plain papermill on a notebook that does nothing, and a batch's notebook beside a program that books it.

Wall time up to the executed notebook in its place. All are started as a scheduler starts them, in turns, so that whatever
else the machine does meets both alike. The limits are on the medians of the ratios of the pairs.
"""

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

PAIRS, BOOKING_PAIRS = 10, 5
GOAL_RATIO, BOOKING_GOAL_RATIO = 1.15, 1.3
ROWS = 10_000
PLAIN_BOOKING = Path(__file__).with_name("plain_booking.py")
KERNEL_START = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3")
client.execute_interactive("pass", timeout=60)
manager.shutdown_kernel(now=True)
"""
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


def program_seconds(command: list[str], settings: Mapping[str, str] = os.environ) -> float:
    """A Python program, from its start to its end; it must end well."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, env=os.environ | settings, capture_output=True)
    return time.perf_counter() - started


def booking_seconds(folder: Path, settings: Mapping[str, str]) -> float:
    """The batch as a job, from its start to the moment its notebook is published."""
    given = [f"batch_csv={folder / 'batch.csv'}", "dry_run=False", "deliver_mail=False"]
    command = [sys.executable, "-m", "notebooks", "run", "booking_batch", *given]
    return published_seconds(command, folder / "runs" / "booking_batch", os.environ | settings)


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


def booking_ratio(folder: Path, engine: str) -> float:
    """The job beside a program that books the same file plus a bare kernel's start: the median of pairs on fresh records."""
    ratios = []
    for number in range(BOOKING_PAIRS + 1):
        with engines.fresh(engine, 2) as urls:
            first, second = (
                {"DATABASE_URL": url, "SESSION_KEY_RING": f"{folder}/ring_{secrets.token_hex(4)}.json"} for url in urls
            )
            plain = program_seconds([str(PLAIN_BOOKING), str(folder / "batch.csv"), str(folder / "plain.log")], first)
            job = booking_seconds(folder, second)
        start = program_seconds(["-c", KERNEL_START])
        ratio = job / (plain + start)
        told = f"program {plain:.2f} s, kernel's start {start:.2f} s, job {job:.2f} s: {ratio:.2f}"
        print(f"{engine}, {ROWS} rows: {told}{'' if number else ' (the first, which does not count)'}")
        ratios += [ratio] if number else []
    return statistics.median(ratios)


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
        # As on a machine that jobs run on: the second start of a program finds its modules compiled.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.update({**own, "SESSION_KEY_RING": f"{folder}/ring.json", "EMAIL_BACKEND": "sandbox"})
        is_missed = overhead(folder) > GOAL_RATIO
        write_batch(folder / "batch.csv")
        for engine in engines.available():
            ratio = booking_ratio(folder, engine)
            print(f"{engine}: ratio {ratio:.2f} (limit {BOOKING_GOAL_RATIO})")
            is_missed |= ratio > BOOKING_GOAL_RATIO
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main())
