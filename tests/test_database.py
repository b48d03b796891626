"""The database itself: addresses, transactions, many rows at once, and every trouble as one clear line."""

import logging
import resource
import shutil
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import peewee
import pytest
from booking_desk import HOUR, write_file

from store import bulk, database
from store.database import execute, fetch
from store.errors import DatabaseUnusable

SECRET = "hunter2hunter2"


def trouble(call):
    """The one line of a DatabaseUnusable, with its fix and without a password."""
    with pytest.raises(DatabaseUnusable) as caught:
        call()
    line = caught.value.line()
    assert "To fix: " in line
    assert "\n" not in line
    assert SECRET not in line
    return line


@pytest.mark.parametrize(("url", "says"), [
    ("mysql://u:hunter2hunter2@host/db", "has the scheme 'mysql', which is not known"),
    ("", "has the scheme '', which is not known"), ("var/interviews.db", "has the scheme '', which is not known"),
    ("sqlite://var/interviews.db", "is no address"), ("sqlite:///", "is no address"),
    ("sqlite:///:memory:", "is no address"), ("postgresql://u:hunter2hunter2@host", "is no address"),
    ("postgresql://u:hunter2hunter2/x@host/db", "is no address"), ("postgresql://u:a/hunter2hunter2@[host/db", "is no address"),
    ("postgresql://u:hunter2hunter2@host:port/db", "is no address"), ("sqlite:///~nosuchuser/a.db", "no home folder ~nosuchuser"),
])  # fmt: skip
def test_an_address_that_is_none_is_one_clear_line_without_the_password(url, says):
    assert says in trouble(lambda: database.connect(url))


@pytest.mark.parametrize("option", ["ssl_mode=require", "bogus=1", "connect_timeout=abc"])
def test_an_option_of_an_address_that_the_driver_does_not_know_is_told(option):
    line = trouble(lambda: database.open_record(f"postgresql://u:{SECRET}@127.0.0.1/db?{option}"))
    assert option.partition("=")[0] in line


def test_user_and_password_of_an_address_are_percent_decoded():
    db = database.connect("postgresql://us%40er:p%40ss%2Fw%25rd@host:5433/name")
    assert (db.database, db.connect_params["user"], db.connect_params["password"], db.connect_params["port"]) == (
        "name", "us@er", "p@ss/w%rd", 5433,
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "psycopg3", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_the_same_driver(scheme):
    assert database.connect(f"{scheme}://u@host/name").database == "name"


def test_a_sqlite_path_is_percent_decoded_and_seen_from_the_root(tmp_path):
    assert database.connect(f"sqlite:///{tmp_path}/a%20b.db").database == f"{tmp_path}/a b.db"
    assert database.connect("sqlite:///var/x.db").database == str(database.places.ROOT / "var" / "x.db")


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "var").write_text("")
    assert "cannot be used: it is a file." in trouble(lambda: database.open_record(f"sqlite:///{tmp_path}/var/x.db"))


def test_a_folder_in_place_of_the_file_is_one_clear_line(tmp_path):
    assert "is a folder, not a database" in trouble(lambda: database.open_record(f"sqlite:///{tmp_path}"))


def test_a_file_that_is_no_database_is_left_alone_and_named(tmp_path):
    (tmp_path / "x.db").write_text("Dear diary, " * 500)
    assert "is not a database" in trouble(lambda: database.open_record(f"sqlite:///{tmp_path}/x.db"))
    assert (tmp_path / "x.db").read_text() == "Dear diary, " * 500


def test_a_server_that_is_not_there_is_one_clear_line():
    line = trouble(lambda: database.open_record(f"postgresql://u:{SECRET}@127.0.0.1:1/name"))
    assert "The PostgreSQL database 'name' cannot be used" in line
    assert "Connection refused" in line


@pytest.fixture
def server_url(request):
    """The address of a PostgreSQL database, which these tests do not change."""
    return request.getfixturevalue("_postgresql_url")


def test_a_database_that_does_not_exist_is_named(server_url):
    url = server_url.rsplit("/", 1)[0] + "/no_such_database_here"
    assert "'no_such_database_here' does not exist on the server. To fix: create it" in trouble(
        lambda: database.open_record(url)
    )


def test_a_user_who_does_not_exist_is_told_apart_from_a_missing_database(server_url):
    address = server_url.rpartition("@")[2]
    line = trouble(lambda: database.open_record(f"postgresql://no_such_user:{SECRET}@{address}"))
    assert "refused the user" in line


