"""What is told of a run afterwards, by somebody else: one that died without a word, or could not publish what it did."""

import json
from collections.abc import Iterable, Mapping

from store.bulk import values
from store.database import Database, among, changing, execute, fetch
from store.job_runs import JobEnd, outcome_sql, shown_message
from store.outcomes import DIED

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def silent(db: Database, notebook: str) -> set[str]:
    """The names of runs of a notebook that died and of which nothing was told yet."""
    silent = f"ended_at IS NULL AND message = '' AND ({outcome_sql(db)}) = '{DIED}'"
    sql = f"SELECT name FROM job_run WHERE notebook = ? AND {silent}"
    return {name for (name,) in fetch(db, sql, (notebook,))}


def outcomes(db: Database, notebook: str, names: Iterable[str]) -> dict[str, str]:
    """The outcomes as they are now of those of these names that are runs of this notebook in this record."""
    sql = f"SELECT name, {outcome_sql(db)} FROM job_run WHERE notebook = ? AND {among(db, 'name')}"
    return dict(fetch(db, sql, (notebook, values(db, list(names)))))


def ending(db: Database, name: str) -> tuple[str, str, float] | None:
    """A run's outcome as it is now, its message, and its last sign of life (epoch seconds); None for no such run."""
    sql = f"SELECT {outcome_sql(db)}, message, heartbeat_at FROM job_run WHERE name = ?"
    found = fetch(db, sql, (name,))
    return (found[0][0], found[0][1], float(found[0][2])) if found else None


def settle(db: Database, name: str, end: JobEnd, ended_at: float) -> None:
    """Records the end of a run that could not tell it itself, at the time (epoch seconds) when it came."""
    sql = "UPDATE job_run SET ended_at = ?, outcome = ?, exit_code = ?, peak_memory = ? WHERE name = ? AND ended_at IS NULL"
    with changing(db):
        execute(db, sql, (ended_at, end.outcome, end.exit_code, end.peak_memory, name))


def explain(
    db: Database, name: str, message: str, counts: Mapping[str, int | float], artefacts: Mapping[str, str]
) -> None:
    """The same as `tell` of a run without an end of which nothing was told yet; nothing of any other."""
    _tell(db, name, message, counts, artefacts, " AND ended_at IS NULL AND message = ''")


def tell(
    db: Database, name: str, message: str, counts: Mapping[str, int | float], artefacts: Mapping[str, str]
) -> None:
    """Records what was found of a run. Whether and how it ended stays what it was."""
    _tell(db, name, message, counts, artefacts)


def _tell(
    db: Database, name: str, message: str, counts: Mapping[str, int | float], artefacts: Mapping[str, str],
    condition: str = "",
) -> None:  # fmt: skip
    sql = f"UPDATE job_run SET message = ?, counts = ?, artefacts = ? WHERE name = ?{condition}"
    with changing(db):
        execute(db, sql, (shown_message(message), _encode(dict(counts)), _encode(dict(artefacts)), name))
