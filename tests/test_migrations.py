"""Opening a record: tables are made once, by whoever comes first, and an older record is upgraded with its data."""

import fcntl
import os
import secrets
import subprocess
import sys

import peewee
import psycopg
import pytest
from conftest import POSTGRESQL_SERVER
from playhouse.migrations import Runner

from store import database
from store.database import fetch
from store.errors import DatabaseUnusable

OPEN = """
import sys
from store import database
print("READY", flush=True)
sys.stdin.readline()
db = database.open_record(sys.argv[1])
print(database.database_id(db))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request, tmp_path):
    """The address of a record that nobody has opened yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/folder/record.db"
        return
    request.getfixturevalue("_postgresql_url")
    name = f"interview_ops_fresh_{os.getpid()}_{secrets.token_hex(3)}"
    with psycopg.connect(POSTGRESQL_SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield POSTGRESQL_SERVER.rsplit("/", 1)[0] + "/" + name
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def opened(fresh_url):
    """Opens the fresh record, as often as it is called."""
    records = []

    def open_it():
        records.append(database.open_record(fresh_url))
        return records[-1]

    yield open_it
    for record in records:
        record.close()
        if not database.is_sqlite(record):
            record.close_all()


def steps(db):
    return [row[0] for row in fetch(db, "SELECT name FROM schema_migration ORDER BY name")]


def all_steps():
    return sorted(path.stem for path in database.MIGRATIONS.glob("[0-9]*.py"))


def test_a_record_opened_twice_is_made_once(opened):
    first, second = opened(), opened()
    assert database.database_id(first) == database.database_id(second)
    assert len(database.database_id(first)) == 16
    assert steps(second) == all_steps()


def test_six_processes_open_a_fresh_record_at_once(fresh_url, opened):
    racers = [
        subprocess.Popen([sys.executable, "-c", OPEN, fresh_url], text=True, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]  # fmt: skip
    assert [racer.stdout.readline() for racer in racers] == ["READY\n"] * 6
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=30) for racer in racers]
    assert [(racer.returncode, errors) for racer, (_, errors) in zip(racers, said, strict=True)] == [(0, "")] * 6
    db = opened()
    assert {out.strip() for out, _ in said} == {database.database_id(db)}
    assert steps(db) == all_steps()


def test_the_first_open_waits_for_another_that_is_under_way(tmp_path):
    path = tmp_path / "record.db"
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = subprocess.Popen([sys.executable, "-c", OPEN, f"sqlite:///{path}"], text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)  # fmt: skip
        assert child.stdout.readline() == "READY\n"
        child.stdin.write("\n")
        child.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.4)
        assert not path.exists()
    assert len(child.communicate(timeout=20)[0].strip()) == 16
    assert child.returncode == 0


def test_the_oldest_record_is_upgraded_with_its_data(fresh_url, opened):
    old = database.connect(fresh_url)
    if database.is_sqlite(old):
        os.makedirs(os.path.dirname(old.database))
    with database.writing(old):
        Runner(old, str(database.MIGRATIONS)).up("0001_record")
    database.execute(old, "INSERT INTO meta (name, value) VALUES ('database_id', '0123456789abcdef')")
    row = ("asha@example.com", "asha@example.com", "Asha", "", 1.5)
    database.execute(
        old, "INSERT INTO candidate (address, email, name, timezone, created_at) VALUES (?, ?, ?, ?, ?)", row
    )
    old.close()
    db = opened()
    assert database.database_id(db) == "0123456789abcdef"
    assert fetch(db, "SELECT address, email, name, timezone, created_at FROM candidate") == [row]
    assert steps(db) == all_steps()


