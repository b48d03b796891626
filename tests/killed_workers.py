"""Two delivery programs on one record, killed with -9 while they send, and the count of what came of every mail."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes

import pytest
from booking_desk import DAY, Desk, request
from smtp_server import FROM, After, SmtpServer

from store import outbox, times
from store.database import fetch
from store.settings import Settings

WORKERS = 2


def delivery_environment(settings: Settings, port: int, lease: float, hold: float) -> dict[str, str]:
    """The settings of a program that delivers this record's mails to the server at `port`; seconds."""
    return {
        "PATH": os.environ["PATH"], "DATABASE_URL": settings.database_url.get_secret_value(),
        "SESSION_KEY_RING": settings.session_key_ring.get_secret_value(), "BACKEND_URL": settings.backend_url,
        "EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port), "DEFAULT_FROM_EMAIL": FROM,
        "EMAIL_LEASE": str(lease), "EMAIL_DEADLINE": str(lease * 0.75), "EMAIL_TIMEOUT": str(lease * 0.5),
        "EMAIL_HOLD": str(hold), "EMAIL_CONNECTIONS": "1",
    }  # fmt: skip


@dataclass
class Torture:
    """Books mails bit by bit, kills `kills` times, then lets the programs end their work."""

    desk: Desk
    folder: object
    mails: int
    kills: int
    lease: float
    hold: float
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(10**9))
    children: list[subprocess.Popen] = field(default_factory=list)
    by_hand: int = 0

    def run(self) -> "Torture":
        self.chance, self.booked = random.Random(self.seed), 0
        print(f"\nseed {self.seed}: {self.mails} mails, {WORKERS} programs, {self.kills} kills")
        with SmtpServer({".": self._slowly}) as self.server:
            try:
                self.children = [self._start() for _ in range(WORKERS)]
                for kill in range(self.kills):
                    self._book_until(self.mails * (kill + 1) // self.kills)
                    self._kill_one()
                self._book_until(self.mails)
                self._let_end()
            finally:
                for child in self.children:
                    child.kill()
                    child.wait()
        return self

    def _slowly(self, *_):
        return After("250 2.0.0 queued", self.chance.uniform(0.0, 0.04))

    def _start(self) -> subprocess.Popen:
        environment = delivery_environment(self.desk.settings, self.server.port, self.lease, self.hold)
        command = [sys.executable, "-m", "mailer", "deliver", "--follow", "--quiet"]
        return subprocess.Popen(command, env=environment, cwd=self.folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)  # fmt: skip

    def _book_until(self, count: int) -> None:
        self.desk.now = times.now()
        for number in range(self.booked, count):
            self.desk.book(request(self.desk.now + DAY, email=f"c{number}@cand.example", job_title=f"Nurse {number}"))
        self.booked = max(self.booked, count)

    def _kill_one(self) -> None:
        """Kills after some mails more, at no particular point of the conversation."""
        aim = len(self.server.delivered) + self.chance.randint(1, 6)
        self._wait(lambda: len(self.server.delivered) >= aim, seconds=2.0)
        time.sleep(self.chance.uniform(0.0, 0.06))
        victim = self.chance.randrange(WORKERS)
        os.kill(self.children[victim].pid, signal.SIGKILL)
        self.children[victim].wait()
        self.children[victim] = self._start()

    def _let_end(self) -> None:
        """Until nothing waits; a mail of unknown fate that was tried too often is sent again by hand."""
        self._wait(lambda: outbox.waiting(self.desk.db, resend=True) == 0, seconds=25)
        held = fetch(self.desk.db, "SELECT id FROM notification WHERE state = 'unknown'")
        for (mail,) in held:
            outbox.resend(self.desk.db, mail, now=times.epoch(times.now()))
        self.by_hand = len(held)
        self._wait(lambda: outbox.waiting(self.desk.db, resend=True) == 0, seconds=25)

    def _wait(self, true, seconds: float) -> None:
        limit, pause = time.monotonic() + seconds, threading.Event()
        while not true() and time.monotonic() < limit:
            pause.wait(0.01)

    def check(self) -> None:
        """None lost, none marked sent that was not delivered, every copy the same to the byte.

        A second copy went only where the record had said that it did not know what became of the first.
        """
        copies: dict[str, list[tuple]] = {}
        for mail in self.server.delivered:
            copies.setdefault(message_from_bytes(mail[2])["Message-ID"], []).append(mail)
        rows = fetch(self.desk.db, "SELECT message_id, recipient, state, id FROM notification")
        states, doubled = Counter(row[2] for row in rows), [each for each in copies.values() if len(each) > 1]
        print(f"{len(rows)} mails: {dict(states)}; {len(self.server.delivered)} deliveries, {len(doubled)} mails doubled,"
              f" {self.by_hand} sent again by hand")  # fmt: skip
        if len(rows) != self.mails:
            pytest.fail(f"{len(rows)} mails stand in the outbox for {self.mails} bookings")
        assert {row[0] for row in rows if row[2] == "sent"} <= set(copies), "marked sent, but never delivered"
        assert states == {"sent": self.mails}, "a mail was lost or stands unsent"
        unknown = self._unknown()
        allowed = {row[0]: 1 + unknown[row[3]] for row in rows}
        assert {row[0]: row[1] for row in rows} == {key: each[0][1] for key, each in copies.items()}
        assert all(len(set(each)) == 1 for each in doubled), "a copy differs from the first"
        unexplained = [key for key, each in copies.items() if len(each) > allowed[key]]
        assert not unexplained, "a mail went again though its fate was known"

    def _unknown(self) -> Counter:
        """How often each mail's fate was unknown, by the mail."""
        events = fetch(self.desk.db, "SELECT data FROM event WHERE kind = 'mail_unknown'")
        return Counter(json.loads(data)["notification"] for (data,) in events)
