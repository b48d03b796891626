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
from statistics import median

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

MAILS, PEER_MAILS, ROUNDS, GOAL = 5_000, 300, 5, 10.0
Record = tuple[Database, Settings, session_keys.KeyRing]


@contextmanager
def sink() -> Iterator[int]:
    """The port of a sink that runs meanwhile."""
    command = [sys.executable, str(Path(__file__).with_name("sink.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().split()[2])
    finally:
        process.communicate()


def booked(url: str, folder: str) -> Record:
    """A record with MAILS queued mails."""
    path = Path(folder) / "candidates.csv"
    write_file(path, MAILS, 10, "sorted")
    settings = Settings(database_url=url, session_key_ring=str(Path(folder) / f"ring_{time.time_ns()}.json"))
    db = database.open_record(url)
    ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=NOW)
    batches.book_batch(db, path, settings=settings, ring=ring, clock=lambda: NOW, trace=False)
    database.execute(db, "UPDATE notification SET due_at = 0")
    return db, settings, ring


def ours(record: Record, port: int) -> float:
    """Mails a second."""
    db, settings, ring = record
    # As many connections as the settings give a server on this machine.
    account = Account(SMTP_BACKEND, "127.0.0.1", port, PLAIN, "interviews@example.com", connections=2)
    started = time.perf_counter()
    report = deliver(db, account=account, settings=settings, ring=ring, trace=False)
    seconds = time.perf_counter() - started
    if report.sent != MAILS:
        raise SystemExit(f"not every mail was sent: {report.sentence()}")
    return MAILS / seconds


def peer(record: Record, port: int) -> float:
    """Mails a second, of the same mails from the same record."""
    db, settings, ring = record
    sql = (
        "SELECT n.facts, n.message_id, s.public, s.key_id, s.generation FROM notification n"
        f" JOIN interview_session s ON s.interview_id = n.interview_id ORDER BY n.id LIMIT {PEER_MAILS}"
    )
    hand_over = HandOver(datetime.now(UTC), "interviews@example.com", "", settings.backend_url)
    started = time.perf_counter()
    for facts_json, message_id, public, key_id, generation in fetch(db, sql):
        key = session_keys.session_key(public, key_id, generation, ring)
        said = contents(Facts.from_json(facts_json), hand_over, session_keys.link(settings.backend_url, key))
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = (
            hand_over.from_address,
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


def rounds(engine: str) -> list[tuple[float, float]]:
    """Ours and the peer's rate in each round, one right after the other, so that both meet the same noise."""
    with tempfile.TemporaryDirectory() as folder, fresh(engine, ROUNDS) as urls, sink() as port:
        return [(ours(record, port), peer(record, port)) for record in (booked(url, folder) for url in urls)]


def main() -> int:
    """Prints the table of medians; exit code 1 if the goal is missed."""
    missed = False
    print(f"{'engine':<12}{'delivered/s':>12}{'peer/s':>8}{'ratio':>7}")
    for engine in available():
        measured = rounds(engine)
        mine, theirs = (median(column) for column in zip(*measured, strict=True))
        ratio = median(own / other for own, other in measured)
        missed |= ratio < GOAL
        print(f"{engine:<12}{mine:>12.0f}{theirs:>8.0f}{ratio:>7.1f}")
    print(f"Goal: ratio at least {GOAL}: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
