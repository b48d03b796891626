"""One run of a job, from the lock to the published record; the only way a scheduled notebook is run.

What is left of a run that was killed: its row, told as died, and its files under their private names until a later run
publishes them.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from notebooks import counts
from notebooks.jobs import Job
from notebooks.parameters import LOG_FILE
from notebooks.parameters import files as parameter_files
from notebooks.run_names import run_name
from notebooks.runner import artefacts, left_behind, settings_secrets, unwritten
from notebooks.runner.alerts import OpsAlert
from notebooks.runner.execution import execute
from notebooks.runner.heart import Heart
from notebooks.runner.last_word import Begun, LastWord, Result
from notebooks.runner.limits import Limits
from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.run_files import RunFiles
from notebooks.runner.starter import code_version, starter
from notebooks.runner.stop_signals import StopSignals
from notebooks.runner.surrender import Surrender
from notebooks.runner.verdict import Verdict
from notebooks.runner.watch import Watch
from store import database, job_locks, job_runs, places
from store.database import Database
from store.errors import Finding, SettingsError, StoreError
from store.job_locks import JobBusy
from store.job_runs import JobEnd, JobStart
from store.outcomes import DONE, EXIT_CODES, FAILED, WRONG_SETTINGS
from store.settings import Settings

_ASK_SECONDS = 0.5


class StoppedWaiting(StoreError):
    """A signal came before the run could begin."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every part of a run works with."""

    job: Job
    db: Database
    word: LastWord
    signals: StopSignals
    watch: Watch
    kernel: PrivateKernel


def run(
    job: Job, db: Database, runs: str | Path, limits: Limits | None = None, settings: Settings | None = None,
    tell: Callable[[Result], None] = lambda _: None, wrong: Sequence[Finding] = (), kernel: PrivateKernel | None = None,
) -> Result:  # fmt: skip
    """Runs the job and gives how it ended; its record is in `runs`, with a folder a notebook, and in the database.

    `tell` gets the same as soon as it is known, before what else is to be done: with `settings` ops are mailed if it did
    not end well, and what killed runs left is published. A signal that comes then ends only that. A run whose folder
    cannot be used, or of whose settings something is `wrong`, ends at once with that. A runner that hangs when it is to
    stop ends this process. `kernel` is one that was prepared for this job; whoever gives it ends it if no run came of it.
    Raises JobBusy if another run of the same job holds the lock for longer than it may wait, StoreError if the run cannot
    be recorded at all.
    """
    limits, alert = limits or Limits(), OpsAlert(db, settings)
    word = LastWord(db, alert)
    with StopSignals() as signals:
        with Watch(signals, limits.total, limits.cell, Surrender(word, tell)) as watch:
            desk = _Desk(job, db, word, signals, watch, kernel or PrivateKernel(job.source))
            result = _refused(desk, Path(runs), SettingsError(wrong)) if wrong else _run(desk, Path(runs), limits.wait)
        tell(result)
        is_stopped = signals.is_asked()
        signals.forget()
        alert.send(signals.is_asked)
        if word.begun.lock and not is_stopped and not signals.is_asked():
            left_behind.publish_within(db, [result.files.folder], signals.is_asked)
    return result


def _run(desk: _Desk, runs: Path, wait: float) -> Result:
    try:
        files = RunFiles.make(places.resolve(runs) / desk.job.name)
    except StoreError as refused:
        return _refused(desk, runs, refused)
    with files.held():
        try:
            desk.word.begun = _begin(desk, files, wait)
        finally:
            if desk.word.begun is None:
                files.drop()
        desk.watch.begins()
        with Heart(desk.db, desk.word.begun.lock, desk.word.begun.run_id, desk.watch) as heart:
            return _work(desk, files, heart)


def _refused(desk: _Desk, runs: Path, refused: StoreError) -> Result:
    """A run that ended before it began: without its row nobody would know why the job did not run."""
    files = RunFiles(runs / desk.job.name, run_name())
    desk.word.begun = Begun(files, job_runs.begin(desk.db, _start(desk.job, files, {})), None)
    return desk.word.tell(_wrong(refused))


def _wrong(refused: StoreError) -> JobEnd:
    return JobEnd(WRONG_SETTINGS, EXIT_CODES[WRONG_SETTINGS], "\n".join(refused.lines()))


def _start(job: Job, files: RunFiles, left: dict[str, str]) -> JobStart:
    who = starter()
    return JobStart(
        files.name, job.name, job.key, job.values, who.started_by, who.user_name, who.host, os.getpid(), code_version(),
        left, job.scheduled_as,
    )  # fmt: skip


def _begin(desk: _Desk, files: RunFiles, wait: float) -> Begun:
    """The lock and the row, in one transaction; asked for until they are there or the time is up."""
    until = time.monotonic() + wait
    start = _start(desk.job, files, {"log": places.shown(files.log)})
    while True:
        try:
            with database.changing(desk.db):
                lock = job_locks.take(desk.db, start.job_key, files.name)
                return Begun(files, job_runs.begin(desk.db, start), lock)
        except JobBusy as busy:
            if desk.signals.is_asked():
                raise StoppedWaiting(f"Stopped while waiting for {busy.run_name}; nothing was begun.") from None
            if time.monotonic() >= until:
                raise
        time.sleep(min(_ASK_SECONDS, max(0.0, until - time.monotonic())))


def _work(desk: _Desk, files: RunFiles, heart: Heart) -> Result:
    try:
        end = _without_files(desk.job, files) or _end(desk, files, heart)
    except BaseException:
        desk.word.tell(JobEnd(FAILED, 1, "The runner itself was broken off; its own error tells why."))
        raise
    return desk.word.tell(end)


def _without_files(job: Job, files: RunFiles) -> JobEnd | None:
    """The end of a run whose parameters name files that are not there; None if they are.

    Looked for under the lock, for another run of the job may have had them until a moment ago.
    """
    missing = parameter_files.missing(job.sheet.parameters, job.values)
    if missing:
        files.drop()
    return _wrong(SettingsError(missing)) if missing else None


def _end(desk: _Desk, files: RunFiles, heart: Heart) -> JobEnd:
    job, watch = desk.job, desk.watch
    own = {LOG_FILE: str(files.log)} if job.takes_log else {}
    judged, memory = None, None
    try:
        settings_secrets.mark(files)
        done = execute(job.source, desk.kernel, files, {**job.values, **own}, watch, heart)
        judged, memory = done.verdict, done.peak_memory
        published = artefacts.publish(files, judged)
        judged = Verdict(published.outcome, published.message)
        found = counts.read(files.notebook)
    except Exception as error:  # noqa: BLE001 - told: no run that was begun ends without its outcome
        return unwritten.end(files, judged or Verdict(watch.reason or DONE, watch.detail), error, memory)
    return JobEnd(published.outcome, published.exit_code, published.message, found, published.shown, memory)
