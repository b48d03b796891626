"""Where jobs are run in tests: small notebooks of a folder of their own, and what their runs left."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from notebooks import jobs
from notebooks.runner import runs
from notebooks.runner.last_word import Result
from notebooks.runner.limits import Limits
from store import job_runs, places
from store.database import Database, execute
from store.job_runs import JobRunRow

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
RUN = "import sys; from pathlib import Path; from notebooks.__main__ import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"

_OFFICE = "TEST_OFFICE"


@dataclass(slots=True)
class JobOffice:
    """Notebooks, runs and record of one test."""

    folder: Path
    db: Database
    environment: dict[str, str]
    notebooks: Path | None = None
    """Where the notebooks lie; None for this folder."""

    @classmethod
    def here(cls, folder: Path, db: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> "JobOffice":
        """One whose settings this process has, too."""
        environment = environment_of(folder, url)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return cls(folder, db, environment)

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
        return runs.run(jobs.job(name, texts, self.folder), self.db, self.runs, Limits(**limits))

    def start(self, *arguments: str, before: str = "", errors: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Starts the command as a scheduler does; `before` is Python that is run first, `errors` where stderr goes."""
        command = [sys.executable, "-c", before + RUN, str(self.notebooks or self.folder), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": errors, "text": True}
        environment = {**self.environment, "PYTHONPATH": str(places.ROOT), _OFFICE: str(self.folder)}
        return subprocess.Popen(command, cwd="/", env=environment, start_new_session=True, **pipes)

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command to its end: exit code, what it said, what it said of errors."""
        with self.start(*arguments) as process:
            said, errors = process.communicate(timeout=120)
        return process.returncode, said, errors

    def rows(self) -> list[JobRunRow]:
        """The runs of the record, the oldest first."""
        return job_runs.read(self.db, limit=1000)[::-1]

    def processes(self, holding: str = "") -> list[int]:
        """The processes of runs that were started here, their kernels and helpers; those with a text in their command."""
        mark = f"{_OFFICE}={self.folder}\0".encode()
        found = [number for number in _numbers() if mark in _read(number, "environ")]
        return [number for number in found if holding.encode() in _read(number, "cmdline")]

    def grow_old(self) -> None:
        """Lets runs be a while older, so that a killed one has died."""
        for table in ("job_lock", "job_run"):
            execute(self.db, f"UPDATE {table} SET heartbeat_at = heartbeat_at - 31")
        for path in self.runs.glob("*/*.log"):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 61))

    def kill(self, process: subprocess.Popen[str], how: str) -> None:
        """Ends a run: `kill` and `stop` its process group with SIGKILL and SIGTERM, `kernel` its kernel, if it has one yet."""
        kernels = self.processes("kernel_process.py") if how == "kernel" else []
        with suppress(ProcessLookupError):
            if kernels:
                os.kill(kernels[0], signal.SIGKILL)
            else:
                os.killpg(process.pid, signal.SIGTERM if how == "stop" else signal.SIGKILL)
        process.communicate(timeout=60)

    def check_published(self, name: str = "small") -> None:
        """Every published notebook and page is whole."""
        for path in (self.runs / name).glob("*.*"):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb" and ".part" not in path.name:
                assert json.loads(text)["cells"]
            if path.suffix == ".html" and ".part" not in path.name:
                assert text.rstrip().endswith("</html>")

    def files(self, name: str = "small") -> list[str]:
        """What lies in the runs' folder, without the runs' own names."""
        folder = self.runs / name
        return sorted(path.name.partition(".")[2] for path in folder.iterdir()) if folder.exists() else []


def _numbers() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _read(number: int, name: str) -> bytes:
    """What the system tells of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{number}/{name}").read_bytes()
    except OSError:
        return b""


def outputs(path: Path) -> str:
    """All that the cells of an executed notebook put out, as one text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join("".join(output.get("text", [])) for cell in cells for output in cell.get("outputs", ()))


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
