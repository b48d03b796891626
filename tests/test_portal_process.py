"""A portal as a child of a run: it may be chatty, it says why it cannot start, and it ends with the block."""

import json
import socket
import urllib.error
import urllib.request

import pytest

from notebooks import portal_process
from notebooks.portal_process import PortalFailed
from store import database

pytestmark = pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)


def health(address):
    with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
        return json.load(answer)


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
