"""Whether the record can take interviews: every part that would fail a candidate is named, and nothing is written."""

import shutil
from types import SimpleNamespace

import pytest

from store import database, readiness, session_keys
from store.session_keys import KeyRing


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "recordings"


def test_a_record_that_answers_has_room_and_its_ring_is_ready(db, ring, folder):
    assert readiness.checks(db, ring, folder) == {"record": "ok", "room": "ok", "key_ring": "ok", "recordings": "ok"}


def test_a_ring_rotated_meanwhile_is_noticed(db, ring, folder, settings, now):
    session_keys.rotate(db, settings.session_key_ring.get_secret_value(), now=now)
    assert readiness.checks(db, ring, folder) == {
        "record": "ok",
        "room": "ok",
        "key_ring": "failed",
        "recordings": "ok",
    }


def test_another_records_ring_is_noticed(db, ring, folder):
    other = KeyRing("1", {"1": b"x" * 32})
    assert readiness.checks(db, other, folder)["key_ring"] == "failed"


def test_why_it_is_not_ready_is_logged_with_the_fix(db, ring, folder, caplog):
    readiness.checks(db, KeyRing("1", {"1": b"x" * 32}), folder)
    assert "not ready: The key ring" in caplog.text
    assert "To fix:" in caplog.text


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_disk_that_is_almost_full_is_noticed(db, ring, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=readiness.FREE_BYTES - 1))
    assert readiness.checks(db, ring, folder)["room"] == "failed"


def test_recordings_that_cannot_be_kept_are_noticed(db, ring, folder, caplog):
    folder.write_text("a file in its place")
    assert readiness.checks(db, ring, folder)["recordings"] == "failed"
    assert "not ready: The folder of recordings" in caplog.text


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_disk_of_recordings_that_is_almost_full_is_noticed(db, ring, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=readiness.FREE_BYTES - 1))
    said = readiness.checks(db, ring, folder)
    assert (said["room"], said["recordings"]) == ("ok", "failed")


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_server_that_is_gone_is_not_ready_and_no_error(db, ring, folder):
    away = database.connect("postgresql://postgres@127.0.0.1:1/none?connect_timeout=1")
    assert readiness.checks(away, ring, folder) == {
        "record": "failed",
        "room": "failed",
        "key_ring": "failed",
        "recordings": "ok",
    }
