"""What every test may ask for: a freshly migrated record on each engine, its settings and its key ring."""

import os
import secrets
import shutil
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import booking_desk
import portal_office
import psycopg
import pytest
from reference_files import pytest_collect_file  # noqa: F401 - pytest finds its hooks here

from mailer.config import MailSettings
from store import database, session_keys
from store.database import execute
from store.settings import Settings

POSTGRESQL_SERVER = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
SETTINGS = ("EMAIL_", "DATABASE_URL", "BACKEND_URL", "SESSION_KEY", "DEFAULT_FROM", "PORTAL_", "INTERVIEW_", "SANDBOX_",
            "ALLOW_LOCAL", "OPS_", "CANDIDATES_", "IMAP_", "DKIM_", "DNS_SERVER", "LIVE_EMAIL", "RUNS_",
            "JOB_STARTED_BY")  # fmt: skip
NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


# A shell that starts programs in the background lets them ignore this, and what they start inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def need(present: object, reason: str) -> None:
    """Skips the test with a reason; in CI (REQUIRE_ALL=1) a missing part fails instead."""
    if not present:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"REQUIRE_ALL=1, but {reason}")
        pytest.skip(reason)


def pytest_collection_modifyitems(items):
    """Files with few tests first: those wait for browsers, servers and kernels, and would be the tail of a run on workers."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (sizes[item.path], item.path))


@pytest.fixture(autouse=True)
def _no_settings_from_this_machine(monkeypatch):
    """Tests see neither the developer's .env nor mail settings of the shell."""
    for name in list(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)
    for kind in (Settings, MailSettings):
        monkeypatch.setitem(kind.model_config, "env_file", None)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "record.db"
    database.open_record(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def _postgresql_url():
    try:
        server = psycopg.connect(POSTGRESQL_SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        need(False, f"no PostgreSQL server at 127.0.0.1:5432 (set TEST_POSTGRESQL_URL): {str(error).splitlines()[0]}")
    name = f"interview_ops_test_{os.getpid()}_{secrets.token_hex(3)}"
    server.execute(f"CREATE DATABASE {name}")
    # Tests end programs, never the server, so its commits need not wait for the disk.
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield POSTGRESQL_SERVER.rsplit("/", 1)[0] + "/" + name
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


def _emptied(url: str) -> str:
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    with psycopg.connect(url, autocommit=True) as connection:
        names = [row[0] for row in connection.execute(tables) if row[0] not in ("schema_migration", "meta")]
        if names:
            # Without triggers and references; on small tables this is ten times faster than TRUNCATE.
            connection.execute("SET session_replication_role = replica")
            connection.execute(";".join(f"DELETE FROM {name}" for name in names))
            connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
    return url


@pytest.fixture
def sqlite_url(_sqlite_template, tmp_path):
    """The address of an empty, migrated record on SQLite."""
    path = tmp_path / "var" / "interviews.db"
    path.parent.mkdir()
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def record_url(request):
    """The address of an empty, migrated record; the test runs once on each engine."""
    if request.param == "postgresql":
        return _emptied(request.getfixturevalue("_postgresql_url"))
    return request.getfixturevalue("sqlite_url")


@pytest.fixture
def db(record_url):
    """The opened record, bound to the models."""
    record = database.open_record(record_url)
    yield record
    record.close()
    if not database.is_sqlite(record):
        record.close_all()


@pytest.fixture
def settings(record_url, tmp_path):
    """Settings of a small installation that lives in the test's own folder."""
    return Settings(
        database_url=record_url,
        backend_url="https://interviews.example.com",
        session_key_ring=str(tmp_path / "key_ring.json"),
    )


@pytest.fixture
def ring(db, settings):
    """The key ring that belongs to the record."""
    return session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=NOW)


@pytest.fixture
def now():
    """The instant at which the test happens: 2026-11-20 06:00 UTC, 11:30 in India."""
    return NOW


@pytest.fixture
def tomorrow(now):
    return now + timedelta(days=1)


@pytest.fixture
def request_of(tomorrow):
    """Makes booking requests: tomorrow for an hour unless told otherwise; `email` decides who it is."""

    def request_of(starts_at=tomorrow, **changes):
        return booking_desk.request(starts_at, **changes)

    return request_of


@pytest.fixture
def desk(db, settings, ring, now):
    """Where interviews are booked, moved and cancelled, and the record is looked at."""
    return booking_desk.Desk(db, settings, ring, now)


@pytest.fixture
def booked(desk, request_of):
    """An interview booked for tomorrow, its invitation still unsent."""
    return desk.book(request_of())


@pytest.fixture
def environment(db, settings, ring):
    """The settings of a portal that can start, as variables."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "SESSION_KEY_RING": settings.session_key_ring.get_secret_value(),
        "BACKEND_URL": "http://localhost:8000",
        "PORTAL_HOST": "127.0.0.1",
        "PORTAL_PORT": "0",
    }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def here(request, tmp_path_factory):
    """An installation whose portal runs, on each engine, once for all tests of a file; ops may ask it too."""
    folder = tmp_path_factory.mktemp("portal")
    if request.param == "postgresql":
        url = _emptied(request.getfixturevalue("_postgresql_url"))
    else:
        shutil.copy(request.getfixturevalue("_sqlite_template"), folder / "record.db")
        url = f"sqlite:///{folder}/record.db"
    more = {"OPS_TOKEN": portal_office.OPS_TOKEN, "RECORDINGS_FOLDER": str(folder / "recordings")}
    with portal_office.running(url, folder, **more) as installation:
        yield installation


@pytest.fixture(autouse=True)
def _failed_keys_of_a_test_are_forgotten(request):
    yield
    if "here" in request.fixturenames:
        execute(request.getfixturevalue("here").db, "DELETE FROM failed_key")


@pytest.fixture
def open_now(here):
    """An interview whose start was a minute ago, at the running portal."""
    return here.book(-portal_office.MINUTE)
