"""A run that a form of an earlier kernel has started: it goes on without that, and is followed and stopped like any other."""

import os
import signal
import socket
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import peewee

from notebooks.lab import started_runs
from notebooks.lab.started_runs import STARTED_BY, Progress, progress_of
from notebooks.runner.starter import starter
from store import job_runs, record_copies
from store.database import Database
from store.errors import Refusal
from store.job_runs import JobRunRow
from store.outcomes import RUNNING
from store.settings import Settings

_LOOK_SECONDS = 0.2
_UNREAD_SECONDS = 60.0
"""So long a record that cannot be read is asked again how a run ended that is there no more."""


class FoundRun:
    """Somebody else's child process on this host, as `StartedRun` is this kernel's own."""

    def __init__(self, row: JobRunRow):
        self.name = row.notebook
        self._id, self._pid = row.id, row.pid
        self._gone_since = 0.0

    @property
    def exit_code(self) -> int | None:
        """None while it runs; of one that said nothing at its end, or of which nobody can read, that of a killed one."""
        if _is_runner(self._pid):
            return None
        self._gone_since = self._gone_since or time.monotonic()
        with suppress(Refusal, peewee.DatabaseError), _record() as db:
            if db is not None:
                row = job_runs.of_id(db, self._id)
                return -signal.SIGKILL if row is None or row.exit_code is None else row.exit_code
        return None if time.monotonic() - self._gone_since < _UNREAD_SECONDS else -signal.SIGKILL

    def wait(self, seconds: float) -> None:
        """Returns when it is known how the run ended, or so many seconds later."""
        until = time.monotonic() + seconds
        while self.exit_code is None and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Asks the run to stop; what it has done is kept."""
        if _is_runner(self._pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, signal.SIGTERM)

    def errors(self) -> str:
        """Nothing: who started it has gone. The record tells what it said."""
        return ""

    def progress(self, settings: Settings) -> Progress:
        """What is to be seen of it now. Raises DatabaseUnusable."""
        return progress_of(self.name, self._pid, settings)


def newest() -> FoundRun | None:
    """The newest run of this user's forms that is at work on this host; None for none, or while that cannot be known."""
    host, user = socket.gethostname(), starter().user_name
    with suppress(Refusal, peewee.DatabaseError), _record() as db:
        rows = job_runs.read(db, outcomes=[RUNNING]) if db else []
        mine = (row for row in rows if (row.started_by, row.host, row.user_name) == (STARTED_BY, host, user))
        return next((FoundRun(row) for row in mine if _is_runner(row.pid)), None)
    return None


def _record() -> AbstractContextManager[Database | None]:
    return record_copies.opened_to_read(Settings.load().database_url.get_secret_value())


def _is_runner(pid: int) -> bool:
    """Whether this is a runner's process still, and no later one with its number. False where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return all(word.encode() in words for word in (*started_runs.RUNNER, "run"))
