"""A job that the form has started: the same command as a scheduler's, in a process of its own, and what is seen of it."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from notebooks import jobs
from notebooks.runner import settings_secrets
from notebooks.runner.run_files import RunFiles
from store import job_runs, places, record_copies
from store.errors import SettingsError
from store.job_runs import JobRunRow
from store.settings import Settings

STARTED_BY = "form in start_here"
RUNNER = ("-m", "notebooks")
"""What Python is given for the runner's command."""
_SHOWN_LINES, _TAIL_BYTES = 8, 16_384
_LOOKED_THROUGH = 50
_COLOURED = ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
"""What a kernel tells its programs, so that they would put colours into what is shown here as text."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: its row once there is one, code cells run and in all, and the newest lines of its log."""

    row: JobRunRow | None = None
    cells: int = 0
    of: int = 0
    lines: Sequence[str] = ()


def command(name: str, texts: Sequence[str]) -> str:
    """The shell command that runs this job, to be pasted into any terminal of this machine."""
    python = places.shown(sys.executable)
    return f"cd {shlex.quote(str(places.ROOT))} && {shlex.join([python, *RUNNER, 'run', name, *texts])}"


class StartedRun:
    """A running child process. It goes on if the kernel that started it is interrupted, restarted or ended."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], errors: IO[bytes]):
        self.name = name
        self._process, self._errors = process, errors

    @classmethod
    def start(cls, name: str, texts: Sequence[str], environment: Mapping[str, str] = os.environ) -> "StartedRun":
        """Starts `python -m notebooks run NAME ...`, which records itself as every job does."""
        own = {key: value for key, value in environment.items() if key not in _COLOURED}
        # No pipe: a job whose reader has gone must not fail for that. It is read as long as this object lives.
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, *RUNNER, "run", name, *texts], cwd=places.ROOT, stdin=subprocess.DEVNULL,
            env={**own, "JOB_STARTED_BY": STARTED_BY}, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
        )  # fmt: skip
        return cls(name, process, errors)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Returns when the run has ended, or so many seconds later."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def stop(self) -> None:
        """Asks the run to stop; what it has done is kept."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def errors(self) -> str:
        """What the command said of errors so far; the runner has redacted it."""
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace").strip()

    def progress(self, settings: Settings) -> Progress:
        """What is to be seen of it now. Raises DatabaseUnusable."""
        return progress_of(self.name, self._process.pid, settings)


def progress_of(name: str, pid: int, settings: Settings) -> Progress:
    """What is to be seen now of the newest run of a notebook that a process of this host is. Raises DatabaseUnusable."""
    with record_copies.opened_to_read(settings.database_url.get_secret_value()) as db:
        rows = job_runs.read(db, name, limit=_LOOKED_THROUGH) if db else []
    host = socket.gethostname()
    row = next((row for row in rows if (row.pid, row.host) == (pid, host)), None)
    if row is None or "log" not in row.artefacts:
        return Progress(row)
    log = places.resolve(row.artefacts["log"])
    return Progress(row, *_cells(RunFiles(log.parent, row.name)), _tail(log))


def _cells(files: RunFiles) -> tuple[int, int]:
    """Code cells that have run, and all of them; none while the notebook cannot be read."""
    path = files.aside if files.aside.exists() else files.notebook
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        # It is being written or moved at this moment.
        return 0, 0
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code" and cell["source"]]
    return sum(count is not None for count in counts), len(counts)


def _tail(log: Path) -> list[str]:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        # Kept back by the check for secrets, perhaps; the outcome tells.
        return []
    return lines[-_SHOWN_LINES:]


def check(name: str, texts: Sequence[str], folder: Path = jobs.FOLDER) -> tuple[jobs.Job, Settings]:
    """What `run --check` looks at, by the same reader. Raises StoreError with everything that is wrong."""
    job, settings = jobs.job(name, texts, folder), Settings.load()
    if held := list(settings_secrets.held_by(job.values)):
        raise SettingsError(held)
    return job, settings
