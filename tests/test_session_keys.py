"""Keys and their ring: one shape, one ring for one database, and nothing that betrays a secret."""

import base64
import json
import os
import re
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import booking, session_keys
from store.database import execute, fetch
from store.errors import KeyRingUnusable, NotFound, UnknownKey
from store.models import InterviewSession
from store.requests import BookingRequest
from store.session_keys import KeyRing

FIXED = KeyRing("1", {"1": bytes(range(32))})
PUBLIC = "abcdefghijklmnop"


@pytest.fixture
def path(settings, tmp_path):
    return tmp_path / "key_ring.json"


@pytest.fixture
def session(db, settings, ring, now, tomorrow):
    """The session of one booked interview."""
    request = BookingRequest(
        candidate_name="Asha", email="asha@example.com", address="asha@example.com", job_title="Nurse",
        company_name="Acme", starts_at=tomorrow, ends_at=tomorrow.replace(hour=7), timezone="Asia/Kolkata",
    )  # fmt: skip
    booked = booking.book_slot(db, request, settings=settings, ring=ring, now=now)
    return InterviewSession.get(InterviewSession.interview == booked.interview_id)


def key_of(session, ring):
    return session_keys.session_key(session.public, session.key_id, session.generation, ring)


def refusal(db, source, now):
    with pytest.raises(KeyRingUnusable) as caught:
        session_keys.load_ring(db, str(source), now=now)
    assert caught.value.fix
    assert "\n" not in caught.value.line()
    return str(caught.value)


def test_a_key_is_the_same_for_ever_for_the_same_ring_and_session():
    made = session_keys.session_key(PUBLIC, "1", 1, FIXED)
    assert made == "k1abcdefghijklmnopkkimktd7gvwtlmlxp4zyltg6iyxz4nk2"
    assert session_keys.session_key(PUBLIC, "1", 2, FIXED) != made


@given(st.binary(min_size=32, max_size=32), st.integers(1, 10**9))
def test_every_key_has_the_one_shape(secret, generation):
    key = session_keys.session_key(session_keys.new_public(), "z", generation, KeyRing("z", {"z": secret}))
    assert re.fullmatch(r"k[0-9a-z][a-z2-7]{48}", key)
    assert session_keys.SESSION_KEY.fullmatch(key.upper())


def test_a_link_holds_the_key_as_its_only_parameter():
    assert session_keys.link("https://a.example", "k1x") == "https://a.example/?session_key=k1x"


def test_two_sessions_never_share_a_public_part():
    assert len({session_keys.new_public() for _ in range(500)}) == 500


def test_a_presented_key_finds_its_session_in_any_case(db, ring, session):
    found = session_keys.find(db, key_of(session, ring).upper(), ring)
    assert (found.id, found.interview_id, found.generation) == (session.id, session.interview_id, 1)


@pytest.mark.parametrize("spoil", [
    lambda key: "", lambda key: key[:-1], lambda key: key + "a", lambda key: key + "\n", lambda key: " " + key,
    lambda key: key.replace("k", "\u212a", 1), lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
    lambda key: "k2" + key[2:], lambda key: key[:2] + PUBLIC + key[18:], lambda key: key[:18],
    lambda key: "\ud800" * 50,
])  # fmt: skip
def test_every_other_key_is_refused_alike(db, ring, session, spoil):
    with pytest.raises(UnknownKey) as caught:
        session_keys.find(db, spoil(key_of(session, ring)), ring)
    assert str(caught.value) == "This link is not known."


def test_a_revoked_key_opens_nothing_and_its_visits_die(db, ring, session, now):
    old = key_of(session, ring)
    execute(db, "INSERT INTO portal_visit (session_id, cookie_hash, kind, generation, created_at)"
                " VALUES (?, 'x', 'candidate', 1, 0)", (session.id,))  # fmt: skip
    assert session_keys.revoke(db, session.id, now=now) == 2
    with pytest.raises(UnknownKey):
        session_keys.find(db, old, ring)
    assert fetch(db, "SELECT count(*) FROM portal_visit") == [(0,)]
    assert session_keys.find(db, session_keys.session_key(session.public, "1", 2, ring), ring).generation == 2
    assert fetch(db, "SELECT data FROM event WHERE kind = 'key_revoked'") == [('{"generation":2}',)]


def test_revoking_an_unknown_session_names_the_field(db, now):
    with pytest.raises(NotFound) as caught:
        session_keys.revoke(db, 999, now=now)
    assert caught.value.field == "session_id"


def test_booking_again_makes_neither_a_second_session_nor_a_new_key(db, settings, ring, session, now):
    before = key_of(session, ring)
    request = booking.request_for(db, session.interview_id)
    booking.book_slot(db, request, settings=settings, ring=ring, now=now)
    assert [key_of(row, ring) for row in InterviewSession.select()] == [before]


def test_two_interviews_of_one_candidate_have_their_own_keys(db, settings, ring, session, now, tomorrow):
    request = booking.request_for(
        db, session.interview_id, round=2, starts_at=tomorrow.replace(hour=9), ends_at=tomorrow.replace(hour=10)
    )
    second = booking.book_slot(db, request, settings=settings, ring=ring, now=now)
    keys = {row.interview_id: key_of(row, ring) for row in InterviewSession.select()}
    assert keys[second.interview_id] != keys[session.interview_id]
    assert session_keys.find(db, keys[second.interview_id], ring).interview_id == second.interview_id


