"""The key ring and the session_keys made with it. What a key admits to is decided in `sessions`."""

import base64
import binascii
import contextlib
import hmac
import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from store import events, places, times
from store.database import Database, execute, explained, fetch, writing
from store.errors import Finding, KeyRingUnusable, NotFound, UnknownKey
from store.key_patterns import SESSION_KEY

log = logging.getLogger(__name__)

KEY_IDS = "123456789abcdefghijklmnopqrstuvwxyz"
SECRET_BYTES, PUBLIC_BYTES, TAG_BYTES, PUBLIC_CHARS = 32, 10, 20, 16
RING_FILE_BYTES = 65_536
_SESSION_BY_PUBLIC = "SELECT id, interview_id, key_id, generation FROM interview_session WHERE public = ?"
_NEVER_STORED = "a" * PUBLIC_CHARS
_RESTORE = (
    "restore this database's ring from its backup, or correct SESSION_KEY_RING or DATABASE_URL:"
    " the two belong together."
)


class KeyRing:
    """The secrets that links are made with, by key id; `current` for new ones. No secret is in its repr."""

    __slots__ = ("_secrets", "current")

    def __init__(self, current: str, secrets_by_id: Mapping[str, bytes]):
        self.current, self._secrets = current, dict(secrets_by_id)

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, ids={''.join(self._secrets)!r})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._secrets

    def mac(self, key_id: str, message: bytes) -> bytes:
        """HMAC-SHA256 of `message`, 32 bytes. Raises KeyError for an id that is not in the ring."""
        return hmac.digest(self._secrets[key_id], message, "sha256")

    def check_value(self, key_id: str) -> str:
        """What the database keeps, in hex, to recognise this secret; it reveals nothing of it."""
        return self.mac(key_id, b"iv-check\0" + key_id.encode()).hex()

    def with_new_key(self) -> "KeyRing":
        """This ring with one more key, its new current one. Raises KeyRingUnusable if none is free."""
        free = [key_id for key_id in KEY_IDS if key_id not in self._secrets]
        if not free:
            raise KeyRingUnusable("The key ring has no free key id.", "start a new ring with a new database.")
        return KeyRing(free[0], self._secrets | {free[0]: secrets.token_bytes(SECRET_BYTES)})

    def to_json(self) -> str:
        """The ring's file, secrets included: {"current": "1", "keys": {"1": base64 of 32 bytes}}."""
        keys = {key_id: base64.b64encode(secret).decode() for key_id, secret in self._secrets.items()}
        return json.dumps({"current": self.current, "keys": keys}, indent=1) + "\n"


def load_ring(db: Database, source: str, *, now: datetime) -> KeyRing:
    """The ring that this database's links are made with.

    `source` is a path, or the ring itself as JSON. A missing file is made only while the database knows no
    key and holds no session. Keys new to the database are recorded in it. Raises KeyRingUnusable if the ring
    is missing, unreadable, or not this database's.
    """
    ring = _read(source)
    if ring is not None:
        with explained(db):
            if not _unrecorded(db, ring, _name(source)):
                return ring
    with writing(db):
        ring = _read(source) or _create(db, source)
        _record(db, ring, _unrecorded(db, ring, _name(source)), now)
    return ring


def check(db: Database, ring: KeyRing) -> None:
    """Raises KeyRingUnusable if the database knows a key that this ring lacks or contradicts (it was rotated since)."""
    _unrecorded(db, ring, "in use")


def rotate(db: Database, source: str, *, now: datetime) -> KeyRing:
    """Adds a key to the ring's file and uses it for new sessions; links made before go on working.

    Programs that are running hold the old ring: they are restarted afterwards. Raises KeyRingUnusable.
    """
    load_ring(db, source, now=now)
    if _is_inline(source):
        what = "SESSION_KEY_RING holds the ring itself, so it cannot be rotated here."
        raise KeyRingUnusable(what, "add a key to that setting and name it as current.")
    path = places.resolve(source)
    with writing(db):
        ring = _read(source).with_new_key()
        with _explained(path):
            os.replace(_written_aside(path, ring), path)
            places.sync_folder(path.parent)
        _record(db, ring, [ring.current], now)
    return ring