def test_a_lost_connection_is_told_once_and_then_made_again(db):
    if database.is_sqlite(db):
        db.close()
    else:
        lost = fetch(db, "SELECT pg_backend_pid()")[0]
        with ThreadPoolExecutor(1) as other:
            other.submit(lambda: (execute(db, "SELECT pg_terminate_backend(?)", lost), db.close())).result()
        assert "cannot be used" in trouble(lambda: fetch(db, "SELECT 1"))
    with database.writing(db):
        assert fetch(db, "SELECT 1") == [(1,)]


def test_a_transaction_that_raises_writes_nothing(db):
    def half():
        with database.writing(db):
            execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?)", ("f", 1.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert fetch(db, "SELECT * FROM send_rate") == []


def test_only_one_writer_is_inside_at_a_time(db):
    def count(_):
        for _ in range(10):
            with database.writing(db):
                seen = fetch(db, "SELECT count(*) FROM send_rate")[0][0]
                execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, 0)", (f"n{seen}",))
        db.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(count, range(4))) == [True] * 4
    assert fetch(db, "SELECT count(*) FROM send_rate") == [(40,)]


def test_a_transaction_inside_another_is_a_part_of_it(db):
    def add(name, broken):
        with database.changing(db):
            execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, 0)", (name,))
            return 1 / (not broken)

    with database.writing(db):
        add("kept", broken=False)
        with pytest.raises(ZeroDivisionError):
            add("dropped", broken=True)
    assert fetch(db, "SELECT fingerprint FROM send_rate") == [("kept",)]


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_writer_is_let_in_soon_after_another_program_has_ended(db, record_url):
    def lateness():
        other = database.connect(record_url)
        with database.writing(other):
            waiting = threads.submit(lambda: (database.writing(db).__enter__(), time.monotonic(), db.close()))
            # SQLite's own waiting would look again after 228 ms, and then after 328.
            time.sleep(0.24)
        ended = time.monotonic()
        other.close()
        return waiting.result()[1] - ended

    with ThreadPoolExecutor(1) as threads:
        assert min(lateness() for _ in range(4)) < 0.05
    with database.writing(db):
        assert fetch(db, "PRAGMA busy_timeout") == [(30_000,)]


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_thread_that_never_gets_its_turn_is_told_so_and_others_go_on(db):
    def write():
        with database.writing(db):
            return execute(db, "DELETE FROM send_rate")

    db.timeout = 0.05
    with ThreadPoolExecutor(1) as threads:
        with database.writing(db):
            assert "is locked by another program" in trouble(threads.submit(write).result)
        assert threads.submit(write).result() == 0
        threads.submit(db.close).result()


def test_a_view_stays_the_same_while_others_write(db):
    def write():
        execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES ('f', 0)")
        db.close()

    with database.viewing(db), ThreadPoolExecutor(1) as other:
        before = fetch(db, "SELECT count(*) FROM send_rate")
        other.submit(write).result()
        assert fetch(db, "SELECT count(*) FROM send_rate") == before == [(0,)]
    assert fetch(db, "SELECT count(*) FROM send_rate") == [(1,)]


def test_a_lent_connection_reads_and_writes(db):
    db.close()
    with database.lent(db):
        assert fetch(db, "SELECT ? + 1", (1,)) == [(2,)]


WAYS = [
    lambda db, row: execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?)", row),
    lambda db, row: database.execute_many(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?)", [row]),
    lambda db, row: bulk.insert(db, "send_rate", ("fingerprint", "next_at"), [row]),
    lambda db, row: fetch(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?) RETURNING 1", row),
]  # fmt: skip
WAYS_NAMES = ["execute", "execute_many", "bulk", "fetch"]


@pytest.mark.parametrize("run", WAYS, ids=WAYS_NAMES)
def test_a_refused_row_is_the_same_error_whichever_way_it_came(db, run):
    run(db, ("f", 1.0))
    for refused in (("f", 2.0), ("g", None)):
        with pytest.raises(peewee.IntegrityError), database.writing(db):
            run(db, refused)
    assert fetch(db, "SELECT fingerprint, next_at FROM send_rate") == [("f", 1.0)]


@pytest.mark.parametrize("run", WAYS, ids=WAYS_NAMES)
def test_a_refused_row_is_not_told_to_whoever_reads_the_traceback(db, run):
    try:
        with database.writing(db):
            run(db, (SECRET, None))
    except peewee.IntegrityError as error:
        told = "".join(traceback.format_exception(error))
    assert "constraint" in told.splitlines()[-1]
    assert SECRET not in told


