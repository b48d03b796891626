"""A copy of the record to try things on: bookings and mails, with keys of its own. The record itself is only read."""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from store import bulk, database, models, session_keys, sessions, times
from store.database import Database, among, execute, execute_many, explained, fetch, is_sqlite, viewing
from store.errors import DatabaseUnusable
from store.session_keys import SECRET_BYTES, KeyRing

_TABLES = ("candidate", "job", "question", "interview_slot", "seat", "interview", "interview_schedule",
           "interview_session", "batch", "notification")  # fmt: skip
_WATCHED = (*_TABLES, "batch_row", "event", "account_pause")
_DIGEST_CHARS = 12


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """The copy and the ring of its links, which open nothing at any portal. `url` is its DATABASE_URL."""

    db: Database
    url: str
    ring: KeyRing


@dataclass(frozen=True, slots=True)
class CopiedMail:
    """A mail of the copy. `settled_at` is when it came to its state, None if never; `opens_at` when its link opens."""

    message_id: str
    settled_at: datetime | None
    opens_at: datetime


@dataclass(frozen=True, slots=True)
class Setback:
    """A try that did not bring a mail to its end. `state` is what the mail was then: queued, unknown or failed."""

    at: datetime
    notification_id: int
    state: str
    signature: str
    reply: str


@contextmanager
def opened_to_read(url: str) -> Iterator[Database | None]:
    """The record of DATABASE_URL, which nothing can be written to through this; None where there is none yet.

    The database itself refuses changes, upgrades of its tables included. Raises DatabaseUnusable.
    """
    db = database.connect(url)
    if is_sqlite(db):
        if not Path(db.database).exists():
            yield None
            return
        db.pragma("query_only", 1, permanent=True)
    else:
        db.connect_params["options"] = "-c default_transaction_read_only=on"
    try:
        with explained(db):
            is_there = db.table_exists("meta")
        yield db if is_there else None
    finally:
        db.close() if is_sqlite(db) else db.close_all()


def fingerprints(db: Database) -> dict[str, tuple[int, str]]:
    """Of each table that bookings and mails are in: how many rows, and a digest of all that is in them."""
    with viewing(db):
        return {table: _fingerprint(db, table) for table in _WATCHED}


def _fingerprint(db: Database, table: str) -> tuple[int, str]:
    rows = fetch(db, f"SELECT * FROM {table} ORDER BY 1, 2")
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return len(rows), digest.hexdigest()[:_DIGEST_CHARS]


def copy_into(folder: Path, record: Database, *, now: datetime) -> RecordCopy:
    """Copies what mails are made from into a SQLite record in `folder`; answers and recordings are left out.

    Mails that a program is sending at this moment are queued in the copy. Raises DatabaseUnusable.
    """
    copy = empty_record(folder, now=now)
    models.bind(record)
    with viewing(record):
        for table in _TABLES:
            _copy(table, record, copy.db)
    with database.writing(copy.db):
        execute(copy.db, "UPDATE interview_session SET key_id = ?", (copy.ring.current,))
        execute(
            copy.db,
            "UPDATE notification SET state = 'queued', owner = NULL, lease_until = NULL"
            " WHERE state IN ('claimed', 'handed_over')",
        )
    return copy


def empty_record(folder: Path, *, now: datetime) -> RecordCopy:
    """A record in `folder` that holds nothing yet, with a ring of its own. Raises DatabaseUnusable."""
    url = _url(folder)
    db = database.open_record(url)
    own = KeyRing("1", {"1": secrets.token_bytes(SECRET_BYTES)})
    return RecordCopy(db, url, session_keys.load_ring(db, own.to_json(), now=now))


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'record.db'}"


def _copy(table: str, record: Database, copy: Database) -> None:
    columns = [row[1] for row in fetch(copy, f"PRAGMA table_info({table})")]
    _check_columns(table, columns, record)
    # An alert to ops is no candidate's mail, and tells of the real record's jobs.
    where = " WHERE interview_id IS NOT NULL" if table == "notification" else ""
    rows = fetch(record, f"SELECT {', '.join(columns)} FROM {table}{where}")
    places = ", ".join("?" * len(columns))
    with database.writing(copy):
        execute_many(copy, f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def _check_columns(table: str, columns: list[str], record: Database) -> None:
    with explained(record):
        lacking = set(columns) - {column.name for column in record.get_columns(table)}
    if lacking:
        what = f"The record is of an older version: its table {table} lacks {', '.join(sorted(lacking))}."
        raise DatabaseUnusable(what, "start the portal once, which brings the record up to date; then run this again.")


def duplicate(copy: RecordCopy, folder: Path) -> RecordCopy:
    """The copy once more, in another `folder`, as it is now and with the same ring."""
    with explained(copy.db), closing(sqlite3.connect(folder / "record.db")) as target:
        copy.db.connection().backup(target)
    url = _url(folder)
    return RecordCopy(database.connect(url), url, copy.ring)


def waiting_mails(db: Database) -> list[int]:
    """The ids of all mails that are queued, the oldest first."""
    return [row[0] for row in fetch(db, "SELECT id FROM notification WHERE state = 'queued' ORDER BY due_at, id")]


def keep_some(db: Database, most: int) -> None:
    """Leaves at most that many queued mails in a copy, spread evenly over all of them."""
    waiting = waiting_mails(db)
    count = min(most, len(waiting))
    kept = {waiting[number * len(waiting) // count] for number in range(count)}
    dropped = bulk.values(db, [mail_id for mail_id in waiting if mail_id not in kept])
    with database.writing(db):
        execute(db, f"DELETE FROM notification WHERE {among(db, 'id')}", (dropped,))


def copied_mails(db: Database, *, now: datetime) -> dict[int, CopiedMail]:
    """Every mail of a copy by its id."""
    sql = (
        "SELECT n.id, n.message_id, n.settled_at, i.started_at, i.ended_at, i.opens_before, i.closes_after"
        " FROM notification n JOIN interview i ON i.id = n.interview_id"
    )
    return {
        mail_id: CopiedMail(message_id, None if at is None else times.from_epoch(at), _opens_at(*booked, now))
        for mail_id, message_id, at, *booked in fetch(db, sql)
    }


def _opens_at(started_at: float, ended_at: float, opens_before: int, closes_after: int, now: datetime) -> datetime:
    return sessions.window(
        started_at=times.from_epoch(started_at), ended_at=times.from_epoch(ended_at), opens_before=opens_before,
        closes_after=closes_after, interview_state="scheduled", begun_at=None, finished_at=None, now=now,
    ).opens_at  # fmt: skip


def setbacks(db: Database) -> list[Setback]:
    """What went wrong with the mails of a copy, in the order it happened."""
    sql = "SELECT at, kind, data FROM event WHERE kind IN ('mail_queued', 'mail_unknown', 'mail_failed') ORDER BY id"
    found = [(times.from_epoch(at), kind.removeprefix("mail_"), json.loads(data)) for at, kind, data in fetch(db, sql)]
    return [
        Setback(at, data["notification"], state, data.get("signature", "worker_lost"), data.get("reply", ""))
        for at, state, data in found
    ]
