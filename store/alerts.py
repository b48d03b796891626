"""What ops are told by mail about a job: each failure once, and the same one again after an hour at the earliest.

Which failures are the same is in `store.failures`. The mail itself is made and sent by the mailer.
"""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from store import failures, job_runs, plain_text, times
from store.database import Database, changing, fetch, is_sqlite
from store.facts import ALERT
from store.failures import FIX, TERMINAL, key_of
from store.job_runs import JobRunRow
from store.outcomes import (
    BLOCKED,
    DIED,
    DONE,
    FAILED,
    KERNEL_DIED,
    OUT_OF_TIME,
    OVERTAKEN,
    RUNNING,
    STOPPED,
    WRONG_SETTINGS,
)
from store.redaction import redact
from store.settings import Settings

log = logging.getLogger(__name__)

ALERTS_LOCK = 0x1A7E8F1E56
"""Key of the PostgreSQL advisory lock that serialises those who queue alerts."""
HEADLINE_CHARS, FIX_CHARS, FACT_CHARS, FACTS = 160, 600, 600, 30
_WORDS = {
    FAILED: "failed", WRONG_SETTINGS: "has wrong settings", BLOCKED: "is kept back", OVERTAKEN: "was overtaken",
    OUT_OF_TIME: "ran out of time", KERNEL_DIED: "lost its kernel", STOPPED: "was stopped", DIED: "died",
}  # fmt: skip
NO_ADDRESS = (
    "EMAIL: No alert to ops is mailed, for OPS_EMAIL has no address. To fix: set OPS_EMAIL in .env to the address that"
    " failed and overdue jobs are to be mailed to."
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One mail to ops. The same `key` is queued once; `fix` is the mail's first line, without the words To fix.

    `run_id` is the run whose failure it tells, 0 for none. Alerts of one `series`, the beginning of their keys, are queued
    at most once an hour.
    """

    key: str
    headline: str
    fix: str
    facts: Mapping[str, str]
    run_id: int = 0
    series: str = ""

    def to_json(self) -> str:
        """The outbox's form, without the key and the run: no secrets, each text on one line, no longer than a mail needs."""
        facts = list(self.facts.items())[:FACTS]
        shown = {
            "headline": _clean(self.headline, HEADLINE_CHARS),
            "fix": _clean(self.fix.removeprefix(FIX), FIX_CHARS),
            "facts": {_clean(name, HEADLINE_CHARS): _clean(text, FACT_CHARS) for name, text in facts},
        }
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, key: str = "") -> "Alert":
        """What `to_json` made. Raises ValueError, TypeError or LookupError for anything else."""
        return cls(key, **json.loads(text))


def _clean(text: str, most: int) -> str:
    # Joined first: a line break must not hide a secret. Cut last: half a key would not be known.
    shown = redact(plain_text.one_line(str(text)))
    return shown if len(shown) <= most else f"{shown[: most - 3].rstrip()}..."


def queue(db: Database, settings: Settings, alert: Alert, *, now: float | None = None) -> bool:
    """Queues the alert, to be sent as any mail; True if it is new.

    False if its key was queued before, whatever became of it; if it tells of a failure that was queued less than an hour
    ago (the rule is at `failures.before`); or if there is no OPS_EMAIL, of which NO_ADDRESS tells. To be called in the
    transaction of what it tells, so it says nothing itself to people; `now` is epoch seconds.
    """
    if not settings.ops_email:
        return False
    at, token = times.epoch(times.now()) if now is None else now, secrets.token_hex(12)
    sql = (
        "INSERT INTO notification (kind, occurrence, state, recipient, facts, message_id, token, due_at, attempts,"
        " created_at, alert_key) VALUES (?, 1, 'queued', ?, ?, ?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (alert_key) WHERE alert_key IS NOT NULL DO NOTHING RETURNING id"
    )
    message_id = f"<{token}@{settings.backend_host}>"
    with changing(db):
        _wait_for_others(db)
        before = failures.before(db, alert.run_id)
        if before.is_told or (alert.series and _is_told_lately(db, alert.series, at)):
            log.info("EMAIL: alert %s: not queued, for the same failure was queued within the hour", alert.key)
            return False
        text = _with_those_before(alert, before).to_json()
        return bool(fetch(db, sql, (ALERT, settings.ops_email, text, message_id, token, at, at, alert.key)))


def _wait_for_others(db: Database) -> None:
    # One after another, as SQLite's writers are: who tells of the same failure next is to see this one.
    if not is_sqlite(db):
        fetch(db, "SELECT pg_advisory_xact_lock(?)", (ALERTS_LOCK,))


_OF_SERIES = "substr(alert_key, 1, ?) = ?"