def test_mails_of_an_older_record_stay_as_they_are_when_alerts_come_in(fresh_url, opened):
    old = database.connect(fresh_url)
    if database.is_sqlite(old):
        os.makedirs(os.path.dirname(old.database))
    with database.writing(old):
        for step in ("0001_record", "0002_booked_seats", "0003_interviews", "0004_jobs"):
            Runner(old, str(database.MIGRATIONS)).up(step)
    database.execute(old, "INSERT INTO meta (name, value) VALUES ('database_id', '0123456789abcdef')")
    database.execute(old, "INSERT INTO candidate VALUES (1, 'a@example.com', 'a@example.com', 'Asha', '', 1.5)")
    database.execute(old, "INSERT INTO job VALUES (1, 'acme nurse', 'Nurse', 'Acme', 1.5)")
    interview = "1, 1, 1, 1, 10.5, 20.5, 'UTC', 'scheduled', 15, 15, 0, '', false, 1.5"
    database.execute(old, f"INSERT INTO interview VALUES ({interview})")
    mail = ("invitation", 1, "sent", "a@example.com", "{}", "<a@b>", "ab", 9, 2.5, 1, "me", 3.5, "{}", 4.5, 5.5, "s",
            "250 ok", "f", 1.25)  # fmt: skip
    names = ("kind, occurrence, state, recipient, facts, message_id, token, batch_id, due_at, attempts, owner, lease_until,"
             " hand_over, handed_over_at, settled_at, signature, reply, fix, created_at")  # fmt: skip
    sql = f"INSERT INTO notification (id, interview_id, {names}) VALUES (5, 1{', ?' * 19})"
    database.execute(old, sql, mail)
    before = {(one.name, tuple(one.columns), one.unique) for one in old.get_indexes("notification")}
    old.close()
    db = opened()
    assert fetch(db, f"SELECT id, interview_id, {names}, alert_key FROM notification") == [(5, 1, *mail, None)]
    after = {(one.name, tuple(one.columns), one.unique) for one in db.get_indexes("notification")}
    assert after - before == {("notification_alert", ("alert_key",), True)}
    assert before <= after
    assert [(one.column, one.dest_table) for one in db.get_foreign_keys("notification")] == [
        ("interview_id", "interview")
    ]
    for wrong in ("interview_id = 99", "kind = 'other'", "interview_id = NULL", "state = 'lost'", "hand_over = NULL"):
        with pytest.raises(peewee.IntegrityError):
            database.execute(db, f"UPDATE notification SET {wrong}")
    with pytest.raises(peewee.IntegrityError):
        database.execute(db, "DELETE FROM interview")


def test_a_database_of_another_program_is_refused_and_left_as_it_is(fresh_url, opened):
    foreign = database.connect(fresh_url)
    if database.is_sqlite(foreign):
        os.makedirs(os.path.dirname(foreign.database))
    database.execute(foreign, "CREATE TABLE interview (id INTEGER PRIMARY KEY, theirs TEXT)")
    before = foreign.get_tables()
    with pytest.raises(DatabaseUnusable, match="belongs to something else") as caught:
        opened()
    assert "empty database" in caught.value.fix
    assert foreign.get_tables() == before
    foreign.close()


def test_a_step_that_fails_leaves_nothing_half_made(fresh_url, opened, monkeypatch, tmp_path):
    broken = tmp_path / "steps"
    broken.mkdir()
    text = (database.MIGRATIONS / "0001_record.py").read_text(encoding="utf-8")
    (broken / "0001_record.py").write_text(text + "    raise RuntimeError('broken step')\n", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", broken)
        with pytest.raises(RuntimeError, match="broken step"):
            opened()
    assert steps(opened()) == all_steps()


def test_of_an_older_record_the_newest_times_of_each_scheduled_job_are_kept(fresh_url, opened):
    old = database.connect(fresh_url)
    if database.is_sqlite(old):
        os.makedirs(os.path.dirname(old.database))
    with database.writing(old):
        for step in [step for step in all_steps() if step < "0007"]:
            Runner(old, str(database.MIGRATIONS)).up(step)
    database.execute(old, "INSERT INTO meta (name, value) VALUES ('database_id', '0123456789abcdef')")
    rows = [
        ("nightly", "a", 1.5),
        ("nightly", "b", 3.5),
        ("nightly", "c", 2.5),
        ("weekly", "b", 9.5),
        ("weekly", "c", 9.5),
    ]
    for row in rows:
        database.execute(old, "INSERT INTO scheduled_job (name, timing, seen_at) VALUES (?, ?, ?)", row)
    old.close()
    kept = fetch(opened(), "SELECT schedule, name, timing, seen_at FROM scheduled_job ORDER BY name")
    assert kept == [("deploy/schedule.toml", "nightly", "b", 3.5), ("deploy/schedule.toml", "weekly", "c", 9.5)]
