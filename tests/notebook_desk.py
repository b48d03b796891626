"""The desk that tests of notebooks share: an installation with a canary, papermill's command, and looks at what is left."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import booking_desk
import interview_room
import pytest

from store import database, places, sample, session_keys, times
from store.database import fetch
from store.settings import Settings

CANARY = "correct-horse-battery-canary"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A small installation of its own, with a secret in its settings that must turn up nowhere."""
    given = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/interviews.db",
        "SESSION_KEY_RING": str(tmp_path / "key_ring.json"),
        "SANDBOX_MAILBOX": str(tmp_path / "mailbox"),
        "EMAIL_BACKEND": "sandbox",
        "EMAIL_HOST_PASSWORD": CANARY,
        "OPS_TOKEN": CANARY,
        "BACKEND_URL": "https://interviews.example.com",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **given}


@pytest.fixture
def candidates(tmp_path):
    """The sample of 200 candidates."""
    return sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())


@pytest.fixture
def interviewed(environment):
    """The key of an interview that was completed yesterday; the first answer holds its link, a longer text is kept."""
    now = times.now()
    db = database.open_record(environment["DATABASE_URL"])
    ring = session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=now)
    desk = booking_desk.Desk(db, Settings(), ring, now - timedelta(days=1))
    booked = desk.book(booking_desk.request(desk.now + timedelta(hours=1)))
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    [key] = keys_of(environment)
    said = f"My link is https://x/?session_key={key}, I am asha@example.com."
    room.save(f"{said} {'More. ' * 50}")
    room.save(f"In short: I use <b>both</b>. {said}", sequence=2)
    room.finish()
    db.close()
    return key


def papermill(
    folder: Path, environment: dict[str, str], notebook: str = "booking_batch", **parameters: object
) -> subprocess.CompletedProcess:
    """Runs a notebook by papermill's own command, from another folder."""
    command = [sys.executable, "-m", "papermill", str(places.ROOT / f"notebooks/{notebook}.ipynb"), "out.ipynb"]
    for name, value in {"log_file": str(folder / "out.log"), **parameters}.items():
        command += ["-p", name, str(value)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def rows(environment: dict[str, str], sql: str) -> list[tuple]:
    """What the installation's record answers."""
    db = database.open_record(environment["DATABASE_URL"])
    found = fetch(db, sql)
    db.close()
    return found


def outcomes(environment: dict[str, str]) -> dict[int, str]:
    """What became of each line of the newest batch, with the reason of a refusal."""
    sql = "SELECT line, outcome, code FROM batch_row WHERE batch_id = (SELECT max(id) FROM batch)"
    return {line: f"{outcome}: {code}" if code else outcome for line, outcome, code in rows(environment, sql)}


def counted(environment: dict[str, str]) -> dict[str, int]:
    """How many lines of the newest batch had each outcome."""
    return dict(Counter(outcomes(environment).values()))


def keys_of(environment: dict[str, str]) -> list[str]:
    """The session_key of every interview in the record."""
    db = database.open_record(environment["DATABASE_URL"])
    ring = session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=times.now())
    sessions = fetch(db, "SELECT public, key_id, generation FROM interview_session")
    db.close()
    return [session_keys.session_key(*session, ring) for session in sessions]


def ring_of(folder: Path) -> list[str]:
    """The secrets of the installation's key ring."""
    return list(json.loads((folder / "key_ring.json").read_text(encoding="utf-8"))["keys"].values())


def secrets_found(secrets: list[str], texts: list[str]) -> list[str]:
    """The beginnings of those secrets, the canary among them, that stand in a text."""
    return [secret[:4] for secret in (CANARY, *secrets) for text in texts if secret in text]


def written_texts(folder: Path) -> list[str]:
    """The notebook that papermill executed, and its log."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".log", ".ipynb"))
    assert [path.name for path in paths] == ["out.ipynb", "out.log"]
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


def mails_in(folder: Path) -> int:
    """How many mails lie in the installation's mailbox."""
    arrived = folder / "mailbox" / "new"
    return len(list(arrived.iterdir())) if arrived.exists() else 0
