"""Since when the record knows each job of the schedule; nobody is told to be late for a time before that."""

from collections.abc import Mapping

from store.database import Database, changing, execute, fetch


def first_seen(db: Database, timings: Mapping[str, str], now: float) -> dict[str, float]:
    """The epoch seconds at which each job was first seen with its times; for a job that is new, `now`.

    `timings` are the jobs' names and what their times depend on, as one text. A job whose times change is a new one.
    """
    known = _known(db)
    if missing := [(name, timing, now) for name, timing in timings.items() if (name, timing) not in known]:
        with changing(db):
            for row in missing:
                sql = "INSERT INTO scheduled_job (name, timing, seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                execute(db, sql, row)
            known = _known(db)
    return {name: float(known[name, timing]) for name, timing in timings.items()}


def _known(db: Database) -> dict[tuple[str, str], float]:
    return {(name, timing): at for name, timing, at in fetch(db, "SELECT name, timing, seen_at FROM scheduled_job")}
