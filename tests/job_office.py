"""Where jobs are run in tests: small notebooks of a folder of their own, and what their runs left."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from notebooks import jobs, runner
from notebooks.runner import Limits, Result
from store import job_runs, places
from store.database import Database
from store.job_runs import JobRunRow

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
RUN = "import sys; from pathlib import Path; from notebooks.__main__ import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"


@dataclass(slots=True)
class JobOffice:
    """Notebooks, runs and record of one test."""

    folder: Path
    db: Database
    environment: dict[str, str]

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def write(self, *cells: str, parameters: str = "number: int = 1  # any", name: str = "small") -> None:
        """A notebook of these cells."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
        notebook.cells = [
            nbformat.v4.new_markdown_cell("# Small\n\nFor a test."),
            nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *(nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in cells),
        ]
        nbformat.write(notebook, self.folder / f"{name}.ipynb")

    def run(self, *texts: str, name: str = "small", **limits: float) -> Result:
        """Runs a notebook in this process."""
        return runner.run(jobs.job(name, texts, self.folder), self.db, self.runs, Limits(**limits))

    def start(self, *arguments: str, before: str = "") -> subprocess.Popen[str]:
        """Starts the command as a scheduler does; `before` is Python that is run first."""
        command = [sys.executable, "-c", before + RUN, str(self.folder), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd="/", env={**self.environment, "PYTHONPATH": str(places.ROOT)}, **pipes)

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command to its end: exit code, what it said, what it said of errors."""
        with self.start(*arguments) as process:
            said, errors = process.communicate(timeout=60)
        return process.returncode, said, errors

    def rows(self) -> list[JobRunRow]:
        """The runs of the record, the oldest first."""
        return job_runs.read(self.db, limit=1000)[::-1]

    def files(self, name: str = "small") -> list[str]:
        """What lies in the runs' folder, without the runs' own names."""
        folder = self.runs / name
        return sorted(path.name.partition(".")[2] for path in folder.iterdir()) if folder.exists() else []


def outputs(path: Path) -> str:
    """All that the cells of an executed notebook put out, as one text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join("".join(output.get("text", [])) for cell in cells for output in cell.get("outputs", ()))


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Returns as soon as the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not so within {seconds:g} s")
        time.sleep(0.02)


def is_alive(number: int) -> bool:
    """Whether a process of this number runs, and is no mere entry that nobody has waited for."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def environment_of(folder: Path, url: str) -> dict[str, str]:
    """The settings of an installation in this folder."""
    own = {"DATABASE_URL": url, "RUNS_FOLDER": str(folder / "runs"), "SESSION_KEY_RING": str(folder / "key_ring.json")}
    return {**os.environ, **own, "EMAIL_BACKEND": "sandbox", "SANDBOX_MAILBOX": str(folder / "mailbox")}
