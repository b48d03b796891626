"""Where schedules are tried in tests: a file of the test's own beside the small notebooks of a job office."""

import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from job_office import JobOffice

from notebooks import schedule
from notebooks.schedule import Schedule
from store import job_runs, times
from store.database import execute
from store.job_runs import JobEnd, JobRunRow, JobStart

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
"""A Friday, 11:30 in India."""
JOB = """
timezone = "Asia/Kolkata"
[jobs.nightly]
notebook = "small"
cron = "30 7 * * 1-5"
within = "45m"
"""


LOG = {"log": "runs/small/x.log"}


def write(folder: Path, text: str = JOB) -> Path:
    """A schedule file of this text."""
    path = folder / "schedule.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def read(office: JobOffice, text: str = JOB, now: datetime = NOW) -> Schedule:
    """The schedule of this text, for the office's notebooks."""
    return schedule.read(write(office.folder, text), now, office.folder)


def past_run(
    office: JobOffice, begun: datetime, outcome: str, scheduled_as: str = "nightly", message: str = "",
    artefacts: Mapping[str, str] = LOG,
) -> JobRunRow:  # fmt: skip
    """A run as the record has it that was begun at this time and ended a minute later; `died` ended without a word."""
    name = f"{begun:%Y%m%dT%H%M%SZ}_{len(office.rows()):04x}"
    start = JobStart(name, "small", "key", {"number": 1}, "cron", "ops", "here", 1, "v1", scheduled_as=scheduled_as)
    run_id = job_runs.begin(office.db, start)
    if outcome not in ("running", "died"):
        code = 0 if outcome == "done" else 1
        job_runs.finish(office.db, run_id, JobEnd(outcome, code, message, artefacts=artefacts))
    ended = None if outcome in ("running", "died") else times.epoch(begun) + 60
    sql = "UPDATE job_run SET started_at = ?, ended_at = ? WHERE id = ?"
    execute(office.db, sql, (times.epoch(begun), ended, run_id))
    if outcome != "running":
        beat = "UPDATE job_run SET heartbeat_at = ? WHERE id = ?"
        execute(office.db, beat, (times.epoch(begun) + 60, run_id))
    return next(row for row in office.rows() if row.name == name)
