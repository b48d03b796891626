"""Who or what started this run, and which code it runs."""

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from store import failures, places

_SCHEDULERS = ("cron", "crond", "anacron", "atd")
_GIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Starter:
    """What JOB_STARTED_BY says, or which scheduler it was, or that it was somebody at a terminal; and who, and where."""

    started_by: str
    user_name: str
    host: str


def starter(environment: Mapping[str, str] = os.environ) -> Starter:
    """Looked up for this process."""
    return Starter(_started_by(environment), _user(), socket.gethostname())


def _started_by(environment: Mapping[str, str]) -> str:
    if told := environment.get("JOB_STARTED_BY", "").strip():
        return told[:200]
    if dag := environment.get("AIRFLOW_CTX_DAG_ID"):
        return f"airflow {dag}/{environment.get('AIRFLOW_CTX_TASK_ID', '')}"
    if scheduler := next((name for name in _ancestors() if name in _SCHEDULERS), ""):
        return scheduler
    # A terminal that systemd started has the variables, too, but not the process number of one above us only.
    ours = (str(os.getppid()), str(os.getpid()))
    if environment.get("INVOCATION_ID") and environment.get("SYSTEMD_EXEC_PID") in ours:
        return "systemd"
    return failures.TERMINAL if os.isatty(0) or os.isatty(2) else "program"


def _ancestors() -> Iterator[str]:
    """The names of the processes above this one, the nearest first; only the first where the system tells none."""
    number = os.getppid()
    while number > 0:
        name, above = "", 0
        with suppress(OSError, ValueError):
            head, _, rest = Path(f"/proc/{number}/stat").read_text().rpartition(") ")
            name, above = head.partition(" (")[2], int(rest.split()[1])
        yield name
        number = above


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has a number only.
        return str(os.getuid())


def code_version() -> str:
    """What git calls this code, `-dirty` with changes of its own; without git the package's version."""
    # Git asks no code of another owner; an installation's belongs to root, and jobs are another user's.
    trusted = f"safe.directory={places.ROOT}"
    command = ["git", "-c", trusted, "-C", str(places.ROOT), "describe", "--always", "--tags", "--dirty"]
    if (places.ROOT / ".git").exists():
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
            return done.stdout.strip()
    try:
        return version("interview-ops")
    except PackageNotFoundError:
        return "unknown"
