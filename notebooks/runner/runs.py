"""One run of a job, from the lock to the published record; the only way a scheduled notebook is run.

What is left of a run that was killed: its row, told as died, and its files under their private names until a later run
publishes them.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from notebooks import counts
from notebooks.jobs import Job
from notebooks.parameters import LOG_FILE
from notebooks.runner import artefacts, left_behind
from notebooks.runner.alerts import OpsAlert
from notebooks.runner.execution import execute
from notebooks.runner.heart import Heart
from notebooks.runner.run_files import RunFiles
from notebooks.runner.starter import code_version, starter
from notebooks.runner.watch import Watch
from store import database, job_locks, job_runs, places
from store.database import Database
from store.errors import DatabaseUnusable, StoreError
from store.job_locks import JobBusy, JobLock
from store.job_runs import FAILED, JobEnd, JobStart
from store.settings import Settings

log = logging.getLogger(__name__)
_ASK_SECONDS = 0.5
_TELL_TRIES, _TELL_SECONDS = 5, 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: how long to wait for another run of the same job, and how long the run and each cell may take."""

    wait: float = 0.0
    total: float | None = None
    cell: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended, and where its record lies; `message` is empty for one that did what it was asked to."""

    outcome: str
    exit_code: int
    message: str
    files: RunFiles
    counts: Mapping[str, int | float]


class StoppedWaiting(StoreError):
    """A signal came before the run could begin."""


@dataclass(frozen=True, slots=True)
class _Begun:
    lock: JobLock
    run_id: int


def run(job: Job, db: Database, runs: Path, limits: Limits | None = None, settings: Settings | None = None) -> Result:
    """Runs the job and gives how it ended; its record is in `runs`, a folder a notebook, and in the database.

    With `settings` ops are mailed if it does not end well. Raises JobBusy if another run of the same job holds the lock
    for longer than it may wait, StoreError if the run cannot begin at all, and what is wrong with papermill itself.
    """
    limits, alert = limits or Limits(), OpsAlert(db, settings)
    try:
        with Watch(limits.total, limits.cell) as watch:
            files = RunFiles.make(runs / job.name)
            with files.held():
                result = _run(job, db, files, watch, limits.wait, alert)
            if not watch.is_asked:
                left_behind.try_publish(db, files.folder)
            return result
    finally:
        # After the watch: a signal that comes now ends the waiting for a mail server, too.
        alert.send()


def _run(job: Job, db: Database, files: RunFiles, watch: Watch, wait: float, alert: OpsAlert) -> Result:
    begun = None
    try:
        begun = _begin(job, db, files, watch, wait)
        with Heart(db, begun.lock, begun.run_id, watch) as heart:
            return _work(job, db, files, begun, watch, heart, alert)
    finally:
        if begun is None:
            files.drop()


def _begin(job: Job, db: Database, files: RunFiles, watch: Watch, wait: float) -> _Begun:
    """The lock and the row, in one transaction; asked for until they are there or the time is up."""
    until = time.monotonic() + wait
    key, who = job_runs.job_key(job.name, job.values), starter()
    start = JobStart(
        files.name, job.name, key, job.values, who.started_by, who.user_name, who.host, os.getpid(), code_version(),
        {"log": places.shown(files.log)}, job.scheduled_as,
    )  # fmt: skip
    while True:
        try:
            with database.changing(db):
                return _Begun(job_locks.take(db, key, files.name), job_runs.begin(db, start))
        except JobBusy as busy:
            if watch.is_asked:
                raise StoppedWaiting(f"Stopped while waiting for {busy.run_name}; nothing was begun.") from None
            if time.monotonic() >= until:
                raise
        time.sleep(min(_ASK_SECONDS, max(0.0, until - time.monotonic())))


def _work(
    job: Job, db: Database, files: RunFiles, begun: _Begun, watch: Watch, heart: Heart, alert: OpsAlert
) -> Result:
    end = JobEnd(FAILED, 1, "The runner itself failed; its own error tells why.")
    try:
        end = _end(job, files, watch, heart)
    finally:
        untold = _tell(db, begun, end, alert)
    return Result(end.outcome, end.exit_code, f"{end.message} {untold}".strip(), files, end.counts)


def _end(job: Job, files: RunFiles, watch: Watch, heart: Heart) -> JobEnd:
    own = {LOG_FILE: str(files.log)} if job.takes_log else {}
    try:
        done = execute(job.source, files, {**job.values, **own}, watch, heart)
        published = artefacts.publish(files, done.verdict)
        found = counts.read(files.notebook)
    except OSError as error:
        what = f"The run could not be written ({error.strerror or error})."
        fix = "To fix: look at the disk's free space, and run it again; what is done is not done twice."
        return JobEnd(FAILED, 1, f"{what} {fix}", artefacts=files.shown())
    return JobEnd(published.outcome, published.exit_code, published.message, found, published.shown, done.peak_memory)


def _tell(db: Database, begun: _Begun, end: JobEnd, alert: OpsAlert) -> str:
    """The end of the run, its alert and the end of its lock, in one transaction; again while the database is away.

    Gives what is to be said where the record could not be told; the run has ended as it has all the same.
    """
    for left in reversed(range(_TELL_TRIES)):
        try:
            with database.changing(db):
                job_runs.finish(db, begun.run_id, end)
                alert.queue(begun.run_id)
                job_locks.release(db, begun.lock)
            return ""
        except DatabaseUnusable as error:
            trouble = error
            time.sleep(_TELL_SECONDS if left else 0)
    return f"The record could not be told, so it will tell this run as died: {trouble.line()}"
