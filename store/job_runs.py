"""What runs of notebooks tell about themselves: who started them, with what, how they ended, and what they left."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from store.database import Database, changing, execute, fetch, is_sqlite
from store.errors import StoreError
from store.job_locks import STALE_SECONDS, clock, lives
from store.outcomes import DIED, DONE, OUTCOMES, RUNNING, WRONG_SETTINGS
from store.redaction import one_line, redact

MESSAGE_CHARS = 2000

log = logging.getLogger(__name__)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class JobStart:
    """A run that begins. `started_by` is a person, a scheduler's job or unit; `artefacts` is what there is from the start.

    `scheduled_as` is the schedule's job that it is a run of; empty for none.
    """

    name: str
    notebook: str
    job_key: str
    parameters: Mapping[str, object]
    started_by: str
    user_name: str
    host: str
    pid: int
    code_version: str
    artefacts: Mapping[str, str] = field(default_factory=dict)
    scheduled_as: str = ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a run ended. `artefacts` are kinds and paths, `peak_memory` the kernel's bytes where they are known."""

    outcome: str
    exit_code: int
    message: str = ""
    counts: Mapping[str, int | float] = field(default_factory=dict)
    artefacts: Mapping[str, str] = field(default_factory=dict)
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class JobRunRow:
    """A run as it is now. Times are epoch seconds of the database's clock, `seconds` its duration so far."""

    id: int
    name: str
    notebook: str
    parameters: dict[str, object]
    started_by: str
    user_name: str
    host: str
    pid: int
    code_version: str
    started_at: float
    heartbeat_at: float
    ended_at: float | None
    outcome: str
    exit_code: int | None
    message: str
    counts: dict[str, int | float]
    artefacts: dict[str, str]
    peak_memory: int | None
    scheduled_as: str
    seconds: float


def job_key(notebook: str, parameters: Mapping[str, object]) -> str:
    """What two runs share that must not overlap: the notebook and all its parameters, in whatever order.

    Values that mean the same are to have one form (`notebooks.parameters.canonical`).
    """
    return hashlib.sha256(f"{notebook} {_encode(dict(parameters))}".encode()).hexdigest()


def begin(db: Database, start: JobStart) -> int:
    """Records a run that begins now; gives its id."""
    shown = {name: redact(value) if isinstance(value, str) else value for name, value in start.parameters.items()}
    now = clock(db)
    sql = (
        "INSERT INTO job_run (name, notebook, job_key, parameters, started_by, user_name, host, pid, code_version,"
        " started_at, heartbeat_at, message, counts, artefacts, scheduled_as)"
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {now}, {now}, '', '{{}}', ?, ?) RETURNING id"
    )
    # The environment may hold any bytes.
    names = (redact(one_line(start.started_by)), one_line(start.user_name), one_line(start.host))
    who = (*names, start.pid, start.code_version)
    left = (_encode(dict(start.artefacts)), start.scheduled_as)
    with changing(db):
        return fetch(db, sql, (start.name, start.notebook, start.job_key, _encode(shown), *who, *left))[0][0]


def beat(db: Database, run_id: int) -> None:
    """Says that the run lives."""
    execute(db, f"UPDATE job_run SET heartbeat_at = {clock(db)} WHERE id = ?", (run_id,))


def finish(db: Database, run_id: int, end: JobEnd) -> None:
    """Records how a run ended, now; also of one that was held for dead in between.

    A run whose row somebody took away has ended all the same; the log tells that the record does not.
    """
    sql = (
        f"UPDATE job_run SET ended_at = {clock(db)}, outcome = ?, exit_code = ?, message = ?, counts = ?, artefacts = ?,"
        " peak_memory = ? WHERE id = ?"
    )
    texts = (shown_message(end.message), _encode(dict(end.counts)), _encode(dict(end.artefacts)))
    with changing(db):
        if not execute(db, sql, (end.outcome, end.exit_code, *texts, end.peak_memory, run_id)):
            log.warning("DEBUG: the row of run %d is gone: that it ended as %s is not recorded", run_id, end.outcome)


def shown_message(message: str) -> str:
    """What is kept of a run's message: without secrets, and without signs that a database or terminal cannot take."""
    return "\n".join(map(one_line, redact(message).split("\n")))[:MESSAGE_CHARS]


def settled(db: Database, run_id: int) -> str:
    """The outcome that was recorded for a run, once whoever records it at this moment is done; empty for none.

    To be called in the transaction that is to record it else.
    """
    locked = "" if is_sqlite(db) else " FOR UPDATE"
    found = fetch(db, f"SELECT outcome FROM job_run WHERE id = ?{locked}", (run_id,))
    return (found[0][0] or "") if found else ""