AWKWARD = ["", " ", "\\N", "\\", "a\tb\nc\rd", "'\"%s?", "रॉय", "\U0001f600", "NULL", "\u2028", "x" * 70_000]


def test_many_rows_come_back_exactly_as_they_were_given(db):
    rows = [(text, 1795000000.123456 + place) for place, text in enumerate(AWKWARD)]
    bulk.insert(db, "send_rate", ("fingerprint", "next_at"), rows)
    assert sorted(fetch(db, "SELECT fingerprint, next_at FROM send_rate")) == sorted(rows)
    found = fetch(db, f"SELECT fingerprint FROM send_rate WHERE {database.among(db, 'fingerprint')}",
                  (bulk.values(db, AWKWARD[:5]),))  # fmt: skip
    assert sorted(row[0] for row in found) == sorted(AWKWARD[:5])


def test_no_rows_are_no_statement(db):
    bulk.insert(db, "send_rate", ("fingerprint", "next_at"), [])
    assert (bulk.next_ids(db, "seat", 0), fetch(db, "SELECT count(*) FROM send_rate")) == ([], [(0,)])


def test_new_ids_go_on_after_the_highest(desk, booked):
    with database.writing(desk.db):
        assert list(bulk.next_ids(desk.db, "interview", 3)) == [2, 3, 4]


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_locked_record_is_one_clear_line_whatever_was_tried(db, record_url):
    execute(db, "PRAGMA busy_timeout = 20")
    other = database.connect(record_url)
    with database.writing(other):
        for attempt in (
            lambda: execute(db, "DELETE FROM send_rate"),
            lambda: database.execute_many(db, "DELETE FROM send_rate WHERE next_at = ?", [(1,)]),
            lambda: fetch(db, "DELETE FROM send_rate RETURNING 1"),
            lambda: database.writing(db).__enter__(),
        ):
            assert "is locked by another program. To fix: wait for the other job" in trouble(attempt)
    other.close()
    assert execute(db, "DELETE FROM send_rate") == 0


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_full_disk_stops_a_batch_between_chunks_and_a_later_run_completes_it(desk, request_of, tomorrow, tmp_path):
    requests = [request_of(tomorrow + n * HOUR, email=f"c{n}@example.com") for n in range(120)]
    write_file(tmp_path / "c.csv", requests)
    pages = desk.rows("PRAGMA page_count")[0][0]
    desk.change(f"PRAGMA max_page_count = {pages + 12}")
    line = trouble(lambda: desk.apply(tmp_path / "c.csv", chunk_rows=10))
    assert "the disk is full. To fix: free some disk space and run this again" in line
    booked = desk.count("interview")
    assert 0 < booked < 120
    assert booked % 10 == 0
    for table in ("notification", "interview_session", "interview_schedule", "seat", "batch_row"):
        assert desk.count(table) == booked
    desk.change("PRAGMA max_page_count = 1000000")
    assert desk.apply(tmp_path / "c.csv").outcomes == {"unchanged": booked, "created": 120 - booked}


@contextmanager
def largest_file(size):
    """No file of this process may grow beyond so many bytes: a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_when_the_record_is_made_is_told_as_the_disk(tmp_path):
    with largest_file(60 * 1024):
        line = trouble(lambda: database.open_record(f"sqlite:///{tmp_path}/new.db"))
    assert "the disk failed or is full. To fix: check the disk's free space" in line


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_in_a_transaction_is_told_as_the_disk(db, tmp_path):
    def grow():
        for name in range(100):
            with database.writing(db):
                execute(db, "INSERT INTO send_rate (fingerprint, next_at) VALUES (?, ?)", (f"{name}{'x' * 50_000}", 1))

    size = (tmp_path / "var" / "interviews.db-wal").stat().st_size
    with largest_file(size + 300_000):
        assert "the disk failed or is full. To fix: check the disk's free space" in trouble(grow)


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_every_acknowledged_booking_is_on_the_disk(db, booked, tmp_path):
    assert fetch(db, "PRAGMA synchronous") == [(2,)]
    assert fetch(db, "PRAGMA journal_mode") == [("wal",)]
    for name in ("interviews.db", "interviews.db-wal"):
        shutil.copy(tmp_path / "var" / name, tmp_path / name)
    copy = database.connect(f"sqlite:///{tmp_path}/interviews.db")
    assert fetch(copy, "SELECT count(*) FROM notification") == [(1,)]
    copy.close()


def test_opening_a_record_logs_nothing_of_its_address(record_url, caplog):
    caplog.set_level(logging.INFO)
    database.open_record(record_url).close()
    assert record_url not in caplog.text
