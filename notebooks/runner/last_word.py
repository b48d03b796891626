"""How a run ended, told once: to the record, with its alert and the end of its lock, and to whoever started it."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from notebooks.bounded_call import CallLeft, call_within
from notebooks.runner import unrecorded
from notebooks.runner.alerts import OpsAlert
from notebooks.runner.run_files import RunFiles
from store import database, job_locks, job_runs
from store.database import Database
from store.errors import DatabaseUnusable
from store.job_locks import JobLock
from store.job_runs import JobEnd
from store.outcomes import DONE, EXIT_CODES, OVERTAKEN

_TELL_TRIES, _TELL_SECONDS = 5, 3.0
_UNTOLD = "The record could not be told, so it tells this run as died for now:"


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended, and where its record lies; `message` is empty for one that did what it was asked to.

    `artefacts` are the kinds and paths of what there is to read; the message is what the record keeps of it.
    """

    outcome: str
    exit_code: int
    message: str
    files: RunFiles
    counts: Mapping[str, int | float]
    artefacts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that is in the record; one that was refused at once has no lock."""

    files: RunFiles
    run_id: int
    lock: JobLock | None


class LastWord:
    """Has the end of one run told by the run itself, or by whoever ends a runner that hangs: the first counts."""

    def __init__(self, db: Database, alert: OpsAlert):
        self._db, self._alert = db, alert
        self.begun: Begun | None = None
        self._result: Result | None = None
        self._telling = threading.Lock()

    def tell(self, end: JobEnd) -> Result:
        """Tells it; again while the database is away. If it stays away, the run has ended so all the same."""
        with self._telling:
            end, untold = self._tried(end, _TELL_TRIES)
            if untold:
                self._keep(end)
            self._result = self._told(end, untold)
            return self._result

    def tell_instead(self, end: JobEnd, seconds: float) -> Result:
        """Tells it for a runner that hangs, which can tell nothing any more then; gives its own end if it has told that.

        Takes at most three times so many seconds, whatever the database and the folder do.
        """
        if not self._telling.acquire(timeout=seconds):
            return self._told(end, f"{_UNTOLD} the runner hangs while it tells the record.")
        if self._result is None:
            try:
                end, untold = call_within(seconds, lambda: self._tried_apart(end))
            except CallLeft as left:
                untold = f"{_UNTOLD} {left}."
            if untold:
                with suppress(CallLeft):
                    call_within(seconds, lambda: self._keep(end))
            self._result = self._told(end, untold)
        return self._result

    def _keep(self, end: JobEnd) -> None:
        # One without a lock was refused, and has no files.
        if self.begun.lock:
            unrecorded.keep(self.begun.files, end)

    def _tried_apart(self, end: JobEnd) -> tuple[JobEnd, str]:
        try:
            return self._tried(end, 1)
        finally:
            self._db.close()

    def _tried(self, end: JobEnd, tries: int) -> tuple[JobEnd, str]:
        """The end as it is recorded, and what is to be said where the record could not be told; empty if it was."""
        for left in reversed(range(tries)):
            try:
                return self._record(end, is_again=left + 1 < tries), ""
            except DatabaseUnusable as error:
                trouble = error
                time.sleep(_TELL_SECONDS if left else 0)
        return end, f"{_UNTOLD} {trouble.line()}"

    def _record(self, end: JobEnd, is_again: bool) -> JobEnd:
        """The end of the run, its alert and the end of its lock, in one transaction; gives the end as it is recorded."""
        with database.changing(self._db):
            if is_again and (told := job_runs.settled(self._db, self.begun.run_id)):
                # It was written, and only the answer was lost.
                return end if told == end.outcome else _overtaken(end)
            job_runs.finish(self._db, self.begun.run_id, end)
            if self.begun.lock and not job_locks.release(self._db, self.begun.lock):
                end = _overtaken(end)
                job_runs.finish(self._db, self.begun.run_id, end)
            self._alert.queue(self.begun.run_id)
        return end

    def _told(self, end: JobEnd, untold: str) -> Result:
        message = " ".join(filter(None, map(job_runs.shown_message, (end.message, untold))))
        return Result(end.outcome, end.exit_code, message, self.begun.files, end.counts, end.artefacts)


def _overtaken(end: JobEnd) -> JobEnd:
    """The end of a run that found at its end that its lock was another's: no heartbeat was in time to say so."""
    if end.outcome != DONE:
        return end
    message = (
        "It did its work, but its lock was lost meanwhile, so another run may have worked beside it."
        " To fix: look at both in python -m notebooks history; a machine that stood still lets locks be lost."
    )
    return replace(end, outcome=OVERTAKEN, exit_code=EXIT_CODES[OVERTAKEN], message=message)
