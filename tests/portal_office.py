"""A running portal that tests ask over HTTP the way browsers, scanners, attackers and other systems ask."""

import http.client
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

from store import booking, database, places, session_keys, times
from store.database import fetch
from store.requests import BookingRequest
from store.settings import Settings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OWN = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
"""What every change of a candidate's page carries; `Installation.own` adds which interview the page shows."""
OPS_TOKEN = "an-ops-token-of-tests-0123456789"
OPS = {"Authorization": f"Bearer {OPS_TOKEN}", "Content-Type": "application/json"}


class Answer(SimpleNamespace):
    """Status, headers and text of one answer."""

    @property
    def cookie(self):
        return {"Cookie": self.headers["Set-Cookie"].partition(";")[0]}

    @property
    def data(self):
        return json.loads(self.text)

    def shows(self, pattern):
        found = re.search(pattern, self.text)
        return found and found[1]


class Installation:
    """A record, its ring, and a portal serving it."""

    def __init__(self, url, folder, more):
        self.more, self.folder = {"BACKEND_URL": "http://portal.example"} | more, folder
        self.url, self.ring_path, self.booked = url, folder / "key_ring.json", 0
        self.settings = Settings(
            database_url=url, session_key_ring=str(self.ring_path), backend_url=self.more["BACKEND_URL"], portal_port=0
        )
        self.db = database.open_record(url)
        self.ring = session_keys.load_ring(self.db, str(self.ring_path), now=times.now())
        self.errors = folder / "stderr"

    def launch(self):
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "SESSION_KEY_RING": str(self.ring_path),
                       "PORTAL_HOST": "127.0.0.1", "PORTAL_PORT": "0", "PORTAL_HOSTS": "", **self.more}  # fmt: skip
        with open(self.errors, "w") as errors:
            return subprocess.Popen(
                [sys.executable, str(places.ROOT / "portal.py")],
                env=environment, cwd="/", text=True, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    def serve(self):
        """Starts a portal; gives it and its port."""
        child = self.launch()
        ready = child.stdout.readline()
        assert ready.startswith("READY http://127.0.0.1:"), self.errors.read_text()
        return child, int(ready.rsplit(":", 1)[1])

    def ask(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body=body, headers=headers or {})
        raw = connection.getresponse()
        answer = Answer(status=raw.status, headers=raw.headers, text=raw.read().decode())
        connection.close()
        return answer

    def request(self, starts_in, minutes=45):
        """Asks for an interview that starts so long from now, for a candidate and a job of its own."""
        self.booked += 1
        start = times.now().replace(microsecond=0) + starts_in
        return BookingRequest(
            candidate_name=f"Asha <b>{self.booked}</b>", email=f"a{self.booked}@example.com",
            address=f"a{self.booked}@example.com", job_title=f"Nurse {self.booked}", company_name="Acme",
            starts_at=start, ends_at=start + minutes * MINUTE, timezone="Asia/Kolkata",
            candidate_timezone="Europe/Berlin",
        )  # fmt: skip

    def book(self, starts_in, minutes=45):
        """Books an interview that starts so long from now; gives its ids and key."""
        request = self.request(starts_in, minutes)
        start = request.starts_at
        made = booking.book_slot(self.db, request, settings=self.settings, ring=self.ring, now=start - 2 * DAY)
        row = fetch(self.db, "SELECT id, public FROM interview_session WHERE interview_id = ?", (made.interview_id,))[0]
        key = session_keys.session_key(row[1], "1", 1, self.ring)
        return SimpleNamespace(id=made.interview_id, session=row[0], public=row[1], start=start, key=key,
                               link=f"/?session_key={key}")  # fmt: skip

    def own(self, booked):
        """What the candidate's own page sends beside its cookie."""
        return OWN | {"X-Interview": f"IV-{booked.id}"}

    def enter(self, booked):
        """The headers of the candidate's own page, its link opened."""
        return self.own(booked) | self.ask("GET", booked.link).cookie

    def send(self, method, path, headers, **body):
        """A JSON request; gives the answer."""
        return self.ask(method, path, headers, json.dumps(body))

    def page(self, booked):
        return self.ask("GET", "/interview", self.ask("GET", booked.link).cookie)

    def session(self, booked, column):
        return fetch(self.db, f"SELECT {column} FROM interview_session WHERE id = ?", (booked.session,))[0][0]


@contextmanager
def running(url, folder, kind=Installation, **more):
    """An installation of that kind whose portal runs, with `more` settings as variables."""
    installation = kind(url, folder, more)
    child, installation.port = installation.serve()
    yield installation
    child.terminate()
    assert child.wait(30) == 0
    child.stdout.close()
    installation.db.close()
    if not database.is_sqlite(installation.db):
        installation.db.close_all()
