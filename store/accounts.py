"""The mail account as the record sees it, by the fingerprint of its settings: paused or not, and how fast it may send."""

from dataclasses import dataclass

from store import events
from store.database import Database, changing, execute, fetch


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an account sends nothing until someone acts."""

    fingerprint: str
    paused_at: float
    signature: str
    reason: str
    fix: str


def pause(db: Database, fingerprint: str, *, signature: str, reason: str, fix: str, now: float) -> None:
    """Stops all sending with these settings; other settings have another fingerprint and are not stopped."""
    with changing(db):
        done = execute(
            db,
            "INSERT INTO account_pause (fingerprint, paused_at, signature, reason, fix) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (fingerprint) DO NOTHING",
            (fingerprint, now, signature, reason, fix),
        )
        if done:
            events.record(db, "account_paused", at=now, fingerprint=fingerprint, signature=signature, reason=reason)


def are_paused(db: Database) -> bool:
    """Whether any account is, for who would have to make a fingerprint, slowly, to ask for one."""
    return bool(fetch(db, "SELECT 1 FROM account_pause LIMIT 1"))


def paused(db: Database, fingerprint: str) -> Pause | None:
    """The account's pause, None if it may send."""
    sql = "SELECT fingerprint, paused_at, signature, reason, fix FROM account_pause WHERE fingerprint = ?"
    rows = fetch(db, sql, (fingerprint,))
    return Pause(*rows[0]) if rows else None


def resume(db: Database, *, now: float) -> int:
    """Lifts every pause, by hand; gives how many there were."""
    with changing(db):
        lifted = execute(db, "DELETE FROM account_pause")
        if lifted:
            events.record(db, "accounts_resumed", at=now, pauses=lifted)
    return lifted


def permits(db: Database, fingerprint: str, *, per_minute: int, wanted: int, now: float) -> tuple[int, float]:
    """How many of `wanted` mails may go now, and the seconds to wait if none; shared by all workers of the account.

    `per_minute` 0 sets no limit. A second's worth may go at once (the generic cell rate algorithm, ITU-T I.371).
    """
    if per_minute <= 0:
        return wanted, 0.0
    interval = 60.0 / per_minute
    with changing(db):
        execute(
            db,
            "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?) ON CONFLICT (fingerprint) DO NOTHING",
            (fingerprint, now),
        )
        # The update takes the row's lock, so that two workers never count the same permit.
        execute(db, "UPDATE send_rate SET next_at = next_at WHERE fingerprint = ?", (fingerprint,))
        next_at = max(now, fetch(db, "SELECT next_at FROM send_rate WHERE fingerprint = ?", (fingerprint,))[0][0])
        horizon = now + max(1.0, interval)
        # Epoch seconds are exact to a quarter of a microsecond only; a permit is not held back for less than one.
        granted = min(wanted, max(0, int((horizon - next_at + 1e-6) / interval)))
        if granted == 0:
            return 0, next_at + interval - horizon
        execute(
            db, "UPDATE send_rate SET next_at = ? WHERE fingerprint = ?", (next_at + granted * interval, fingerprint)
        )
        return granted, 0.0