def revoke(db: Database, session_id: int, *, now: datetime) -> int:
    """Makes a session's link and all its visits worthless; gives its new generation. Raises NotFound."""
    with writing(db):
        raised = "UPDATE interview_session SET generation = generation + 1 WHERE id = ?"
        changed = fetch(db, raised + " RETURNING generation, interview_id", (session_id,))
        if not changed:
            raise NotFound("session_id", session_id)
        generation, interview_id = changed[0]
        execute(db, "DELETE FROM portal_visit WHERE session_id = ?", (session_id,))
        events.record(db, "key_revoked", at=times.epoch(now), interview_id=interview_id, generation=generation)
    return generation


def new_publics(count: int) -> list[str]:
    """The public parts of `count` new sessions' keys: each 16 characters of base32 from 10 random bytes."""
    letters = _base32(secrets.token_bytes(PUBLIC_BYTES * count))
    return [letters[start : start + PUBLIC_CHARS] for start in range(0, PUBLIC_CHARS * count, PUBLIC_CHARS)]


def new_public() -> str:
    """The public part of one new session's key."""
    return new_publics(1)[0]


def session_key(public: str, key_id: str, generation: int, ring: KeyRing) -> str:
    """The session's key, 50 characters; the only place that makes one.

    `k`, key id, public part, then base32 of the first 20 bytes of HMAC-SHA256 over "iv-link\\0", key id,
    public part and generation (ASCII decimal). Only the last varies in length, so that no two sessions share
    a message.
    """
    tag = ring.mac(key_id, f"iv-link\0{key_id}{public}{generation:d}".encode("ascii"))[:TAG_BYTES]
    return f"k{key_id}{public}{_base32(tag)}"


def link(backend_url: str, key: str) -> str:
    """The address that a mail carries; `backend_url` has no trailing slash."""
    return f"{backend_url}/?session_key={key}"


def proof_token(public: str, key_id: str, ring: KeyRing) -> str:
    """What a checking visit sends as `X-Interview-Proof`, so that it is not taken for the candidate's."""
    return ring.mac(key_id, b"iv-proof\0" + public.encode("ascii")).hex()