def outcome_sql(db: Database) -> str:
    """SQL for a run's outcome as it is now: one without an end runs, or died if its last heartbeat is too old."""
    return f"CASE WHEN outcome IS NOT NULL THEN outcome WHEN {lives(db)} THEN '{RUNNING}' ELSE '{DIED}' END"


def read(db: Database, notebook: str = "", outcomes: Sequence[str] = (), limit: int = 20) -> list[JobRunRow]:
    """The newest runs first, of one notebook or all, with one of these outcomes or any.

    Raises StoreError for an outcome that there is not, or a negative limit.
    """
    unknown = [outcome for outcome in outcomes if outcome not in OUTCOMES]
    if unknown:
        raise StoreError(f"There is no outcome {unknown[0][:40]!r}.", f"give one of: {', '.join(OUTCOMES)}.")
    wanted = [("notebook = ?", [notebook])] if notebook else []
    return _read(db, [*wanted, *_ended_as(db, outcomes)], limit)


def of_id(db: Database, run_id: int) -> JobRunRow | None:
    """The run with this id; None for none."""
    return next(iter(_read(db, [("id = ?", [run_id])], 1)), None)


def of_schedule(
    db: Database, scheduled_as: str, since: float = 0.0, outcomes: Sequence[str] = (), *, begun: bool = False
) -> JobRunRow | None:
    """The newest run of a job of the schedule that was begun at this time (epoch seconds) or later; None for none.

    `begun`: without those that were refused before they began.
    """
    wanted = [("scheduled_as = ?", [scheduled_as]), ("started_at >= ?", [since])]
    # One that is yet to begin was recorded by a clock that was wrong.
    wanted.append((f"started_at <= {clock(db)} + {STALE_SECONDS}", []))
    if begun:
        wanted.append(("NOT (coalesce(outcome, '') = ? AND artefacts = '{}')", [WRONG_SETTINGS]))
    return next(iter(_read(db, [*wanted, *_ended_as(db, outcomes)], 1)), None)


def _ended_as(db: Database, outcomes: Sequence[str]) -> list[tuple[str, list]]:
    """The condition that a run has one of these outcomes now; none for any."""
    places = ", ".join("?" * len(outcomes))
    return [(f"({outcome_sql(db)}) IN ({places})", list(outcomes))] if outcomes else []


def died(db: Database, since: float, limit: int = 100) -> list[JobRunRow]:
    """Runs begun since then (epoch seconds) that died, and that no later run of the same job has put right."""
    mended = (
        "EXISTS (SELECT 1 FROM job_run later WHERE later.notebook = job_run.notebook AND later.job_key = job_run.job_key"
        " AND later.outcome = ? AND later.started_at > job_run.started_at)"
    )
    wanted = [("ended_at IS NULL", []), (f"NOT ({lives(db)})", [])]
    return _read(db, [*wanted, ("started_at >= ?", [since]), (f"NOT {mended}", [DONE])], limit)


def _read(db: Database, wanted: Sequence[tuple[str, list]], limit: int) -> list[JobRunRow]:
    """The newest runs first that meet all these conditions."""
    where = " AND ".join(condition for condition, _ in wanted) or "1 = 1"
    # A run that died took until its last sign of life.
    until = f"CASE WHEN {outcome_sql(db)} = '{RUNNING}' THEN {clock(db)} ELSE coalesce(ended_at, heartbeat_at) END"
    sql = (
        "SELECT id, name, notebook, parameters, started_by, user_name, host, pid, code_version, started_at,"
        f" heartbeat_at, ended_at, {outcome_sql(db)}, exit_code, message, counts, artefacts, peak_memory,"
        f" scheduled_as, {until} - started_at FROM job_run WHERE {where} ORDER BY started_at DESC, id DESC LIMIT ?"
    )
    given = [*(value for _, values in wanted for value in values), most(limit)]
    return [_row(cells) for cells in fetch(db, sql, given)]


def most(limit: int) -> int:
    """A number of rows as both engines take it. Raises StoreError for a negative one, which they take differently."""
    if limit < 0:
        raise StoreError(f"{limit} is no number of runs.", "give 0 or a number above it.")
    return min(limit, 2**63 - 1)


def _row(cells: Sequence) -> JobRunRow:
    values = list(cells)
    for place in (3, 15, 16):
        values[place] = json.loads(values[place])
    return JobRunRow(*values[:-1], max(0.0, float(values[-1])))
