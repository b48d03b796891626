"""Whether the record can take interviews: every part that would fail a candidate is named, and nothing is written."""

import shutil
from types import SimpleNamespace

import pytest

from store import database, readiness, session_keys
from store.session_keys import KeyRing


def test_a_record_that_answers_has_room_and_its_ring_is_ready(db, ring):
    assert readiness.checks(db, ring) == {"record": "ok", "room": "ok", "key_ring": "ok"}


def test_a_ring_rotated_meanwhile_is_noticed(db, ring, settings, now):
    session_keys.rotate(db, settings.session_key_ring.get_secret_value(), now=now)
    assert readiness.checks(db, ring) == {"record": "ok", "room": "ok", "key_ring": "failed"}


def test_another_records_ring_is_noticed(db, ring):
    other = KeyRing("1", {"1": b"x" * 32})
    assert readiness.checks(db, other)["key_ring"] == "failed"


def test_why_it_is_not_ready_is_logged_with_the_fix(db, ring, caplog):
    readiness.checks(db, KeyRing("1", {"1": b"x" * 32}))
    assert "not ready: The key ring" in caplog.text
    assert "To fix:" in caplog.text


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_disk_that_is_almost_full_is_noticed(db, ring, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=readiness.FREE_BYTES - 1))
    assert readiness.checks(db, ring)["room"] == "failed"


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_server_that_is_gone_is_not_ready_and_no_error(db, ring):
    away = database.connect("postgresql://postgres@127.0.0.1:1/none?connect_timeout=1")
    assert readiness.checks(away, ring) == {"record": "failed", "room": "failed", "key_ring": "failed"}
