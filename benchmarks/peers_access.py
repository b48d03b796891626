"""What both peers do outside of their frameworks: reading a session_key, the access window, instants in words.

Written for speed and without this project's parts, so that the peers are as strong as they can be.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

DATABASE, COOKIE = os.environ["PEER_DATABASE"], "iv"
PRAGMAS = "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA foreign_keys = 1; PRAGMA cache_size = -8192;"
OWN_HEADERS = {"Sec-Fetch-Site": "same-origin"}
HEADERS = tuple(json.loads(os.environ["PEER_HEADERS"]))
LIVE_VISITS, LONGEST_TEXT, HOLD_SECONDS, GRACE = 20, 20_000, 30, 30

with open(os.environ["PEER_RING"], encoding="ascii") as _file:
    KEYS = {name: base64.b64decode(text) for name, text in json.load(_file)["keys"].items()}


def public_part(key: str) -> str:
    return key.lower()[2:18]


def is_key(key: str, public: str, key_id: str, generation: int) -> bool:
    message = f"iv-link\0{key_id}{public}{generation}".encode("ascii")
    tag = base64.b32encode(hmac.digest(KEYS[key_id], message, "sha256")[:20]).decode("ascii").lower()
    return hmac.compare_digest(f"k{key_id}{public}{tag}", key.lower())


def new_cookie() -> str:
    return secrets.token_urlsafe(32)


def cookie_hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def access_state(
    started_at: float, ended_at: float, opens_before: int, closes_after: int, state: str, begun_at: float | None,
    finished_at: float | None,
) -> str:  # fmt: skip
    now = time.time()
    if finished_at is not None or state == "completed":
        return "done"
    if state == "cancelled":
        return "cancelled"
    if begun_at is not None:
        return "running" if now < ended_at + GRACE else "done"
    if now < started_at - 60 * opens_before:
        return "early"
    if now < started_at:
        return "waiting"
    return "open" if now < min(started_at + 60 * closes_after, ended_at) else "late"


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def clock(started_at: float, ended_at: float, zone: str) -> tuple[str, str, str, str]:
    start, end = (datetime.fromtimestamp(at, ZoneInfo(zone)) for at in (started_at, ended_at))
    return (
        f"{start:%A}, {start.day} {start:%B %Y}",
        f"{start:%I:%M %p %Z}",
        f"{end:%I:%M %p %Z}",
        zone.replace("_", " "),
    )


def facts(interview: dict[str, object]) -> dict[str, object]:
    """What the page shows, of a row's columns by name."""
    started_at, ended_at = interview["started_at"], interview["ended_at"]
    state = access_state(
        started_at, ended_at, interview["opens_before"], interview["closes_after"], interview["state"],
        interview["begun_at"], interview["finished_at"],
    )  # fmt: skip
    return interview | {
        "state": state, "clock": clock(started_at, ended_at, interview["timezone"]),
        "other_clock": clock(started_at, ended_at, interview["candidate_timezone"] or interview["timezone"]),
        "server_time": iso(time.time()), "starts_at": iso(started_at), "deadline": iso(ended_at),
        "opens_at": iso(started_at - 60 * interview["opens_before"]),
        "closes_at": iso(min(started_at + 60 * interview["closes_after"], ended_at)),
        "minutes": round((ended_at - started_at) / 60), "code": f"IV-{interview['interview_id']}",
    }  # fmt: skip


def shows(headers: Mapping[str, str], interview_id: int) -> bool:
    """Whether the page that sends these headers shows that interview."""
    return headers.get("X-Interview") == f"IV-{interview_id}"


def is_draft(data: object) -> bool:
    """Whether a body is a save: page, sequence, base_revision and text."""
    return (
        isinstance(data, dict)
        and all(isinstance(data.get(name), str) for name in ("page", "text"))
        and all(isinstance(data.get(name), int) for name in ("sequence", "base_revision"))
        and len(data["text"]) <= LONGEST_TEXT
    )
