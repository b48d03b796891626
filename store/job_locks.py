"""One job runs once at a time, on however many machines: a lock in the database that lives by its holder's heartbeat.

The database's clock decides, so that machines need not agree on the time.
"""

import secrets
from dataclasses import dataclass

from store.database import Database, changing, execute, fetch, is_sqlite
from store.errors import StoreError

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 30.0
"""So old a heartbeat is of a holder that died; whoever comes next takes the lock over."""


class JobBusy(StoreError):
    """Another run of the same job holds the lock. `run_name` is which, `seconds` for how long it has."""

    def __init__(self, run_name: str, seconds: float):
        super().__init__(f"The same job runs already: {run_name}, for {max(0, round(seconds))} s.",
                         "wait for it (--wait SECONDS), or look: python -m notebooks history.")  # fmt: skip
        self.run_name, self.seconds = run_name, seconds


@dataclass(frozen=True, slots=True)
class JobLock:
    """A lock that was taken. `owner` tells its holder from one that took it over."""

    job_key: str
    owner: str


def clock(db: Database) -> str:
    """SQL for the database's own clock, in epoch seconds, as it is when the statement runs."""
    # julianday: SQLite knows unixepoch with fractions only from 3.42 on.
    return "((julianday('now') - 2440587.5) * 86400.0)" if is_sqlite(db) else "extract(epoch FROM clock_timestamp())"


def lives(db: Database, heartbeat: str = "heartbeat_at") -> str:
    """SQL for whether a holder with this heartbeat lives. One far ahead is of a clock that was wrong, not of a life."""
    return f"{heartbeat} BETWEEN {clock(db)} - {STALE_SECONDS} AND {clock(db)} + {STALE_SECONDS}"


def take(db: Database, job_key: str, run_name: str) -> JobLock:
    """Takes the lock, or takes it over from a holder that died. Raises JobBusy."""
    lock, now = JobLock(job_key, secrets.token_hex(16)), clock(db)
    with changing(db):
        taken = execute(
            db,
            f"INSERT INTO job_lock (job_key, owner, run_name, taken_at, heartbeat_at) VALUES (?, ?, ?, {now}, {now})"
            " ON CONFLICT (job_key) DO UPDATE SET owner = excluded.owner, run_name = excluded.run_name,"
            " taken_at = excluded.taken_at, heartbeat_at = excluded.heartbeat_at"
            f" WHERE NOT ({lives(db, 'job_lock.heartbeat_at')})",
            (job_key, lock.owner, run_name),
        )
        if not taken:
            raise JobBusy(*_holder(db, job_key))
    return lock


def _holder(db: Database, job_key: str) -> tuple[str, float]:
    held = fetch(db, f"SELECT run_name, {clock(db)} - taken_at FROM job_lock WHERE job_key = ?", (job_key,))
    # It may have been released since.
    return (held[0][0], float(held[0][1])) if held else ("a run that has just ended", 0.0)


def beat(db: Database, lock: JobLock) -> bool:
    """Says that the holder lives; False if another has taken the lock over, and this one must stop."""
    sql = f"UPDATE job_lock SET heartbeat_at = {clock(db)} WHERE job_key = ? AND owner = ?"
    with changing(db):
        return execute(db, sql, (lock.job_key, lock.owner)) == 1


def release(db: Database, lock: JobLock) -> bool:
    """Gives the lock back; False for one that another has taken over, which stays the other's."""
    with changing(db):
        return execute(db, "DELETE FROM job_lock WHERE job_key = ? AND owner = ?", (lock.job_key, lock.owner)) == 1
