"""Delivering queued mails into a light sink, beside one connection a mail with the standard library's mail and SMTP.

Ours does what it always does: claim, compose, seal, commit the hand-over, send, commit the reply. The peer is how mail is
usually sent from a web app: an EmailMessage of the same content and smtplib, a connection for each mail, nothing kept.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP

from booking import NOW, write_file
from engines import available, fresh

from mailer.account import PLAIN, Account
from mailer.account import SMTP as SMTP_BACKEND
from mailer.delivery import deliver
from mailer.messages import contents
from store import batches, database, session_keys
from store.database import Database, fetch
from store.facts import Facts, HandOver
from store.settings import Settings

MAILS, PEER_MAILS, GOAL = 5_000, 500, 10.0


@contextmanager
def sink() -> Iterator[int]:
    """The port of a sink that runs meanwhile."""
    command = [sys.executable, str(Path(__file__).with_name("sink.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().split()[2])
    finally:
        process.communicate()


def booked(url: str, folder: str) -> tuple[Database, Settings, session_keys.KeyRing]:
    """A record with MAILS queued mails."""
    path = Path(folder) / "candidates.csv"
    write_file(path, MAILS)
    settings = Settings(database_url=url, session_key_ring=str(Path(folder) / f"ring_{time.time_ns()}.json"))
    db = database.open_record(url)
    ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=NOW)
    batches.book_batch(db, path, settings=settings, ring=ring, clock=lambda: NOW, trace=False)
    database.execute(db, "UPDATE notification SET due_at = 0")
    return db, settings, ring


def ours(url: str, folder: str, port: int) -> float:
    """Mails a second."""
    db, settings, ring = booked(url, folder)
    account = Account(SMTP_BACKEND, "127.0.0.1", port, PLAIN, "interviews@example.com", connections=2)
    started = time.perf_counter()
    report = deliver(db, account=account, settings=settings, ring=ring, trace=False)
    seconds = time.perf_counter() - started
    if report.sent != MAILS:
        raise SystemExit(f"not every mail was sent: {report.sentence()}")
    return MAILS / seconds


def peer(url: str, folder: str, port: int) -> float:
    """Mails a second, of the same mails from the same record."""
    db, settings, ring = booked(url, folder)
    sql = (
        "SELECT n.facts, n.message_id, s.public, s.key_id, s.generation FROM notification n"
        f" JOIN interview_session s ON s.interview_id = n.interview_id ORDER BY n.id LIMIT {PEER_MAILS}"
    )
    record = HandOver(datetime.now(UTC), "interviews@example.com", "", settings.backend_url)
    started = time.perf_counter()
    for facts_json, message_id, public, key_id, generation in fetch(db, sql):
        key = session_keys.session_key(public, key_id, generation, ring)
        said = contents(Facts.from_json(facts_json), record, session_keys.link(settings.backend_url, key))
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = (
            record.from_address,
            Facts.from_json(facts_json).recipient,
            said.subject,
        )
        mail["Message-ID"] = message_id
        mail.set_content(said.text)
        mail.add_alternative(said.html, subtype="html")
        mail.add_alternative(said.calendar, subtype="calendar", params={"method": "REQUEST"})
        with SMTP("127.0.0.1", port) as server:
            server.send_message(mail)
    return PEER_MAILS / (time.perf_counter() - started)


def main() -> int:
    """Prints the table; exit code 1 if the goal is missed."""
    missed = False
    print(f"{'engine':<12}{'delivered/s':>12}{'peer/s':>8}{'ratio':>7}")
    for engine in available():
        with tempfile.TemporaryDirectory() as folder, fresh(engine, 2) as (first, second), sink() as port:
            theirs, mine = peer(second, folder, port), ours(first, folder, port)
        missed |= mine / theirs < GOAL
        print(f"{engine:<12}{mine:>12.0f}{theirs:>8.0f}{mine / theirs:>7.1f}")
    print(f"Goal: ratio at least {GOAL}: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
