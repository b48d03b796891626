"""A portal as a child of a run: it may be chatty, it says why it cannot start, and it ends with the block."""

import contextlib
import json
import socket
import time
import urllib.error
import urllib.request

import psutil
import pytest

import portal
from mailer import portal_process
from mailer.portal_process import PortalFailed
from portal_server import AT_ONCE, READING, WRITING
from store import database


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough for how programs begin and end."""
    return sqlite_url


def health(address):
    with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
        return json.load(answer)


@pytest.mark.parametrize(("asked", "lane"), [
    ("GET /interview", AT_ONCE), ("HEAD /interview", AT_ONCE), ("GET /api/interview/questions", AT_ONCE),
    ("GET /", AT_ONCE), ("GET /static/portal.css", AT_ONCE), ("GET /api/evaluation/crud/", READING),
    ("GET /readyz", READING), ("GET /?session_key=k1", WRITING), ("HEAD /?x", WRITING), ("PUT /interview", WRITING),
    ("POST /api/interview/heartbeat", WRITING), ("DELETE /static/portal.css", WRITING),
])  # fmt: skip
def test_only_what_never_waits_is_answered_at_once(db, asked, lane):
    method, _, address = asked.partition(" ")
    path, _, query = address.partition("?")
    assert portal.lanes(db).of(method, path, query) == lane


def test_on_postgresql_what_reads_the_record_is_not_answered_at_once():
    of = portal.lanes(database.connect("postgresql://u@host/name")).of
    assert (of("GET", "/interview", ""), of("GET", "/static/portal.css", "")) == (READING, AT_ONCE)


def test_pages_do_not_wait_for_a_job_that_writes(environment, db):
    with portal_process.running(environment) as address, database.writing(db), contextlib.ExitStack() as clients:
        port = int(address.rpartition(":")[2])
        for _ in range(6):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            # An unknown key is counted, so it waits for the job.
            client.sendall(b"GET /?session_key=x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        began = time.monotonic()
        for _ in range(20):
            assert health(address)["status"] == "ok"
        assert time.monotonic() - began < 10
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_portal_goes_on_while_a_process_of_it_is_replaced(environment):
    with portal_process.running(environment) as address:
        parent = next(one for one in psutil.Process().children() if "portal.py" in one.cmdline()[1])
        victim, other = parent.children()
        victim.kill()
        for _ in range(20):
            assert health(address)["status"] == "ok"
        until = time.monotonic() + 10
        while len([one for one in parent.children() if one != victim]) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert other in parent.children()


def test_a_portal_serves_this_record_and_ends_with_the_block(environment, db):
    with portal_process.running(environment) as address:
        assert health(address) == {"status": "ok", "database_id": database.database_id(db)}
    with pytest.raises(urllib.error.URLError, match="refused"):
        health(address)


def test_a_chatty_portal_is_not_blocked(environment):
    # Python names each module it imports: more than a pipe holds, before READY and at the first answer.
    with portal_process.running(environment | {"PYTHONVERBOSE": "1"}) as address:
        assert health(address)["status"] == "ok"


def test_a_portal_that_cannot_start_fails_in_its_own_words(environment):
    with (
        socket.create_server(("127.0.0.1", 0)) as used,
        pytest.raises(PortalFailed, match="in use") as refusal,
        portal_process.running(environment, port=used.getsockname()[1]),
    ):
        pytest.fail("it started at an address in use")
    assert str(refusal.value).startswith("portal: it cannot listen at 127.0.0.1")
    assert refusal.value.fix == "end the program that uses this address, or set PORTAL_PORT to a free port."


def test_a_portal_that_never_gets_ready_is_given_up(environment, monkeypatch):
    monkeypatch.setattr(portal_process, "START_SECONDS", 0.01)
    with pytest.raises(PortalFailed, match="not ready within") as refusal, portal_process.running(environment):
        pytest.fail("it cannot be ready yet")
    assert "by hand" in refusal.value.fix


def test_the_portal_ends_when_the_block_breaks(environment):
    with pytest.raises(ZeroDivisionError), portal_process.running(environment) as address:
        raise ZeroDivisionError
    with pytest.raises(urllib.error.URLError, match="refused"):
        health(address)
