"""Since when the record knows each job of a schedule; nobody is told to be late for a time before that."""

from collections.abc import Collection, Mapping

from store.database import Database, execute, fetch, writing

_CLOCKS_DIFFER = 30.0
"""Seconds by which the clocks of two machines may differ."""


def first_seen(db: Database, schedule: str, timings: Mapping[str, str], now: float) -> dict[str, float]:
    """The epoch seconds at which each job was first seen with its times; for a job that is new, `now`.

    `schedule` is the file that the jobs stand in, `timings` are their names and what their times depend on, as one
    text. A job whose times change is a new one, also if it had the same times once before.
    """
    known = known_jobs(db, schedule)
    # A time that is yet to come was noted by a clock that was wrong.
    right = {name: timing for name, (timing, at) in known.items() if at <= now + _CLOCKS_DIFFER}
    if changed := {name: timing for name, timing in timings.items() if right.get(name) != timing}:
        # Another machine that looks at the same moment may have noted the same: then its note stays.
        sql = (
            "INSERT INTO scheduled_job (schedule, name, timing, seen_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (schedule, name) DO UPDATE SET timing = excluded.timing, seen_at = excluded.seen_at"
            " WHERE scheduled_job.timing <> excluded.timing OR scheduled_job.seen_at > ?"
        )
        with writing(db):
            for name, timing in changed.items():
                execute(db, sql, (schedule, name, timing, now, now + _CLOCKS_DIFFER))
            known = {**known, **known_jobs(db, schedule)}
    return {name: known[name][1] for name in timings}


def keep_only(db: Database, schedule: str, names: Collection[str]) -> None:
    """Forgets the jobs of the schedule that have none of these names."""
    if gone := [name for name in known_jobs(db, schedule) if name not in names]:
        with writing(db):
            for name in gone:
                execute(db, "DELETE FROM scheduled_job WHERE schedule = ? AND name = ?", (schedule, name))


def known_jobs(db: Database, schedule: str) -> dict[str, tuple[str, float]]:
    """What the times of each noted job depend on, as one text, and when it was first seen so, in epoch seconds."""
    rows = fetch(db, "SELECT name, timing, seen_at FROM scheduled_job WHERE schedule = ?", (schedule,))
    return {name: (timing, float(at)) for name, timing, at in rows}
