"""What many runs of notebooks tell together: how many ended how and when, how long they took, which were put right."""

from collections.abc import Sequence
from dataclasses import dataclass

from store import bulk
from store.database import Database, among, fetch, is_sqlite
from store.job_locks import clock
from store.job_runs import most, outcome_sql
from store.outcomes import DONE, RUNNING

SLOT_SECONDS = 900
"""Every zone's midnight falls on one of these."""


@dataclass(frozen=True, slots=True)
class Tally:
    """So many runs of a notebook, begun in the quarter of an hour after `at` (epoch seconds), ended so."""

    at: float
    notebook: str
    outcome: str
    runs: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One run's length in seconds and its kernel's memory in bytes; `began` is epoch seconds."""

    began: float
    seconds: float
    outcome: str
    peak_memory: int | None


def now(db: Database) -> float:
    """The database's clock, which the runs' times are of, in epoch seconds."""
    return float(fetch(db, f"SELECT {clock(db)}")[0][0])


def tallies(db: Database, since: float, notebook: str = "", but: str = "") -> list[Tally]:
    """Every run begun since then (epoch seconds), counted: of one notebook or all, without the run named `but`."""
    slot = "CAST(started_at / {0} AS INTEGER)" if is_sqlite(db) else "CAST(floor(started_at / {0}) AS BIGINT)"
    sql = (
        f"SELECT {slot.format(SLOT_SECONDS)}, notebook, {outcome_sql(db)}, count(*) FROM job_run WHERE started_at >= ?"
        " AND name <> ? AND (notebook = ? OR ? = '') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    found = fetch(db, sql, (since, but, notebook, notebook))
    return [Tally(float(slot * SLOT_SECONDS), *rest) for slot, *rest in found]


def samples(db: Database, since: float, notebook: str, limit: int) -> list[Sample]:
    """The newest `limit` runs of a notebook that were begun since then and are over, the oldest of them first.

    Raises StoreError for a negative limit.
    """
    sql = (
        f"SELECT started_at, coalesce(ended_at, heartbeat_at) - started_at, {outcome_sql(db)}, peak_memory FROM job_run"
        f" WHERE notebook = ? AND started_at >= ? AND ({outcome_sql(db)}) <> '{RUNNING}'"
        " ORDER BY started_at DESC, id DESC LIMIT ?"
    )
    found = fetch(db, sql, (notebook, since, most(limit)))
    return [
        Sample(float(began), max(0.0, float(took)), outcome, peak) for began, took, outcome, peak in reversed(found)
    ]


def put_right(db: Database, names: Sequence[str]) -> dict[str, float]:
    """Of these runs those after which the same job was done, and when first (epoch seconds)."""
    # Walks on from each run along the index of its notebook, to the first that put it right.
    sql = (
        "SELECT run.name, (SELECT later.ended_at FROM job_run later WHERE later.notebook = run.notebook AND later.started_at"
        f" > run.started_at AND later.job_key = run.job_key AND later.outcome = '{DONE}' ORDER BY later.started_at LIMIT 1)"
        f" FROM job_run run WHERE {among(db, 'run.name')}"
    )
    found = fetch(db, sql, (bulk.values(db, names),))
    return {name: float(ended) for name, ended in found if ended is not None}
