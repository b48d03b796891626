"""Opening links at a portal: the one that serves this record, another, none, and one that breaks in between."""

import contextlib
import socket
import threading
import time

import pytest

from mailer.portal_client import NotOpened, PortalClient, PortalUnusable
from mailer.proof import FAILED, PROVEN
from mailer.verification import portal_place
from store import database, session_keys
from store.database import execute

pytest_plugins = ("proof_office",)
NO_SUCH_LINK = f"https://interviews.example.com/?session_key=k1{'a' * 48}"


def keyless(report):
    return not session_keys.SESSION_KEY.search(repr(report) + report.sentence)


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


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


def test_a_portal_that_listens_for_others_too_is_asked_by_its_own_name(office, other_server):
    health = f'{{"database_id": "{database.database_id(office.db)}"}}'.encode()
    other_server.answers["/healthz"] = lambda headers: (200 if headers["Host"] == "own.example" else 421, {}, health)
    with PortalClient(other_server.url, "own.example") as client:
        assert client.check(database.database_id(office.db)) is None
    with PortalClient(other_server.url, "else.example") as client, pytest.raises(PortalUnusable, match="421"):
        client.check(database.database_id(office.db))


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
    assert child.wait(30) == 0
    child.stdout.close()
    for _ in range(3):
        with pytest.raises(NotOpened, match="No portal answers"):
            client.open(NO_SUCH_LINK, "x")
    with pytest.raises(PortalUnusable, match="stopped answering"):
        client.open(NO_SUCH_LINK, "x")


def test_a_kept_connection_that_the_portal_has_closed_is_opened_again(office, sent):
    with PortalClient(f"http://127.0.0.1:{office.port}", "interviews.example.com") as client:
        client.check(database.database_id(office.db))
        client._connection.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(NotOpened, match="does not know the booked link"):
            client.open(NO_SUCH_LINK, "x")
    execute(office.db, "DELETE FROM failed_key")


def test_a_silent_portal_is_left_after_the_timeout(monkeypatch):
    monkeypatch.setattr("mailer.portal_client.TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = PortalClient(f"http://127.0.0.1:{silent.getsockname()[1]}", "x")
        with pytest.raises(PortalUnusable, match="did not answer in"):
            client.check("0123456789abcdef")
        client.close()


def dripping(start, gap=0.02):
    """What says its start at once and then a byte now and then, for a second at most."""

    def drip(listener):
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):  # the other side hangs up when it has had enough
            client.sendall(start)
            for _ in range(int(6 / gap)):
                client.sendall(b" ")
                time.sleep(gap)

    return drip


@pytest.mark.parametrize("start", [
    b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
])  # fmt: skip
def test_a_portal_that_drips_its_answer_is_left_after_the_timeout(monkeypatch, start):
    monkeypatch.setattr("mailer.portal_client.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        portal = threading.Thread(target=dripping(start), args=(listener,))
        portal.start()
        began = time.monotonic()
        client = PortalClient(f"http://127.0.0.1:{listener.getsockname()[1]}", "x")
        with client, pytest.raises(PortalUnusable, match="did not answer in"):
            client.check("0123456789abcdef")
        assert time.monotonic() - began < 3
        portal.join(2)


def test_a_portal_that_drips_its_handshake_is_left_after_the_timeout(monkeypatch):
    monkeypatch.setattr("mailer.portal_client.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        portal = threading.Thread(target=dripping(b"\x16\x03\x03\x40\x00"), args=(listener,))
        portal.start()
        began = time.monotonic()
        client = PortalClient(f"https://127.0.0.1:{listener.getsockname()[1]}", "x")
        with client, pytest.raises(PortalUnusable, match="did not answer in"):
            client.check("0123456789abcdef")
        assert time.monotonic() - began < 3
        portal.join(2)


@pytest.mark.parametrize("body", [b"Content-Length: 29\r\n\r\n", b"Connection: close\r\n\r\n"])
def test_an_answer_is_read_to_its_end_whichever_way_it_ends(body):
    def answer(listener):
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 200 OK\r\n" + body + b'{"database_id": "0123456789"}')

    with socket.create_server(("127.0.0.1", 0)) as listener:
        portal = threading.Thread(target=answer, args=(listener,))
        portal.start()
        with PortalClient(f"http://127.0.0.1:{listener.getsockname()[1]}", "x") as client:
            assert client.check("0123456789") is None
        portal.join(2)


def test_a_name_that_is_not_found_is_told_as_the_verification_tells_it(office, sent):
    settings = office.settings.model_copy(update={"backend_url": "https://no-such-portal.invalid"})
    row = office.row(sent, settings=settings, backend_url_of_portal="https://no-such-portal.invalid")
    assert row.problems[0].startswith("The name no-such-portal.invalid of BACKEND_URL (https://no-such-portal.invalid)")
    told = portal_place.trouble_at("https://no-such-portal.invalid", "BACKEND_URL").fix
    assert row.fix == told.replace("verify again", "prove again")
    elsewhere = office.row(sent, backend_url_of_portal="https://no-such-portal.invalid")
    assert elsewhere.fix.startswith("correct the spelling of the portal's address,")