def test_a_dump_of_the_database_opens_nothing(db, ring, session):
    key = key_of(session, ring)
    rows = str(fetch(db, "SELECT * FROM interview_session") + fetch(db, "SELECT * FROM key_check")
               + fetch(db, "SELECT facts FROM notification"))  # fmt: skip
    assert key[18:] not in rows
    assert key not in rows


def test_a_new_installation_makes_its_ring_for_this_user_only(db, ring, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.b64decode(json.loads(path.read_text())["keys"]["1"])) == 32
    assert [entry.name for entry in path.parent.iterdir() if "key_ring" in entry.name] == ["key_ring.json"]


def test_the_ring_in_the_setting_itself_is_the_ring_in_the_file(db, ring, path, now):
    inline = session_keys.load_ring(db, path.read_text(), now=now)
    assert session_keys.session_key(PUBLIC, "1", 1, inline) == session_keys.session_key(PUBLIC, "1", 1, ring)


def test_a_missing_ring_is_never_made_anew_for_a_database_that_knows_one(db, ring, path, now):
    path.unlink()
    assert "missing" in refusal(db, path, now)
    assert not path.exists()


def test_a_missing_ring_is_never_made_anew_while_a_session_exists(db, ring, path, session, now):
    path.unlink()
    execute(db, "DELETE FROM key_check")
    assert "missing" in refusal(db, path, now)


def test_another_databases_ring_stops_the_program(db, ring, path, now):
    path.write_text(KeyRing("1", {"1": b"x" * 32}).to_json())
    assert "another database's" in refusal(db, path, now)


def test_a_ring_that_lost_a_key_stops_the_program(db, ring, path, now):
    path.write_text(KeyRing("2", {"2": b"x" * 32}).to_json())
    assert "lacks key 1" in refusal(db, path, now)


@pytest.mark.parametrize("text", [
    "", "[]", "nonsense", "\xff", '{"keys": {}}', '{"current": "1", "keys": {}}', "[" * 5000,
    '{"current": "1", "keys": {"1": "c2hvcnQ="}}', '{"current": "1", "keys": {"1": "!!"}}',
    KeyRing("2", {"1": b"x" * 32}).to_json(), KeyRing("ab", {"ab": b"x" * 32}).to_json(),
])  # fmt: skip
def test_a_ring_file_that_is_no_ring_is_one_clear_line(db, path, now, text):
    path.write_bytes(text.encode("latin-1"))
    assert "key_ring.json" in refusal(db, path, now)


def test_a_ring_in_the_setting_that_is_no_ring_is_not_repeated(db, now):
    assert "c2VjcmV0" not in refusal(db, '{"current": "1", "keys": {"1": "c2VjcmV0"}}', now)


def test_a_folder_where_the_ring_should_be_is_one_clear_line(db, path, now):
    path.mkdir()
    assert "Is a directory" in refusal(db, path, now)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_in_the_rings_place_is_refused_at_once(db, path, now, kind):
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path = "/dev/zero"
    assert f"The key ring {path} is not a regular file." in refusal(db, path, now)
    assert fetch(db, "SELECT count(*) FROM key_check") == [(0,)]


def test_a_file_where_the_rings_folder_should_be_is_one_clear_line(db, tmp_path, now):
    (tmp_path / "secrets").write_text("")
    refusal(db, tmp_path / "secrets" / "key_ring.json", now)
    assert fetch(db, "SELECT count(*) FROM key_check") == [(0,)]


def test_a_ring_that_others_may_read_is_used_and_said(db, ring, path, now, caplog):
    path.chmod(0o644)
    session_keys.load_ring(db, str(path), now=now)
    assert "chmod 600" in caplog.text


def test_rotation_gives_new_sessions_a_new_key_and_keeps_old_links(db, ring, path, session, now):
    old = key_of(session, ring)
    newer = session_keys.rotate(db, str(path), now=now)
    assert newer.current == "2"
    assert session_keys.find(db, old, newer).id == session.id
    assert session_keys.load_ring(db, str(path), now=now).current == "2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ring_from_before_a_rotation_stops_the_program(db, ring, path, now):
    before = path.read_text()
    session_keys.rotate(db, str(path), now=now)
    path.write_text(before)
    assert "lacks key 2" in refusal(db, path, now)


def test_a_ring_in_the_setting_is_not_rotated_here(db, ring, path, now):
    with pytest.raises(KeyRingUnusable, match="cannot be rotated here"):
        session_keys.rotate(db, path.read_text(), now=now)


def test_programs_that_start_together_end_with_one_ring(db, path, record_url):
    program = (
        "import sys; from datetime import datetime, UTC; from store import database, session_keys as k;"
        "ring = k.load_ring(database.open_record(sys.argv[1]), sys.argv[2], now=datetime.now(UTC));"
        "print(ring.check_value('1'))"
    )
    command = [sys.executable, "-c", program, record_url, str(path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    seen = {process.communicate(timeout=30)[0].strip() for process in started}
    assert seen == {fetch(db, "SELECT check_value FROM key_check")[0][0]}


def test_proof_is_known_by_the_ring_alone(ring):
    token = session_keys.proof_token(PUBLIC, "1", ring)
    assert session_keys.is_proof(token, PUBLIC, "1", ring)
    assert not session_keys.is_proof(token, PUBLIC[::-1], "1", ring)
    assert not session_keys.is_proof("\u00e9", PUBLIC, "1", ring)
    assert token not in session_keys.session_key(PUBLIC, "1", 1, ring)


def test_a_ring_never_shows_its_secrets(ring, path):
    secret = json.loads(path.read_text())["keys"]["1"]
    assert repr(ring) == "KeyRing(current='1', ids='1')"
    assert secret not in repr(ring) + str(ring)
    assert os.path.exists(path)
