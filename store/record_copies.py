"""A copy of the record to try things on: bookings and mails, with keys of its own. The record itself is only read."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from store import database, models, session_keys, times
from store.database import Database, execute, execute_many, fetch, viewing
from store.session_keys import SECRET_BYTES, KeyRing

_TABLES = ("candidate", "job", "question", "interview_slot", "seat", "interview", "interview_schedule",
           "interview_session", "batch", "notification")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """The copy and the ring of its links, which open nothing at any portal. `url` is its DATABASE_URL."""

    db: Database
    url: str
    ring: KeyRing


def copy_into(folder: Path, record: Database, *, now: datetime) -> RecordCopy:
    """Copies what mails are made from into a SQLite record in `folder`; answers and recordings are left out.

    Mails that a program is sending at this moment are queued in the copy. Raises DatabaseUnusable.
    """
    url = f"sqlite:///{folder / 'record.db'}"
    try:
        db = database.open_record(url)
    finally:
        models.bind(record)
    own = KeyRing("1", {"1": secrets.token_bytes(SECRET_BYTES)})
    ring = session_keys.load_ring(db, own.to_json(), now=now)
    with viewing(record):
        for table in _TABLES:
            _copy(table, record, db)
    with database.writing(db):
        execute(db, "UPDATE interview_session SET key_id = ?", (ring.current,))
        execute(
            db,
            "UPDATE notification SET state = 'queued', owner = NULL, lease_until = NULL"
            " WHERE state IN ('claimed', 'handed_over')",
        )
    return RecordCopy(db, url, ring)


def _copy(table: str, record: Database, copy: Database) -> None:
    columns = [row[1] for row in fetch(copy, f"PRAGMA table_info({table})")]
    rows = fetch(record, f"SELECT {', '.join(columns)} FROM {table}")
    places = ", ".join("?" * len(columns))
    with database.writing(copy):
        execute_many(copy, f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def waiting_mails(db: Database) -> list[int]:
    """The ids of all mails that are queued, the oldest first."""
    return [row[0] for row in fetch(db, "SELECT id FROM notification WHERE state = 'queued' ORDER BY due_at, id")]


def settled_at(db: Database) -> dict[int, datetime]:
    """When each mail came to its present state, for those that any attempt was made of."""
    rows = fetch(db, "SELECT id, settled_at FROM notification WHERE settled_at IS NOT NULL")
    return {mail_id: times.from_epoch(at) for mail_id, at in rows}
