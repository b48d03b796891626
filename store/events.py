"""The append-only audit: one row per thing that happened, written in the transaction of that thing."""

import json
from collections.abc import Sequence

from store import bulk
from store.database import Database, execute

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
COLUMNS = ("at", "kind", "interview_id", "batch_id", "data")


def record(
    db: Database, kind: str, *, at: float, interview_id: int | None = None, batch_id: int | None = None, **data: object
) -> None:
    """One event. `at` is epoch seconds; `data` must never hold a key, a password or a whole address."""
    record_many(db, [(at, kind, interview_id, batch_id, data)])


def record_many(db: Database, events: Sequence[tuple[float, str, int | None, int | None, dict]]) -> None:
    """Events as (at, kind, interview id, batch id, data)."""
    rows = [(at, kind, interview_id, batch_id, _encode(data)) for at, kind, interview_id, batch_id, data in events]
    if len(rows) == 1:
        execute(db, f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?)", rows[0])
    else:
        bulk.insert(db, "event", COLUMNS, rows)
