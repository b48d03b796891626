"""Proof from end to end: booked, composed and delivered mails, a real Maildir, and a portal as a child process."""

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from conftest import _emptied

from mailer import mailbox
from mailer.messages import compose
from mailer.portal_client import NotOpened, PortalClient, PortalUnusable
from mailer.proof import FAILED, NOT_CHECKED, PROVEN, ProofReport, ProofRow, prove
from mailer.proof_cases import Listed, sampled
from store import booking, database, outbox, places, session_keys, times
from store.database import execute, fetch
from store.errors import NotFound
from store.facts import HandOver
from store.outbox import Settlement
from store.requests import BookingRequest
from store.settings import Settings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SITE, SENDER = "https://interviews.example.com", "jobs@example.com"


class Office:
    """A record, its ring, and a portal serving it. Mails are delivered as the sandbox does it."""

    def __init__(self, url, folder):
        self.url, self.ring_path, self.booked, self.port = url, folder / "key_ring.json", 0, 0
        self.settings = Settings(database_url=url, session_key_ring=str(self.ring_path), backend_url=SITE)
        self.db = database.open_record(url)
        self.ring = session_keys.load_ring(self.db, str(self.ring_path), now=times.now())
        self.folder = folder
        self.mailbox = None

    def serve(self, **changes):
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "SESSION_KEY_RING": str(self.ring_path),
                       "BACKEND_URL": SITE, "PORTAL_HOST": "127.0.0.1", "PORTAL_PORT": "0", "PORTAL_HOSTS": ""}  # fmt: skip
        child = subprocess.Popen(
            [sys.executable, str(places.ROOT / "portal.py")], env=environment | changes, cwd="/", text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        ready = child.stdout.readline()
        assert ready.startswith("READY http://"), "the portal did not start"
        return child, int(ready.rsplit(":", 1)[1])

    def book(self, starts_in=DAY, minutes=45, name="Asha"):
        self.booked += 1
        start = times.now().replace(microsecond=0) + starts_in
        request = BookingRequest(
            candidate_name=f"{name} <{self.booked}> रॉय", email=f"a{self.booked}@example.org",
            address=f"a{self.booked}@example.org", job_title=f"Nurse {self.booked}", company_name="Acme",
            starts_at=start, ends_at=start + minutes * MINUTE, timezone="Asia/Kolkata",
            candidate_timezone="Europe/Berlin",
        )  # fmt: skip
        return booking.book_slot(self.db, request, settings=self.settings, ring=self.ring, now=start - 2 * DAY)

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
    office = Office(url, folder)
    child, office.port = office.serve()
    yield office
    child.terminate()
    assert child.wait(10) == 0
    child.stdout.close()
    office.db.close()
    if not database.is_sqlite(office.db):
        office.db.close_all()


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
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def other_server():
    """A web server that is no portal; it answers what `answers` holds, by path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answers, seen = {}, []

        def do_GET(self):
            self.seen.append(self.path)
            status, headers, body = self.answers.get(self.path.partition("?")[0], (200, {}, b"hello"))
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
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_address[1]}", answers=Handler.answers, seen=Handler.seen)
    server.shutdown()
    thread.join()
    server.server_close()


def keyless(report):
    return not session_keys.SESSION_KEY.search(repr(report) + report.sentence)


def test_a_delivered_mail_whose_link_opens_its_page_is_proven(office, sent):
    report = office.prove(sent)
    assert report.rows == (ProofRow(sent.notification_id, sent.interview_id, "invitation", "a***@example.org", "sent",
                                    "1 copy", "early", PROVEN, (), ""),)  # fmt: skip
    assert report.is_proven
    assert report.sentence == (
        "1 of 1 mail is proven: delivered to the right address, each with its own link, the right time, and the link"
        " opens that candidate's page."
    )


@pytest.mark.parametrize(("starts_in", "state"), [
    (DAY, "early"), (5 * MINUTE, "waiting"), (-MINUTE, "open"), (-20 * MINUTE, "late"),
])  # fmt: skip
def test_whatever_the_access_window_says_the_mail_is_proven(office, starts_in, state):
    booked = office.book(starts_in)
    office.send()
    row = office.row(booked)
    assert (row.verdict, row.link, row.problems) == (PROVEN, state, ())


def test_the_window_may_turn_while_the_link_is_opened(office):
    booked = office.book(15 * MINUTE)
    office.send()
    assert office.row(booked).verdict == PROVEN


def test_an_interview_that_has_begun_is_proven_running(office):
    booked = office.book(-20 * MINUTE)
    office.send()
    execute(office.db, "UPDATE interview_session SET begun_at = ? WHERE interview_id = ?",
            (times.epoch(times.now() - 19 * MINUTE), booked.interview_id))  # fmt: skip
    assert office.row(booked).link == "running"


def test_proof_is_no_visit_of_the_candidate(office, sent):
    office.prove(sent)
    office.prove(sent)
    sql = "SELECT v.kind, s.opened_at FROM portal_visit v JOIN interview_session s ON s.id = v.session_id WHERE s.interview_id = ?"
    assert fetch(office.db, sql, (sent.interview_id,)) == [("proof", None)] * 2
    assert fetch(office.db, "SELECT count(*) FROM event WHERE interview_id = ? AND kind = 'opened'",
                 (sent.interview_id,)) == [(0,)]  # fmt: skip


def test_a_candidate_who_begins_between_the_reading_and_the_visit_is_no_failure(office, monkeypatch):
    booked = office.book(-MINUTE)
    office.send()
    ask = PortalClient.open

    def begun_first(client, link, proof):
        execute(office.db, "UPDATE interview_session SET begun_at = ? WHERE interview_id = ?",
                (times.epoch(times.now()), booked.interview_id))  # fmt: skip
        return ask(client, link, proof)

    monkeypatch.setattr(PortalClient, "open", begun_first)
    assert (office.row(booked).verdict, office.row(booked).link) == (PROVEN, "running")


def test_moved_and_cancelled_interviews_are_proven_with_every_mail(office):
    booked = office.book()
    office.send()
    moved = office.move(booked, 2 * DAY)
    office.send()
    assert [row.verdict for row in office.prove(booked, moved).rows] == [PROVEN, PROVEN]
    cancelled = office.cancel(booked)
    office.send()
    report = office.prove(booked, moved, cancelled)
    assert [(row.kind, row.verdict, row.link) for row in report.rows] == [
        ("invitation", PROVEN, "cancelled"), ("rescheduled", PROVEN, "cancelled"), ("cancelled", PROVEN, "cancelled"),
    ]  # fmt: skip
    assert "(a cancelled one has none: 1)" in report.sentence


def test_an_interview_that_was_changed_by_hand_fails_its_newest_mail(office, sent):
    execute(office.db, "UPDATE interview SET started_at = started_at - 3600 WHERE id = ?", (sent.interview_id,))
    row = office.row(sent)
    assert row.verdict == FAILED
    assert {what.split()[1] for what in row.problems} == {"text", "HTML", "calendar"}


def test_a_cancellation_whose_interview_still_stands_fails(office, sent):
    cancelled = office.cancel(sent)
    office.send()
    execute(office.db, "UPDATE interview SET state = 'scheduled' WHERE id = ?", (sent.interview_id,))
    row = office.row(cancelled)
    assert (row.verdict, row.problems) == (FAILED, ("The page says early, the access window says cancelled.",))


LINK = b"https://interviews.example.com/?session_key="


@pytest.mark.parametrize(("how", "words", "fix"), [
    ({"to": "eve@example.net"}, "It was delivered to e***@example.net", "redirects"),
    ({"tamper": lambda mail: mail.replace(LINK, b"https://t.example/c?u=" + LINK)}, "Click tracking", "click and open"),
    ({"tamper": lambda mail: mail.replace(b"</body>", b"<img src=http://t.example></body>")}, "second web", "click and"),
    ({"tamper": lambda mail: mail.replace(b"IST", b"PST")}, "The text says", "changes mails"),
    ({"tamper": lambda mail: mail.replace(b"method=REQUEST", b"method=CANCEL")}, "METHOD", "changes mails"),
    ({"tamper": lambda mail: mail.replace(b"UID:", b"UID:x")}, "as UID", "changes mails"),
    ({"keep": False}, "not in the mailbox", "SANDBOX_MAILBOX"),
])  # fmt: skip
def test_what_is_wrong_with_a_delivered_mail_is_told_with_the_fix(office, how, words, fix):
    booked = office.book()
    office.send(**how)
    report = office.prove(booked)
    row = report.rows[0]
    assert row.verdict == FAILED
    assert words in row.problems[0]
    assert fix in row.fix
    assert report.sentence.startswith(f"0 of 1 mail are proven. 1 failed, IV-{booked.interview_id} (a***@example.org): ")
    assert row.link == "early"
    assert keyless(report)


def test_another_candidates_key_in_a_mail_is_told(office, sent):
    public, key_id = fetch(office.db, "SELECT public, key_id FROM interview_session WHERE interview_id = ?",
                           (sent.interview_id,))[0]  # fmt: skip
    key = session_keys.session_key(public, key_id, 1, office.ring).encode()
    booked = office.book()
    office.send(tamper=lambda mail: mail.replace(b"Asha", key))
    row = office.row(booked)
    assert "It holds a session_key that it must not hold." in row.problems
    assert keyless(office.prove(booked))


def test_duplicates_with_the_same_bytes_are_proven_and_counted(office):
    booked = office.book()
    office.send(copies=3)
    row = office.row(booked)
    assert (row.verdict, row.delivered) == (PROVEN, "3 copies")


def test_a_mail_that_arrives_while_the_proof_runs_is_found(office, sent, monkeypatch):
    files = list((office.mailbox / "new").iterdir())
    held = files[0].rename(office.folder / "on-its-way")
    look = mailbox.Mailbox.index
    monkeypatch.setattr(mailbox.Mailbox, "index", lambda box: (look(box), held.exists() and held.rename(files[0]))[0])
    assert office.row(sent).verdict == PROVEN


def test_without_read_back_no_row_is_proven_but_the_links_are_opened(office, sent):
    report = office.prove(sent, mailbox=None)
    row = report.rows[0]
    assert (row.delivered, row.link, row.verdict) == ("delivery not checked", "early", NOT_CHECKED)
    assert not report.is_proven
    assert report.sentence.startswith("0 of 1 mail are proven. 1 is not checked, IV-")


def test_a_link_made_with_another_ring_is_told_even_without_read_back(office, sent):
    execute(office.db, "UPDATE interview_session SET public = ? WHERE interview_id = ?", ("a" * 16, sent.interview_id))
    assert office.row(sent, mailbox=None).verdict == NOT_CHECKED
    assert office.row(sent).verdict == FAILED


def test_a_link_that_was_revoked_since_is_told(office, sent):
    session = fetch(office.db, "SELECT id FROM interview_session WHERE interview_id = ?", (sent.interview_id,))[0][0]
    session_keys.revoke(office.db, session, now=times.now())
    row = office.row(sent)
    assert row.verdict == FAILED
    assert "not this booking's" in row.problems[0]


def test_a_portal_with_another_backend_url_than_the_mail_names_is_told(office):
    booked = office.book()
    office.send(backend_url="https://old.example.com")
    row = office.row(booked)
    assert row.problems == ("The portal does not answer for old.example.com, which the link names.",)
    assert "add old.example.com to PORTAL_HOSTS" in row.fix


def test_without_a_portal_each_row_fails_with_the_line_that_starts_one(office, sent, free_port):
    report = office.prove(sent, office.book(), backend_url_of_portal=f"http://127.0.0.1:{free_port}")
    row = report.rows[0]
    assert (row.verdict, row.link, row.delivered) == (FAILED, "not opened", "1 copy")
    assert row.problems[0].startswith(f"No portal answers at http://127.0.0.1:{free_port} (")
    assert "`make portal` (or `python portal.py`)" in row.fix


def test_without_an_address_the_portal_is_looked_for_where_the_settings_say(office, sent):
    settings = office.settings.model_copy(update={"portal_port": office.port, "portal_host": "0.0.0.0"})
    assert office.row(sent, backend_url_of_portal="", settings=settings).verdict == PROVEN


@pytest.mark.parametrize("address", ["interviews.example.com", "ftp://x", "http://x:port", "http://x/path", "http://"])
def test_an_address_that_is_none_fails_the_rows(office, sent, address):
    row = office.row(sent, backend_url_of_portal=address)
    assert (row.verdict, row.problems) == (FAILED, (f"{address.rstrip('/')!r} is no web address of a portal.",))


@pytest.mark.parametrize(("health", "words"), [
    ((200, {}, b"hello"), "is no healthy portal (200)"), ((200, {}, b"[1]"), "is no healthy portal (200)"),
    ((503, {}, b'{"database_id": "x"}'), "is no healthy portal (503)"),
    ((200, {}, b'{"status": "ok", "database_id": "0123456789abcdef"}'), "serves another database"),
])  # fmt: skip
def test_another_program_or_another_records_portal_fails_the_rows(office, sent, other_server, health, words):
    other_server.answers["/healthz"] = health
    row = office.row(sent, backend_url_of_portal=other_server.url)
    assert words in row.problems[0]
    assert row.fix
    assert set(other_server.seen) == {"/healthz"}


@pytest.mark.parametrize(("enter", "page", "words"), [
    ((200, {}, b"welcome"), None, "with an error (200)"),
    ((404, {}, b""), None, "does not know the booked link"),
    ((403, {}, b""), None, "does not take this visit for a proof"),
    ((429, {}, b""), None, "too many wrong links"),
    ((303, {"Location": "https://evil.example/"}, b""), None, "did not lead from the link"),
    ((303, {"Location": "/interview"}, b""), None, "did not lead from the link"),
    ((303, {"Location": "/interview", "Set-Cookie": "iv=1; Path=/"}, b""), (503, {}, b""), "with an error (503)"),
    ((303, {"Location": "/interview", "Set-Cookie": "iv=1; Path=/"}, b""), (200, {}, b"<p>hi"), "the page ''"),
    ((303, {"Location": "/interview", "Set-Cookie": "iv=1; Path=/"}, b""),
     (200, {}, b'<meta name="interview-state" content="early"><b data-reference>IV-999</b><i data-candidate>Bo</i>'
      b'<time data-start datetime="2020-01-01T00:00:00Z">'), "opens IV-999's page instead of IV-"),
    ((303, {"Location": "/interview", "Set-Cookie": "iv=1; Path=/"}, b""), (200, {}, b"x" * 2_000_000), "the page ''"),
])  # fmt: skip
def test_a_link_that_leads_elsewhere_is_told(office, sent, other_server, enter, page, words):
    health = f'{{"database_id": "{database.database_id(office.db)}"}}'.encode()
    other_server.answers.update({"/healthz": (200, {}, health), "/": enter, "/interview": page})
    report = office.prove(sent, backend_url_of_portal=other_server.url)
    assert report.counts[FAILED] == 1
    assert words in report.rows[0].problems[0]
    assert report.rows[0].fix
    assert keyless(report)


def test_a_page_with_another_name_or_time_is_told(office, sent, other_server):
    health = f'{{"database_id": "{database.database_id(office.db)}"}}'.encode()
    cookie = {"Location": "/interview", "Set-Cookie": "iv=1"}
    page = (f'<meta name="interview-state" content="open"><b data-reference>IV-{sent.interview_id}</b>'
            '<i data-candidate>Bo</i><time data-start datetime="2020-01-01T00:00:00Z">').encode()  # fmt: skip
    other_server.answers.update({"/healthz": (200, {}, health), "/": (303, cookie, b""), "/interview": (200, {}, page)})
    problems = office.row(sent, backend_url_of_portal=other_server.url).problems
    assert problems[0] == "The page names another candidate."
    assert [what.partition(",")[0] for what in problems[1:]] == [
        "The page shows 2020-01-01T00:00:00Z as start", "The page shows nothing as end", "The page says open",
    ]  # fmt: skip


def test_a_portal_that_stops_in_between_is_not_asked_for_ever(office, sent):
    child, port = office.serve()
    client = PortalClient(f"http://127.0.0.1:{port}", "interviews.example.com")
    client.check(database.database_id(office.db))
    child.terminate()
    assert child.wait(10) == 0
    child.stdout.close()
    for _ in range(3):
        with pytest.raises(NotOpened, match="No portal answers"):
            client.open(f"{SITE}/?session_key=k1{'a' * 48}", "x")
    with pytest.raises(PortalUnusable, match="stopped answering"):
        client.open(f"{SITE}/?session_key=k1{'a' * 48}", "x")


def test_a_kept_connection_that_the_portal_has_closed_is_opened_again(office, sent):
    with PortalClient(f"http://127.0.0.1:{office.port}", "interviews.example.com") as client:
        client.check(database.database_id(office.db))
        client._connection.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(NotOpened, match="does not know the booked link"):
            client.open(f"{SITE}/?session_key=k1{'a' * 48}", "x")
    execute(office.db, "DELETE FROM failed_key")


def test_a_silent_portal_is_left_after_the_timeout(monkeypatch):
    monkeypatch.setattr("mailer.portal_client.TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = PortalClient(f"http://127.0.0.1:{silent.getsockname()[1]}", "x")
        with pytest.raises(PortalUnusable, match="did not answer in"):
            client.check("0123456789abcdef")
        client.close()


@pytest.mark.parametrize(("state", "words", "fix"), [
    ("queued", "It is not sent yet.", "python -m mailer deliver"),
    ("claimed", "It is being sent at this moment.", "when the delivery has ended"),
    ("handed_over", "It is being sent at this moment.", "when the delivery has ended"),
    ("failed", "It was not sent: no reason is recorded", "python -m mailer resend"),
    ("unknown", "Nobody knows whether it arrived", "python -m mailer resend"),
])  # fmt: skip
def test_a_mail_that_is_not_sent_fails_with_what_to_do(office, state, words, fix):
    booked = office.book()
    execute(office.db, "UPDATE notification SET state = ? WHERE id = ?", (state, booked.notification_id))
    row = office.row(booked)
    assert (row.state, row.verdict, row.delivered, row.link) == (state, FAILED, "not sent", "not opened")
    assert row.problems[0].startswith(words)
    assert fix in row.fix


def test_a_failed_mail_carries_the_outboxs_reason_and_fix(office):
    booked = office.book()
    execute(office.db, "UPDATE notification SET state = 'failed', reply = ?, fix = ? WHERE id = ?",
            ("550 5.1.1 no such user bo@example.org", "correct candidate_email.", booked.notification_id))  # fmt: skip
    row = office.row(booked)
    assert row.problems == ("It was not sent: 550 5.1.1 no such user b***@example.org",)
    assert row.fix == "correct candidate_email."


def test_a_paused_account_is_the_reason_of_a_queued_mail(office):
    booked = office.book()
    execute(office.db, "INSERT INTO account_pause (fingerprint, paused_at, signature, reason, fix) VALUES (?, ?, ?, ?, ?)",
            ("f", 1.0, "auth", "530 login needed", "correct EMAIL_HOST_PASSWORD."))  # fmt: skip
    row = office.row(booked)
    assert row.problems == ("It is not sent yet, sending is paused: 530 login needed",)
    assert row.fix == "correct EMAIL_HOST_PASSWORD."


def test_a_superseded_mail_is_not_checked_and_not_proven(office):
    booked = office.book()
    office.move(booked, 3 * DAY)
    row = office.row(booked)
    assert (row.verdict, row.fix) == (NOT_CHECKED, "prove the newer mail.")


def test_a_batch_is_proven_by_its_newest_mail_of_each_interview(office):
    first, second, other = office.book(), office.book(), office.book()
    moved = office.move(first, 2 * DAY)
    for booked in (first, moved, second):
        execute(office.db, "UPDATE notification SET batch_id = 77 WHERE id = ?", (booked.notification_id,))
    office.send()
    report = office.prove(batch_id=77)
    assert [row.notification_id for row in report.rows] == sorted([moved.notification_id, second.notification_id])
    assert report.is_proven
    assert office.prove(other).is_proven
    execute(office.db, "UPDATE notification SET batch_id = NULL WHERE batch_id = 77")


def test_the_whole_record_is_proven_without_ids(office, sent):
    execute(office.db, "UPDATE notification SET state = 'superseded' WHERE id < ?", (sent.notification_id,))
    assert [row.notification_id for row in office.prove().rows] == [sent.notification_id]


def test_nothing_to_prove_is_said_and_is_no_proof(office):
    report = office.prove(batch_id=10**9)
    assert (report.sentence, report.is_proven) == ("There is no mail to prove.", False)


def test_what_cannot_be_asked_for_is_refused(office, sent, tmp_path):
    with pytest.raises(NotFound, match="notification_ids"):
        office.prove(notification_ids=[sent.notification_id, 10**9])
    with pytest.raises(ValueError, match="not both"):
        office.prove(sent, batch_id=1)
    with pytest.raises(ValueError, match="at least 1 mail"):
        office.prove(sent, office.book(), sample=0)
    with pytest.raises(mailbox.MailboxUnusable):
        office.prove(sent, mailbox=tmp_path / "nowhere")


def test_a_sample_says_that_it_is_one_and_takes_in_whatever_is_doubtful(office):
    booked = [office.book() for _ in range(6)]
    office.send()
    queued, lost = office.book(), office.book()
    execute(office.db, "UPDATE notification SET state = 'sent', hand_over = (SELECT hand_over FROM notification"
            " WHERE id = ?) WHERE id = ?", (booked[0].notification_id, lost.notification_id))  # fmt: skip
    report = office.prove(*booked, queued, lost, sample=4)
    assert {queued.notification_id, lost.notification_id} <= {row.notification_id for row in report.rows}
    assert (len(report.rows), report.counts) == (4, {PROVEN: 2, FAILED: 2})
    assert report.sentence.endswith("This is a sample: 4 more of this run were not looked at.")


def test_a_sample_is_spread_always_the_same_and_holds_every_kind():
    mails = [Listed(number, "cancelled" if number == 40 else "invitation", "sent", "") for number in range(100)]
    chosen = [mail.id for mail in sampled(mails, 12, {7})]
    assert chosen == [mail.id for mail in sampled(mails, 12, {7})]
    assert len(chosen) == 12
    assert {0, 7, 40} <= set(chosen)
    assert max(after - before for before, after in zip(chosen, chosen[1:], strict=False)) <= 20
    assert len(sampled(mails, 2, {1, 2, 3})) == 5
    assert sampled(mails, 100, set()) == mails


def test_progress_counts_every_mail(office, sent):
    steps = []
    office.prove(sent, office.book(), progress=steps.append)
    assert sum(steps) == 2


def test_the_sentence_never_hides_what_failed_or_was_not_checked():
    def row(number, verdict):
        problems = () if verdict == PROVEN else (f"Problem {number}.",)
        return ProofRow(number, number, "invitation", "a***@x.org", "sent", "1 copy", "early", verdict, problems, "fix it.")

    report = ProofReport((row(1, PROVEN), row(2, FAILED), row(3, FAILED), row(4, NOT_CHECKED)), 4)
    assert report.sentence == (
        "1 of 4 mails is proven. 2 failed, the first is IV-2 (a***@x.org): Problem 2. To fix: fix it."
        " 1 is not checked, IV-4 (a***@x.org): Problem 4. To fix: fix it."
    )


def test_the_log_gets_one_line_without_a_key(office, sent, caplog):
    with caplog.at_level("INFO", "mailer.proof"):
        office.prove(sent)
    assert [record.getMessage()[:22] for record in caplog.records] == ["PROOF: 1 of 1 mail is "]
    assert not session_keys.SESSION_KEY.search(caplog.text)
