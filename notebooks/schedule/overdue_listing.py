"""What people and programs are told of overdue jobs, and of runs that died."""

import json
from collections.abc import Sequence

from notebooks.schedule.listing import columns, shown
from notebooks.schedule.overdue import OverdueJob
from notebooks.schedule.reading import Schedule
from store import failures, times
from store.job_runs import JobRunRow


def listing(schedule: Schedule, found: Sequence[OverdueJob], died: Sequence[JobRunRow]) -> str:
    """A table of overdue jobs, what to do about each, and the runs that died; one line if there is nothing."""
    told = [_overdue(found, schedule.zone) if found else _nothing(schedule)]
    if died:
        told.append(_died(died, schedule.zone))
    return "\n".join(told)


def _nothing(schedule: Schedule) -> str:
    if not schedule.findings:
        return "Nothing is overdue."
    # What cannot be looked at is not said to be well.
    if not schedule.jobs:
        return "No job could be looked at."
    return f"{len(schedule.jobs)} of {len(schedule.crons)} jobs could be looked at; none of them is overdue."


def _overdue(found: Sequence[OverdueJob], zone: str) -> str:
    head = ("JOB", "WAS DUE", "DEADLINE", "LAST RUN", "HOW IT ENDED")
    lines = columns([head, *(_cells(one) for one in found)]).splitlines()
    told = [f"{len(found)} overdue. Times are those of {zone}.", lines[0]]
    for one, line in zip(found, lines[1:], strict=True):
        told += [line, *(f"      {said}" for said in [_said(one)] if said), f"      To fix: {one.fix}"]
    return "\n".join(told)


def _cells(one: OverdueJob) -> tuple[str, ...]:
    zone, last = one.job.zone, one.last
    times_of = (shown(one.due_at, zone), shown(one.deadline, zone))
    if last is None:
        return (one.job.name, *times_of, "never", "")
    began = shown(times.from_epoch(last.started_at), zone)
    # An older run, however well it ended, is none of this due time.
    return (one.job.name, *times_of, began, last.outcome if one.was_started else f"{last.outcome}, the time before")


def _said(one: OverdueJob) -> str:
    """What the run that was begun for this time said went wrong; empty for none."""
    return failures.told(one.last.message)[0] if one.last and one.was_started else ""


def _died(rows: Sequence[JobRunRow], zone: str) -> str:
    head = ("RUN THAT DIED", "NOTEBOOK", "STARTED", "LAST SIGN OF LIFE", "STARTED BY")
    cells = [
        (row.name, row.notebook, *(shown(times.from_epoch(at), zone) for at in (row.started_at, row.heartbeat_at)),
         f"{row.started_by}, {row.user_name}@{row.host}")
        for row in rows
    ]  # fmt: skip
    return f"{columns([head, *cells])}\n      To fix: run the same again; what is done is not done twice."


def as_json(found: Sequence[OverdueJob], died: Sequence[JobRunRow]) -> str:
    """The same for programs: a JSON object with two arrays, times in UTC."""
    return json.dumps(
        {"overdue": [*map(_facts, found)], "died": [*map(_run_facts, died)]}, ensure_ascii=False, indent=1
    )


def _facts(one: OverdueJob) -> dict[str, object]:
    about = {"job": one.job.name, "notebook": one.job.job.name, "due_at": times.iso(one.due_at)}
    last = _run_facts(one.last) if one.last else None
    return {**about, "deadline": times.iso(one.deadline), "was_started": one.was_started, "last": last, "fix": one.fix}


def _run_facts(row: JobRunRow) -> dict[str, object]:
    moments = {name: times.iso(times.from_epoch(getattr(row, name))) for name in ("started_at", "heartbeat_at")}
    return {"name": row.name, "notebook": row.notebook, "outcome": row.outcome, "message": row.message, **moments}
