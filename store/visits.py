"""Visits to the portal: a valid key exchanged for a cookie, the cookie's session, and keys that failed."""

import base64
import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from store import events, sessions, times
from store.database import Database, changing, execute, fetch, is_sqlite
from store.errors import UnknownKey
from store.session_keys import SessionRow
from store.sessions import SessionView

CANDIDATE, PROOF = "candidate", "proof"
COOKIE_BYTES = 32
LIVE_VISITS = 20
"""Not engaged visits that one interview keeps of each kind: mail scanners cannot fill the table."""
HEARD_FOR = timedelta(minutes=10)
"""So long a visit is kept after the page that holds a running interview was heard, though nobody touched it."""
HEARD_AGAIN = timedelta(minutes=1)
"""How often that is written down."""

FAILURES_ALLOWED, FAILURES_WINDOW = 30, 600
"""So many keys may fail for one client network in each window of so many seconds."""
FAILURES_KEPT = 86_400

_BY_COOKIE = (
    f"SELECT v.id, v.kind, v.engaged_at, v.heard_at, {sessions.VIEW_COLUMNS} FROM portal_visit v"
    " JOIN interview_session s ON s.id = v.session_id AND s.generation = v.generation"
    f" {sessions.VIEW_JOINS} WHERE v.cookie_hash = ?"
)
_UNUSED = "session_id = ? AND kind = ? AND engaged_at IS NULL AND coalesce(heard_at, 0) < ?"
_PUSH_OUT = (
    f"DELETE FROM portal_visit WHERE {_UNUSED} AND id <="
    f" (SELECT id FROM portal_visit WHERE {_UNUSED} ORDER BY id DESC LIMIT 1 OFFSET ?)"
)
_ADD = "INSERT INTO portal_visit (session_id, cookie_hash, kind, generation, created_at) VALUES (?, ?, ?, ?, ?)"
_COUNT_FAILURE = (
    "INSERT INTO failed_key (network, started_at, failures) VALUES (?, ?, 1)"
    " ON CONFLICT (network, started_at) DO UPDATE SET failures = failed_key.failures + 1 RETURNING failures"
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose cookie it is: the candidate's or a proof's, and the session it opens.

    `is_engaged` says that a person has touched a page of this visit; it is never pushed out then. `heard_at` (aware UTC)
    is about when a page of it was last heard that held the interview.
    """

    id: int
    kind: str
    is_engaged: bool
    heard_at: datetime | None
    view: SessionView


def exchange(db: Database, session: SessionRow, kind: str, now: datetime) -> str:
    """A new visit's cookie for a session whose key was presented; the database keeps its hash only.

    The candidate's first visit sets `opened_at`; a proof's never does. Raises UnknownKey if the key was revoked
    meanwhile.
    """
    cookie = base64.urlsafe_b64encode(secrets.token_bytes(COOKIE_BYTES)).rstrip(b"=").decode("ascii")
    at, lock = times.epoch(now), "" if is_sqlite(db) else " FOR UPDATE"
    with changing(db):
        # The session's row is locked, so that visits of one interview are counted one after the other.
        found = fetch(db, f"SELECT generation, opened_at FROM interview_session WHERE id = ?{lock}", (session.id,))
        if not found or found[0][0] != session.generation:
            raise UnknownKey
        execute(db, _ADD, (session.id, cookie_hash(cookie), kind, session.generation, at))
        unused = (session.id, kind, times.epoch(now - HEARD_FOR))
        execute(db, _PUSH_OUT, (*unused, *unused, LIVE_VISITS))
        if kind == CANDIDATE and found[0][1] is None:
            execute(db, "UPDATE interview_session SET opened_at = ? WHERE id = ?", (at, session.id))
            events.record(db, "opened", at=at, interview_id=session.interview_id)
    return cookie


def find(db: Database, cookie: str) -> Visit | None:
    """The visit of a cookie, or None if it is unknown, pushed out, or its key was revoked."""
    rows = fetch(db, _BY_COOKIE, (cookie_hash(cookie),))
    if not rows:
        return None
    visit_id, kind, engaged_at, heard_at, *view = rows[0]
    heard_at = None if heard_at is None else times.from_epoch(heard_at)
    return Visit(visit_id, kind, engaged_at is not None, heard_at, sessions.view_of(tuple(view)))


def engage(db: Database, visit: Visit, now: datetime) -> None:
    """Writes down, once, that a person has touched a page of this visit."""
    if not visit.is_engaged:
        sql = "UPDATE portal_visit SET engaged_at = ? WHERE id = ? AND engaged_at IS NULL"
        with changing(db):
            execute(db, sql, (times.epoch(now), visit.id))


def hear(db: Database, visit: Visit, now: datetime) -> None:
    """Writes down, at most every HEARD_AGAIN, that the page which holds the interview was heard with this visit."""
    if visit.heard_at is None or now - visit.heard_at >= HEARD_AGAIN:
        with changing(db):
            execute(db, "UPDATE portal_visit SET heard_at = ? WHERE id = ?", (times.epoch(now), visit.id))


def cookie_hash(cookie: str) -> str:
    """SHA-256 in hex; the cookie is random, so it needs no salt."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()


def network(address: str) -> str:
    """The network that failures of a client address are counted under: its /24 (IPv4) or /64 (IPv6)."""
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    client = getattr(client, "ipv4_mapped", None) or client
    return str(ipaddress.ip_network((client, 24 if client.version == 4 else 64), strict=False))


def too_many_failures(db: Database, client_network: str, now: datetime) -> bool:
    """Whether this network's failed keys in the current window are used up. Writes nothing."""
    counted = (client_network, _window(now))
    rows = fetch(db, "SELECT failures FROM failed_key WHERE network = ? AND started_at = ?", counted)
    return bool(rows) and rows[0][0] >= FAILURES_ALLOWED


def count_failure(db: Database, client_network: str, now: datetime) -> None:
    """Counts one failed key; the first of a window also clears what is a day old."""
    with changing(db):
        if fetch(db, _COUNT_FAILURE, (client_network, _window(now)))[0][0] == 1:
            execute(db, "DELETE FROM failed_key WHERE started_at < ?", (_window(now) - FAILURES_KEPT,))


def _window(now: datetime) -> float:
    return times.epoch(now) // FAILURES_WINDOW * FAILURES_WINDOW
