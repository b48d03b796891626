"""What the runner tells people: which notebooks there are, what one takes, and how runs ended."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence

from notebooks.parameters import LOG_FILE, kinds
from notebooks.parameters.cell import Parameter, Sheet
from notebooks.runner.verdict import AGAIN
from notebooks.schedule.listing import columns
from store import alerts, failures, times
from store.job_runs import JobRunRow
from store.outcomes import DIED, DONE, RUNNING

_SHOWN_PARAMETERS = 60
_DIED = f"It was killed, or its machine went down. {AGAIN}"


def notebooks(sheets: Iterable[Sheet]) -> str:
    """A line a notebook: its name and title."""
    known = list(sheets)
    width = max((len(sheet.name) for sheet in known), default=0)
    return "\n".join(f"{sheet.name:{width}}  {sheet.title}" for sheet in known)


def description(sheet: Sheet) -> str:
    """What the notebook is for, each parameter with type, default and meaning, and how to run it."""
    taken = [parameter for parameter in sheet.parameters if parameter.name != LOG_FILE]
    table = columns([(one.name, _kind(one), _default(one), one.meaning) for one in taken])
    needed = "".join(f" {one.name}=VALUE" for one in taken if one.is_required)
    parts = [sheet.title, sheet.purpose, "Parameters:", table or "  none"]
    rest = " [name=value ...]" if taken else ""
    return "\n\n".join([*parts, f"To run it: python -m notebooks run {sheet.name}{needed}{rest}"])


def _kind(parameter: Parameter) -> str:
    # Whoever wrote choices into the meaning has told them already.
    return "one of these" if "one of:" in parameter.meaning else kinds.shown(parameter.kind)


def _default(parameter: Parameter) -> str:
    if parameter.is_required:
        return "(must be given)"
    return kinds.text(parameter.default) if parameter.default != "" else "(empty)"


def nothing(record: str) -> str:
    """What is told of a record without any run: it may be the wrong one, made anew for an address that was mistyped."""
    return f"No run is recorded in {record}. {failures.FIX}if jobs have run here before, correct DATABASE_URL."


def history(rows: Sequence[JobRunRow], record: str, *, is_chosen: bool = False) -> str:
    """A line a run, the newest first; below one that did not end well, what it said. `is_chosen`: there may be others."""
    if not rows:
        return f"No such run is recorded in {record}." if is_chosen else nothing(record)
    head = ("RUN", "NOTEBOOK", "OUTCOME", "EXIT", "SECONDS", "COUNTS", "STARTED BY", "PARAMETERS")
    lines = columns([head, *map(_cells, rows)]).splitlines()
    told = [lines[0]]
    for row, line in zip(rows, lines[1:], strict=True):
        said = next((part for part in row.message.splitlines() if part.strip()), _DIED if row.outcome == DIED else "")
        _, fix = failures.told(row.message)
        told += [line, *([f"      {said}"] if said else ())]
        if not fix and row.artefacts and row.outcome not in (DONE, RUNNING):
            fix = alerts.look_at(row.artefacts)
        told += [f"      {failures.FIX}{fix}"] if fix and failures.FIX not in said else []
    return "\n".join(told)


def _cells(row: JobRunRow) -> tuple[str, ...]:
    given = telling(row.parameters)
    given = " ".join(f"{name}={shlex.quote(kinds.text(value))}" for name, value in given.items())
    shown = given if len(given) <= _SHOWN_PARAMETERS else f"{given[: _SHOWN_PARAMETERS - 3]}..."
    counts = ", ".join(f"{name} {count}" for name, count in row.counts.items())
    code = "" if row.exit_code is None else str(row.exit_code)
    # How long a run lived on after its last sign of life, nobody knows.
    seconds = f"{'over ' if row.outcome == DIED else ''}{row.seconds:.1f}"
    job = f" for {row.scheduled_as}" if row.scheduled_as else ""
    who = f"{row.started_by}{job}, {row.user_name}@{row.host}"
    return (row.name, row.notebook, row.outcome, code, seconds, counts, who, shown)


def telling(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters that tell something, first whether the run only looked."""
    given = {name: value for name, value in parameters.items() if value not in ("", None)}
    return dict(sorted(given.items(), key=lambda pair: pair[0] != "dry_run"))


def history_json(rows: Sequence[JobRunRow]) -> str:
    """The same for programs: a JSON array, times in UTC."""
    return json.dumps([_facts(row) for row in rows], ensure_ascii=False, indent=1)


def _facts(row: JobRunRow) -> dict[str, object]:
    moments = {
        name: None if value is None else times.iso(times.from_epoch(value))
        for name, value in (
            ("started_at", row.started_at),
            ("heartbeat_at", row.heartbeat_at),
            ("ended_at", row.ended_at),
        )
    }
    kept = ("name", "notebook", "scheduled_as", "outcome", "exit_code", "message", "parameters", "started_by",
            "user_name", "host", "pid", "code_version", "counts", "artefacts", "peak_memory", "seconds")  # fmt: skip
    return {name: getattr(row, name) for name in kept} | moments
