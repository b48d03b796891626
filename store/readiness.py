"""Whether interviews can be taken now. Looks only; but the folder of recordings is made if there is none."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from store import database, places, recording_files, session_keys
from store.database import Database, fetch
from store.errors import DatabaseUnusable, KeyRingUnusable, RecordingsUnusable
from store.session_keys import KeyRing

log = logging.getLogger(__name__)

FREE_BYTES = 64 * 1024 * 1024
"""With less room than this a busy hour may not fit."""


def checks(db: Database, ring: KeyRing, recordings_folder: Path) -> dict[str, str]:
    """Each part and "ok" or "failed": record (answers), room (can be written), key_ring (is this record's), recordings
    (can be written).

    Why one failed is logged with its fix, not told to whoever asks.
    """
    parts = {"record": (_answers, db), "room": (_has_room, db), "key_ring": (session_keys.check, db, ring)}
    folder = _checked(recording_files.check, recordings_folder, FREE_BYTES)
    try:
        with database.lent(db):
            return {name: _checked(*part) for name, part in parts.items()} | {"recordings": folder}
    except DatabaseUnusable as refused:
        log.error("not ready: %s", refused.line())
        return dict.fromkeys(parts, "failed") | {"recordings": folder}


def _checked(check: Callable[..., None], *given: object) -> str:
    try:
        check(*given)
    except (DatabaseUnusable, KeyRingUnusable, RecordingsUnusable) as refused:
        log.error("not ready: %s", refused.line())
        return "failed"
    return "ok"


def _answers(db: Database) -> None:
    fetch(db, "SELECT 1 FROM meta WHERE name = 'database_id'")


def _has_room(db: Database) -> None:
    if not database.is_sqlite(db):
        if fetch(db, "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'")[0][0]:
            raise DatabaseUnusable("PostgreSQL takes no writes.", "let DATABASE_URL name the server that takes them.")
        return
    path = Path(db.database)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise DatabaseUnusable(
            f"{places.shown(path)} may not be written.", "give this user the right to write its folder."
        )
    if shutil.disk_usage(path.parent).free < FREE_BYTES:
        raise DatabaseUnusable(f"The disk of {places.shown(path)} is almost full.", "free some disk space.")
