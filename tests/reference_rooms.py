"""The executed references in tests/references/: which notebook each one is of, with what parameters, in what installation.

Each runs in a kernel and an installation of its own, with the settings of the demo, so that nothing of this machine
is in what it shows. What changes from run to run is put aside by tests/nbval.cfg.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import booking_desk
import interview_room
import job_past
import matplotlib as mpl
from jupyter_client.manager import KernelManager

from mailer import portal_process
from notebooks.demo import ENVIRONMENT
from store import database, places, questions, session_keys, times
from store.database import Database
from store.questions import Question
from store.session_keys import KeyRing
from store.settings import Settings

FOLDER = places.ROOT / "tests" / "references"
BATCH = "tests/references/five.csv"
LOG = "~/run.log"
"""Every reference's log, in the room, which is the kernel's home."""
_NOT_HANDED_ON = ("JPY_SESSION_NAME", "JUPYTER", "IPYTHON", "MPLBACKEND")


def empty(db: Database, ring: KeyRing) -> None:
    """An installation that has booked nothing yet."""


def with_older_questions(db: Database, ring: KeyRing) -> None:
    """One job of the sample was asked something else before."""
    booking_desk.Desk(db, Settings(), ring, times.now()).book(
        booking_desk.request(
            times.now() + timedelta(days=1), job_title="Backend Engineer", company_name="Nirvaan Systems"
        )
    )
    older = (Question("Which languages do you write?"), Question("Tell us about yourself.", "audio", 120))
    questions.replace(db, 1, older)


def with_an_interview(db: Database, ring: KeyRing) -> None:
    """One interview was completed yesterday, its first answer cut by the candidate; one more waits for tomorrow."""
    desk = booking_desk.Desk(db, Settings(), ring, times.now() - timedelta(days=1))
    booked = desk.book(booking_desk.request(desk.now + timedelta(hours=1)))
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    room.save(f"I start with <b>both</b>, and then: {'more of it. ' * 30}")
    room.later(120).save("In short: I use <b>both</b>.", sequence=2)
    room.later(60).finish()
    desk.book(booking_desk.request(times.now() + timedelta(days=1), email="ravi@example.com"))


def with_bookings(db: Database, ring: KeyRing) -> None:
    """Two interviews of far away were booked and their candidates invited; a third was cancelled already."""
    desk = booking_desk.Desk(db, Settings(), ring, times.now())
    start = datetime(2099, 1, 5, 3, 30, tzinfo=UTC)
    for number, email in enumerate(("asha@example.com", "ravi@example.com", "bela@example.com")):
        desk.book(booking_desk.request(start + number * timedelta(hours=1), email=email))
    desk.deliver()
    desk.cancel(3)


def with_past_runs(db: Database, ring: KeyRing) -> None:
    """Jobs ran on the last days, some of them in vain."""
    job_past.write(db, days=8)


@dataclass(frozen=True, slots=True)
class Reference:
    """One executed notebook: its parameters, and what the record holds before."""

    notebook: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    fill: Callable[[Database, KeyRing], None] = empty
    has_portal: bool = False

    @property
    def given(self) -> dict[str, object]:
        return {**self.parameters, "log_file": LOG}

    @property
    def source(self) -> Path:
        return places.ROOT / "notebooks" / f"{self.notebook}.ipynb"


_REAL = {"batch_csv": BATCH, "dry_run": False, "allow_refused": True}
_RATING = {"interview_id": 1, "overall_score": 8.0, "traits": "clarity=7.5, pace=6", "dry_run": False}
_CANCEL = {"interviews": "IV-1, IV-2, IV-3, IV-99", "dry_run": False, "allow_refused": True}
REFERENCES = {
    "book_interview": Reference("book_interview"),
    "booking_batch": Reference("booking_batch"),
    "booking_batch_booked": Reference("booking_batch", _REAL, has_portal=True),
    "cancel_interviews": Reference("cancel_interviews", _CANCEL, with_bookings),
    "email_verification": Reference("email_verification"),
    "job_history": Reference("job_history", fill=with_past_runs),
    "load_questions": Reference("load_questions", {"dry_run": False}, with_older_questions),
    "rehearsal": Reference("rehearsal", {"batch_csv": BATCH, "scenario": "wrong-password"}, with_an_interview),
    "review": Reference("review", _RATING, with_an_interview),
    "start_here": Reference("start_here", fill=with_past_runs),
}


@contextmanager
def room(reference: Reference) -> Iterator[dict[str, str]]:
    """The environment of a kernel for the reference; the installation goes away with the block."""
    with tempfile.TemporaryDirectory(prefix="reference-room-") as folder:
        environment = _environment(Path(folder))
        db = database.open_record(environment["DATABASE_URL"])
        reference.fill(db, session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=times.now()))
        db.close()
        if not reference.has_portal:
            yield environment
            return
        with portal_process.running(environment) as address:
            yield environment | {"BACKEND_URL": address}


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_ON)}
    own = {
        "DATABASE_URL": f"sqlite:///{folder}/interviews.db",
        "SESSION_KEY_RING": str(folder / "key_ring.json"),
        "SANDBOX_MAILBOX": str(folder / "mailbox"),
        "RUNS_FOLDER": str(folder / "runs"),
        "RECORDINGS_FOLDER": str(folder / "recordings"),
        # Where nothing answers, whatever else runs on this machine.
        "BACKEND_URL": "http://localhost:9",
        "HOME": str(folder),
        # Two would write their lines into the log in any order.
        "EMAIL_CONNECTIONS": "1",
        # Otherwise its list of fonts would be made again for each home.
        "MPLCONFIGDIR": mpl.get_cachedir(),
    }
    return {**inherited, **ENVIRONMENT, **own}


@contextmanager
def kernel(environment: Mapping[str, str]) -> Iterator[KernelManager]:
    """A running kernel with this environment, reached by sockets of its own folder: ports can be taken by others."""
    with tempfile.TemporaryDirectory(prefix="k-") as folder:
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/s")
        manager.connection_file = f"{folder}/kernel.json"
        manager.start_kernel(env=dict(environment), cwd=str(places.ROOT / "notebooks"), stderr=subprocess.DEVNULL)
        try:
            yield manager
        finally:
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()