def is_proof(presented: str, public: str, key_id: str, ring: KeyRing) -> bool:
    """Whether a request's proof header was made with this ring, for this session."""
    return presented.isascii() and hmac.compare_digest(presented, proof_token(public, key_id, ring))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The session that a presented key belongs to."""

    id: int
    interview_id: int
    public: str
    key_id: str
    generation: int


def find(db: Database, presented: str, ring: KeyRing) -> SessionRow:
    """The session of a presented key, read case-insensitively. Raises UnknownKey, alike for every reason."""
    # isascii first: lower() makes an ordinary k of the Kelvin sign.
    key = presented.lower() if presented.isascii() else ""
    if not SESSION_KEY.fullmatch(key):
        raise UnknownKey
    public = key[2 : 2 + PUBLIC_CHARS]
    rows = fetch(db, _SESSION_BY_PUBLIC, (public,))
    known = bool(rows) and rows[0][2] in ring
    session_id, interview_id, key_id, generation = rows[0] if known else (0, 0, ring.current, 0)
    expected = session_key(public if known else _NEVER_STORED, key_id, generation, ring)
    if not (hmac.compare_digest(expected, key) and known):
        raise UnknownKey
    return SessionRow(session_id, interview_id, public, key_id, generation)


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").lower()


def _is_inline(source: str) -> bool:
    return source.lstrip().startswith("{")


def _name(source: str) -> str:
    return "in SESSION_KEY_RING" if _is_inline(source) else places.shown(places.resolve(source))


def _read(source: str) -> KeyRing | None:
    """The ring as it is written, or None if its file does not exist."""
    if _is_inline(source):
        return _parsed(source, source)
    path = places.resolve(source)
    with _explained(path):
        try:
            _refuse_other_than_file(path)
            with open(path, "rb") as file:
                raw, mode = file.read(RING_FILE_BYTES + 1), os.fstat(file.fileno()).st_mode
        except FileNotFoundError:
            return None
    ring = _parsed(raw, source)
    if mode & 0o077:
        shown = places.shown(path)
        finding = Finding("key_ring.readable", f"The key ring {shown} may be read by others.", f"chmod 600 {shown}")
        log.warning("%s", finding.line())
    return ring


def _refuse_other_than_file(path: Path) -> None:
    # A pipe would be waited for, and a device read without end; what a folder is, opening it says.
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        fix = "make SESSION_KEY_RING the path of a file."
        raise KeyRingUnusable(f"The key ring {places.shown(path)} is not a regular file.", fix)


def _parsed(raw: str | bytes, source: str) -> KeyRing:
    try:
        data = json.loads(raw)
        keys = {key_id: base64.b64decode(text, validate=True) for key_id, text in data["keys"].items()}
        current = data["current"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise _malformed(source, 'is not JSON of the form {"current": "1", "keys": {"1": "..."}}') from None
    if not keys or not all(key_id in KEY_IDS and len(key_id) == 1 for key_id in keys):
        raise _malformed(source, "has a key id that is not one character of 1-9 and a-z")
    if any(len(secret) != SECRET_BYTES for secret in keys.values()):
        raise _malformed(source, f"holds a key that is not {SECRET_BYTES} bytes in base64")
    if not isinstance(current, str) or current not in keys:
        raise _malformed(source, "names a current key that it does not hold")
    return KeyRing(current, keys)


def _malformed(source: str, what: str) -> KeyRingUnusable:
    return KeyRingUnusable(f"The key ring {_name(source)} {what}.", _RESTORE)


def _unrecorded(db: Database, ring: KeyRing, name: str) -> list[str]:
    """The ring's ids that are new to the database. Raises KeyRingUnusable for another database's ring."""
    recorded = dict(fetch(db, "SELECT key_id, check_value FROM key_check"))
    for key_id, check_value in sorted(recorded.items()):
        if key_id not in ring:
            what = f"lacks key {key_id}, which this database's links were made with."
            raise KeyRingUnusable(f"The key ring {name} {what}", _RESTORE)
        if not hmac.compare_digest(ring.check_value(key_id), check_value):
            what = f"is another database's: its key {key_id} differs."
            raise KeyRingUnusable(f"The key ring {name} {what}", _RESTORE)
    return [key_id for key_id in ring if key_id not in recorded]


def _record(db: Database, ring: KeyRing, key_ids: list[str], now: datetime) -> None:
    for key_id in key_ids:
        row = (key_id, ring.check_value(key_id), times.epoch(now))
        execute(db, "INSERT INTO key_check (key_id, check_value, created_at) VALUES (?, ?, ?)", row)


def _create(db: Database, source: str) -> KeyRing:
    """A new ring in a new file, or the one that another program has just made there."""
    if fetch(db, "SELECT 1 FROM key_check") or fetch(db, "SELECT 1 FROM interview_session LIMIT 1"):
        what = "is missing, and this database's links were made with one."
        raise KeyRingUnusable(f"The key ring {_name(source)} {what}", _RESTORE)
    path = places.resolve(source)
    ring = KeyRing("1", {"1": secrets.token_bytes(SECRET_BYTES)})
    with _explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = _written_aside(path, ring)
        try:
            # Unlike a rename, a link never replaces a ring that appeared meanwhile.
            os.link(aside, path)
            places.sync_folder(path.parent)
        except FileExistsError:
            return _read(source)
        finally:
            os.unlink(aside)
    return ring


def _written_aside(path: Path, ring: KeyRing) -> Path:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(ring.to_json())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    return aside


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"The key ring {places.shown(path)} cannot be used: {error.strerror or error}."
        folder = places.shown(path.parent)
        fix = f"let {folder} be a folder, and the ring a file in it, that this user may read and write."
        raise KeyRingUnusable(what, fix) from error
