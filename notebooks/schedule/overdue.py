"""What should have run and did not: the schedule held against the record of runs. Nothing is run here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notebooks.schedule import due
from notebooks.schedule.installation import OVERDUE_MINUTES
from notebooks.schedule.reading import Schedule, ScheduledJob
from store import failures, job_runs, scheduled_jobs, times
from store.database import Database
from store.job_runs import JobRunRow
from store.outcomes import DONE, RUNNING

CLOCKS_DIFFER = timedelta(seconds=30)
"""A run's start is told by the database's clock, its due time by this machine's."""
SEEN_LATE = timedelta(minutes=OVERDUE_MINUTES)
"""So long after a job was written into the schedule it may be seen there for the first time: between two looks."""
DIED_SINCE = timedelta(days=7)
"""A run that died longer ago is history."""


@dataclass(frozen=True, slots=True)
class OverdueJob:
    """A job that did not end well in time after it was due; `last` is its newest run, from whenever."""

    job: ScheduledJob
    due_at: datetime
    last: JobRunRow | None

    @property
    def deadline(self) -> datetime:
        return self.due_at + self.job.within

    @property
    def was_started(self) -> bool:
        """Whether its newest run was begun for this due time."""
        return self.last is not None and times.from_epoch(self.last.started_at) >= self.due_at - CLOCKS_DIFFER

    @property
    def fix(self) -> str:
        """What to do, in one line."""
        again = f"run it: python -m notebooks run --job {self.job.name}"
        if not self.was_started:
            return f"look whether its scheduler is on (systemctl list-timers, or cron), then {again}"
        if self.last.outcome == RUNNING:
            return "wait for its run to end, or give it more time: within and timeout in the schedule."
        # The reason's own fix comes first.
        _, own = failures.told(self.last.message)
        return f"{own.rstrip('.; ')}; then {again}" if own else f"look at its record, then {again}"


def find(db: Database, schedule: Schedule, now: datetime) -> list[OverdueJob]:
    """The overdue jobs, in the schedule's order, of those that are right.

    A job counts from the first time that it was seen in the schedule with these times; that is noted here.
    """
    timings = {job.name: job.timing for job in schedule.jobs}
    seen = scheduled_jobs.first_seen(db, schedule.source, timings, times.epoch(now))
    found = (_judged(db, job, now, times.from_epoch(seen[job.name])) for job in schedule.jobs)
    return [one for one in found if one]


def forget_gone(db: Database, schedule: Schedule) -> None:
    """Forgets since when jobs are known that the whole schedule no longer names, so that one that comes back is new.

    A job that is wrong is there, and a file that cannot be read tells nothing of its jobs.
    """
    if schedule.crons:
        scheduled_jobs.keep_only(db, schedule.source, schedule.crons)


def _judged(db: Database, job: ScheduledJob, now: datetime, seen_at: datetime) -> OverdueJob | None:
    due_at = due.last(job.cron, job.zone, now - job.within)
    if due_at is None or _is_before(due_at, seen_at):
        return None
    # A later run that ended well makes good what was late.
    if job_runs.of_schedule(db, job.name, times.epoch(due_at - CLOCKS_DIFFER), [DONE]):
        return None
    return OverdueJob(job, due_at, job_runs.of_schedule(db, job.name))


def _is_before(due_at: datetime, seen_at: datetime) -> bool:
    """Whether a time was before the job stood in the schedule, as far as looks at it tell."""
    return due_at < seen_at - SEEN_LATE


def died(db: Database, now: datetime) -> Sequence[JobRunRow]:
    """Runs of any notebook that ended without a word in the last days, and were not put right since."""
    return job_runs.died(db, times.epoch(now - DIED_SINCE))


def is_due(db: Database, job: ScheduledJob, now: datetime) -> bool:
    """Whether a scheduler that asks often should start the job now.

    Its time has come since it stands in the schedule, its deadline has not, and no run of it was begun since its
    time: one that was refused for its settings was not.
    """
    due_at = due.last(job.cron, job.zone, now)
    seen = scheduled_jobs.first_seen(db, job.schedule, {job.name: job.timing}, times.epoch(now))[job.name]
    if due_at is None or now >= due_at + job.within or _is_before(due_at, times.from_epoch(seen)):
        return False
    return job_runs.of_schedule(db, job.name, times.epoch(due_at - CLOCKS_DIFFER), begun=True) is None
