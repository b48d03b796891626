"""What people are told of the schedule: its jobs, and when each runs next, on the clocks of its zone."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from notebooks.parameters import kinds
from notebooks.schedule import due, spans
from notebooks.schedule.reading import Schedule, ScheduledJob
from store import times
from store.redaction import one_line

_NEXT = 2


def listing(schedule: Schedule, now: datetime) -> str:
    """A table of the jobs with their next times, and what it would be without the schedule."""
    head = ("JOB", "CRON", "NEXT", "THEN", "WITHIN", "RUNS")
    rows = columns([head, *(_cells(job, now) for job in schedule.jobs)])
    return f"{rows}\n  Times are those of {schedule.zone}."


def _cells(job: ScheduledJob, now: datetime) -> tuple[str, ...]:
    coming = [shown(moment, job.zone) for moment in islice(due.following(job.cron, job.zone, now), _NEXT)]
    coming += ["never"] * (_NEXT - len(coming))
    return (job.name, job.cron, *coming, spans.text(job.within.total_seconds()), _command(job))


def _command(job: ScheduledJob) -> str:
    defaults = {parameter.name: parameter.default for parameter in job.job.sheet.parameters}
    given = {name: value for name, value in job.job.values.items() if value != defaults[name]}
    texts = [f"{name}={shlex.quote(kinds.text(value))}" for name, value in given.items()]
    return " ".join([job.job.name, *texts])


def shown(moment: datetime, zone_name: str) -> str:
    """`Mon 2026-11-30 07:30`, on the zone's clocks."""
    local = times.in_zone(moment, zone_name)
    return f"{times.WEEKDAYS[local.weekday()][:3]} {local:%Y-%m-%d %H:%M}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Lines whose cells stand below each other; each row is one line, whatever stands in it."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))] if rows else []
    lines = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"  {line.rstrip()}" for line in lines)