def _is_told_lately(db: Database, series: str, now: float) -> bool:
    sql = f"SELECT 1 FROM notification WHERE {_OF_SERIES} AND created_at BETWEEN ? AND ? LIMIT 1"
    # One from later on was queued by a clock that was wrong.
    return bool(fetch(db, sql, (len(series), series, now - failures.AGAIN_SECONDS, now)))


def _with_those_before(alert: Alert, before: failures.Before) -> Alert:
    if not before.runs:
        return alert
    runs = "1 more run" if before.runs == 1 else f"{before.runs} more runs"
    since = times.iso(times.from_epoch(before.since))
    # First, for it is what no earlier mail said.
    return replace(alert, facts={"Failed so before": f"{runs} since {since}, not mailed", **alert.facts})


@dataclass(frozen=True, slots=True)
class AlertMail:
    """How the mail of an alert stands, as `store.outbox` tells it; `reply` and `fix` are of its last attempt."""

    id: int
    state: str
    reply: str
    fix: str


def mail_of(db: Database, key: str) -> AlertMail | None:
    """The mail of the alert with this key; None if none was queued."""
    found = fetch(db, "SELECT id, state, reply, fix FROM notification WHERE alert_key = ?", (key,))
    return AlertMail(found[0][0], found[0][1], found[0][2] or "", found[0][3] or "") if found else None


def waiting_mails(db: Database, alert: Alert) -> list[int]:
    """The ids of the mails of this alert, and of others of its series, that are yet to be sent."""
    wanted, given = ("alert_key = ?", [alert.key])
    if alert.series:
        wanted, given = (_OF_SERIES, [len(alert.series), alert.series])
    sql = f"SELECT id FROM notification WHERE state = 'queued' AND {wanted} ORDER BY id"
    return [mail_id for (mail_id,) in fetch(db, sql, given)]


def of_run(row: JobRunRow) -> Alert | None:
    """What to tell of a run that did not end well; None for one that is done or still runs.

    Every other outcome is told, whoever started the run: failed, wrong settings, kept back, overtaken, out of time, kernel
    died, died. One that was stopped is told unless it was started at a terminal: whoever sits there stopped it; a
    scheduler's run (cron, systemd, Airflow, any program) was not meant to be.
    """
    if row.outcome in (DONE, RUNNING) or (row.outcome == STOPPED and row.started_by == TERMINAL):
        return None
    message = failures.message_of(row.outcome, row.message)
    what, fix = failures.told(message)
    headline = f"{_job_of(row)} {_WORDS.get(row.outcome, row.outcome)}"
    said = f"{headline}: {what}" if what else headline
    return Alert(key_of(row.name), said, fix or look_at(row.artefacts), _facts_of(row, message), row.id)


def of_ended(db: Database, run_id: int) -> Alert | None:
    """What to tell of the run with this id, as its row is now; None for nothing, or for no such run that has ended."""
    row = job_runs.of_id(db, run_id)
    return of_run(row) if row and row.ended_at is not None else None


def _job_of(row: JobRunRow) -> str:
    return row.scheduled_as or row.notebook


def look_at(artefacts: Mapping[str, str]) -> str:
    """What to do about a run that says nothing of it itself; the kinds and paths of what it left."""
    kind = next((kind for kind in ("page", "notebook", "log") if kind in artefacts), "")
    if not kind:
        return "look for it on its machine: python -m notebooks history."
    return f"open its {kind} {artefacts[kind]}: the cell that failed says what is wrong."


def _facts_of(row: JobRunRow, message: str) -> dict[str, str]:
    ended = row.heartbeat_at if row.ended_at is None else row.ended_at
    facts = {
        "Job": _job_of(row),
        "Notebook": row.notebook,
        "Outcome": row.outcome.replace("_", " "),
        "Exit code": "" if row.exit_code is None else str(row.exit_code),
        "Message": " ".join(message.split()),
        "Started": times.iso(times.from_epoch(row.started_at)),
        "Last sign of life" if row.ended_at is None else "Ended": times.iso(times.from_epoch(ended)),
        "Lasted": f"{row.seconds:.0f} s",
        "Started by": f"{row.started_by}, user {row.user_name}",
        "Host": row.host,
        "Parameters": ", ".join(f"{name}={value!r}" for name, value in row.parameters.items()),
        "Counts": ", ".join(f"{name} {count}" for name, count in row.counts.items()),
        **{_RECORD.get(kind, kind.capitalize()): path for kind, path in row.artefacts.items()},
        "Run": row.name,
        "Code": row.code_version,
    }
    return {name: text for name, text in facts.items() if text}


_RECORD = {"notebook": "Record"}
