"""The office that the tests of proof share: mails booked, composed and delivered, a Maildir, a portal child process."""

import http.server
import shutil
import threading
from dataclasses import replace
from types import SimpleNamespace

import portal_office
import pytest
from conftest import _emptied
from portal_office import DAY, HOUR, Installation

from mailer import mailbox
from mailer.messages import compose
from mailer.proof import prove
from store import booking, outbox, session_keys, times
from store.database import execute
from store.facts import HandOver
from store.outbox import Settlement

SITE, SENDER = "https://interviews.example.com", "jobs@example.com"


class Office(Installation):
    """An installation whose mails are delivered as the sandbox does it."""

    mailbox = None

    def book(self, starts_in=DAY, minutes=45, name="Asha"):
        one = self.request(starts_in, minutes)
        email = one.email.replace(".com", ".org")
        asked = replace(one, candidate_name=f"{name} <{self.booked}> रॉय", email=email, address=email)
        return booking.book_slot(self.db, asked, settings=self.settings, ring=self.ring, now=asked.starts_at - 2 * DAY)

    def move(self, booked, starts_in):
        start = times.now().replace(microsecond=0) + starts_in
        return booking.move(self.db, booked.interview_id, starts_at=start, ends_at=start + HOUR, settings=self.settings,
                            ring=self.ring, now=times.now())  # fmt: skip

    def cancel(self, booked):
        return booking.cancel(self.db, booked.interview_id, settings=self.settings, now=times.now())

    def send(self, *, tamper=lambda octets: octets, copies=1, to="", keep=True, backend_url=SITE):
        """Claims, hands over, delivers and settles what is queued; `tamper` changes the mail on its way."""
        now = times.epoch(times.now())
        mails = outbox.claim(self.db, owner="w", now=now, lease=60, limit=1000)
        record = HandOver(times.now().replace(microsecond=0), SENDER, "Acme Jobs", backend_url)
        outbox.hand_over(self.db, [m.id for m in mails], owner="w", record=record, now=now, lease_until=now + 60)
        for mail in mails:
            key = session_keys.session_key(mail.public, mail.key_id, mail.generation, self.ring)
            link = session_keys.link(backend_url, key)
            octets = compose(mail.facts, record, message_id=mail.message_id, token=mail.token, link=link)
            arriving = [mailbox.Mail(SENDER, (to or mail.recipient,), tamper(octets))] * copies
            assert not any(mailbox.keep(self.mailbox, arriving if keep else []))
        outbox.settle(self.db, [Settlement(m.id, "sent", now, 1, now) for m in mails], owner="w", now=now)

    def prove(self, *booked, **changes):
        ids = [one.notification_id for one in booked] or None
        given = {"notification_ids": ids, "mailbox": self.mailbox, "settings": self.settings, "ring": self.ring,
                 "backend_url_of_portal": f"http://127.0.0.1:{self.port}", "now": times.now()}  # fmt: skip
        return prove(self.db, **given | changes)

    def row(self, booked, **changes):
        return self.prove(booked, **changes).rows[0]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request, tmp_path_factory):
    """The office on each engine, its portal running once for all tests of this file."""
    folder = tmp_path_factory.mktemp("proof")
    if request.param == "postgresql":
        url = _emptied(request.getfixturevalue("_postgresql_url"))
    else:
        shutil.copy(request.getfixturevalue("_sqlite_template"), folder / "record.db")
        url = f"sqlite:///{folder}/record.db"
    with portal_office.running(url, folder, Office, BACKEND_URL=SITE) as office:
        yield office


@pytest.fixture
def office(running, tmp_path):
    """The office with an empty mailbox and nothing left in the outbox."""
    running.mailbox = tmp_path / "mailbox"
    mailbox.prepare(running.mailbox)
    execute(running.db, "UPDATE notification SET state = 'superseded' WHERE state <> 'sent'")
    execute(running.db, "DELETE FROM account_pause")
    return running


@pytest.fixture
def sent(office):
    """One booking whose mail was delivered."""
    booked = office.book()
    office.send()
    return booked


@pytest.fixture
def other_server():
    """A web server that is no portal; it answers what `answers` holds by path, or makes of the request's headers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answers, seen = {}, []

        def do_GET(self):
            self.seen.append(self.path)
            answer = self.answers.get(self.path.partition("?")[0], (200, {}, b"hello"))
            status, headers, body = answer(self.headers) if callable(answer) else answer
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            self.log = given

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield SimpleNamespace(url=url, answers=Handler.answers, seen=Handler.seen)
    server.shutdown()
    thread.join()
    server.server_close()
