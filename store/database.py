"""The database behind the record: opening, migrating, transactions and errors, on SQLite and PostgreSQL. No tables."""

import fcntl
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote, urlsplit

import peewee
import psycopg
from playhouse.db_url import connect as connect_url
from playhouse.db_url import parse, register_database
from playhouse.migrations import Runner
from playhouse.pool import MaxConnectionsExceeded
from playhouse.postgres_ext import PooledPsycopg3Database

from store import places
from store.errors import DatabaseUnusable, StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
WRITERS_LOCK = 0x1A7E8F1E55
"""Key of the one PostgreSQL advisory lock that serialises writers, as the immediate transaction does on SQLite."""

SQLITE_OPTIONS = {
    "pragmas": {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "cache_size": -8192, "temp_store": 2},
    "timeout": 30,
    "lock_type": "IMMEDIATE",
}
POSTGRESQL_SCHEMES = ("postgres", "postgresql", "psycopg3", "psycopg")

Database = peewee.Database


class QueuedSqlite(peewee.SqliteDatabase):
    """SQLite whose writers queue: the threads of a process in line, and the first of them asks for the lock often.

    SQLite's own waiting sleeps up to 100 ms at a time, while others come and go. Programs that do not queue here are
    waited for all the same, and nothing is left behind by one that dies.
    """

    ASK_SECONDS = 0.001

    def __init__(self, *arguments: object, **options: object):
        super().__init__(*arguments, **options)
        self._line = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """This thread's turn to write, waited for as long as SQLite would wait for its lock."""
        if not self._line.acquire(timeout=self.timeout):
            raise peewee.OperationalError("database is locked")
        try:
            yield
        finally:
            self._line.release()

    def begin(self, lock_type: str | None = None) -> None:
        """Begins a transaction; an immediate one is waited for without SQLite's long sleeps."""
        connection = self.connection()
        patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        until = time.monotonic() + patience / 1000
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._begins(lock_type, is_last=time.monotonic() >= until):
                time.sleep(self.ASK_SECONDS)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {patience}")

    def _begins(self, lock_type: str | None, is_last: bool) -> bool:
        try:
            super().begin(lock_type)
        except peewee.OperationalError as error:
            if is_last or "locked" not in str(error):
                raise
            return False
        return True


register_database(QueuedSqlite, "sqlite")


def connect(url: str) -> Database:
    """A database object for DATABASE_URL, not yet opened. Raises DatabaseUnusable for an address of another kind."""
    # What the parsers say is not repeated: it may be a piece of the password.
    try:
        scheme = urlsplit(url).scheme.partition("+")[0]
        if scheme == "sqlite":
            return _sqlite(url)
        if scheme in POSTGRESQL_SCHEMES:
            return _postgresql(url)
    except (ValueError, TypeError):
        raise DatabaseUnusable("DATABASE_URL is no address of a database.", _URL_FIX) from None
    except StoreError as error:
        raise DatabaseUnusable(f"DATABASE_URL: {error}", error.fix) from None
    raise DatabaseUnusable(f"DATABASE_URL has the scheme {scheme[:30]!r}, which is not known.", _URL_FIX)


_URL_FIX = (
    "write DATABASE_URL as sqlite:///var/interviews.db or postgresql://user:password@host/name,"
    " with a password's special signs as %-escapes (%40 for @)."
)


def _sqlite(url: str) -> Database:
    parts = urlsplit(url)
    path = places.resolve(unquote(parts.path.removeprefix("/")))
    if parts.netloc or path == places.ROOT or path.name == ":memory:":
        raise ValueError("a SQLite address has three slashes and then a file's path")
    return connect_url("sqlite:////placeholder", **SQLITE_OPTIONS, database=str(path))


def _postgresql(url: str) -> Database:
    given = parse(url, unquote_user=True, unquote_password=True)
    if not given.get("database"):
        raise ValueError("the database's name is missing")
    return PooledPsycopg3Database(
        **{"connect_timeout": 10, "max_connections": 32, "timeout": 30, "stale_timeout": 300} | given
    )


def is_sqlite(db: Database) -> bool:
    return isinstance(db, peewee.SqliteDatabase)


def named(db: Database) -> str:
    """The record as people know it: its file, or its name and host. Nothing of its login."""
    if is_sqlite(db):
        return places.shown(db.database)
    return f"{db.database} on {db.connect_params.get('host') or 'this machine'}"


def open_record(url: str) -> Database:
    """Opens the record, makes or upgrades its tables, and binds the models to it.

    The first open is done under a lock (a file beside SQLite's database, an advisory lock on PostgreSQL), so that
    processes that start together do not meet. Raises DatabaseUnusable.
    """
    from store import models

    db = connect(url)
    with explained(db):
        if is_sqlite(db):
            with _file_lock(Path(db.database)):
                _upgrade(db)
        else:
            _upgrade(db)
    models.bind(db)
    return db


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with _opened_lock(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _opened_lock(path: Path) -> TextIO:
    place = places.shown(path.parent)
    try:
        if path.is_dir():
            raise IsADirectoryError
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path.with_name(path.name + ".lock"), "w")
    except IsADirectoryError as error:
        what, fix = f"{places.shown(path)} is a folder, not a database.", "move it away or correct DATABASE_URL."
        raise DatabaseUnusable(what, fix) from error
    except OSError as error:
        reason = "it is a file" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
        what = f"The database's folder {place} cannot be used: {reason}."
        fix = f"make {place} a folder that this user may write, or correct DATABASE_URL."
        raise DatabaseUnusable(what, fix) from error


def is_current(db: Database) -> bool:
    """Whether the tables are those of this version: each step of `MIGRATIONS` was taken. Reads only."""
    return all(step.applied for step in _runner(db).status())


def _runner(db: Database) -> Runner:
    logging.getLogger("peewee.migrations").setLevel(logging.WARNING)
    return Runner(db, str(MIGRATIONS))


def _upgrade(db: Database) -> None:
    if is_current(db):
        return
    runner = _runner(db)
    with writing(db):
        for step in runner.status():
            if step.path is not None and not step.applied:
                _apply(runner, step.name)
        if fetch(db, "SELECT 1 FROM meta WHERE name = 'database_id'") == []:
            execute(db, "INSERT INTO meta (name, value) VALUES ('database_id', ?)", (secrets.token_hex(8),))


def _apply(runner: Runner, step: str) -> None:
    try:
        runner.up(step)
    except peewee.DatabaseError as error:
        if "already exists" not in str(error):
            raise
        what = "The database belongs to something else: it has tables, but not this record's."
        fix = "give an empty database in DATABASE_URL; nothing was changed in this one."
        raise DatabaseUnusable(what, fix) from error


def database_id(db: Database) -> str:
    """Sixteen hex digits that name this database, the same for its whole life."""
    return fetch(db, "SELECT value FROM meta WHERE name = 'database_id'")[0][0]


@contextmanager
def writing(db: Database) -> Iterator[None]:
    """A transaction of the only writer: immediate on SQLite, behind one advisory lock on PostgreSQL."""
    with explained(db), _begun(db):
        if not is_sqlite(db):
            db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (WRITERS_LOCK,))
        yield


@contextmanager
def changing(db: Database) -> Iterator[None]:
    """A short transaction that touches rows no other writer competes for in another order (claims, visits)."""
    with explained(db), _begun(db):
        yield


@contextmanager
def _begun(db: Database) -> Iterator[None]:
    if is_sqlite(db) and not db.in_transaction():
        with db.turn(), db.atomic():
            yield
    else:
        with db.atomic():
            yield


@contextmanager
def viewing(db: Database) -> Iterator[None]:
    """Several reads that see one state of the record. Nothing may be written inside."""
    with explained(db):
        if is_sqlite(db):
            with db.atomic("DEFERRED"):
                yield
        else:
            with db.atomic():
                db.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield


@contextmanager
def lent(db: Database) -> Iterator[None]:
    """A connection for the length of a request: given back to the pool on PostgreSQL, kept by the thread on SQLite."""
    with explained(db):
        if is_sqlite(db):
            yield
        else:
            with db.connection_context():
                yield


@lru_cache(maxsize=512)
def _postgresql_sql(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _run(db: Database, sql: str, parameters: Sequence):
    return db.execute_sql(sql if is_sqlite(db) else _postgresql_sql(sql), parameters or None)


def fetch(db: Database, sql: str, parameters: Sequence = ()) -> list[tuple]:
    """All rows of a query (or of a statement with RETURNING) written with `?` for parameters."""
    with explained(db):
        return _run(db, sql, parameters).fetchall()


def execute(db: Database, sql: str, parameters: Sequence = ()) -> int:
    """Runs one statement written with `?`; gives the number of rows it touched."""
    with explained(db):
        return _run(db, sql, parameters).rowcount


def execute_many(db: Database, sql: str, rows: Iterable[Sequence]) -> None:
    """Runs one statement written with `?` for each row."""
    with explained(db):
        db.cursor().executemany(sql if is_sqlite(db) else _postgresql_sql(sql), rows)


def among(db: Database, column: str) -> str:
    """SQL for `column is one of the values`, taking the one parameter that `values` makes, of any length."""
    if is_sqlite(db):
        return f"{column} IN (SELECT value FROM json_each(?))"
    return f"{column} = ANY(?)"


_ROW_ERRORS = {
    error.__name__: error
    for error in (
        peewee.IntegrityError, peewee.DataError, peewee.ProgrammingError, peewee.InternalError, peewee.NotSupportedError
    )
}  # fmt: skip


@contextmanager
def explained(db: Database) -> Iterator[None]:
    """Errors about the database itself become DatabaseUnusable with the fix; those about its rows are peewee's.

    Also those of the driver's own cursors, which peewee does not see: rows fetched, many at once, COPY. None tells a row.
    """
    try:
        yield
    except (peewee.DatabaseError, peewee.InterfaceError, sqlite3.Error, psycopg.Error) as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        about_rows = next((_ROW_ERRORS[name] for name in names if name in _ROW_ERRORS), None)
        # One that comes while there is no connection is about DATABASE_URL: an option that the driver does not know.
        if about_rows is None or db.is_closed():
            _drop_lost_connection(db)
            raise _first_trouble(db, error) or _explain(db, error) from error
        # PostgreSQL's further lines, and the errors this one comes from, show rows with what candidates wrote in them.
        raise about_rows(str(error).partition("\n")[0]) from None
    except MaxConnectionsExceeded as error:
        raise _explain(db, error) from error


def _first_trouble(db: Database, error: BaseException | None) -> DatabaseUnusable | None:
    # A full SQLite rolls back by itself; the rollback that then fails must not hide why.
    if "cannot rollback" not in str(error):
        return None
    while error is not None:
        if isinstance(error, DatabaseUnusable):
            return DatabaseUnusable(str(error), error.fix)
        if isinstance(error, (peewee.DatabaseError, sqlite3.Error)) and "cannot rollback" not in str(error):
            return _explain(db, error)
        error = error.__context__
    return None


def _drop_lost_connection(db: Database) -> None:
    # A thread would otherwise keep the dead connection for ever, though the server is back.
    if not is_sqlite(db) and not db.is_closed() and db.connection().closed and not db.in_transaction():
        db.close()


_REASONS = (
    ("deadlock", "had two programs that waited for each other, and stopped this one.", "run this again."),
    ("locked", "is locked by another program.", "wait for the other job to end, or end it, and run this again."),
    ("is full", "cannot grow: the disk is full.", "free some disk space and run this again; nothing is half-done."),
    ("disk i/o", "cannot be written: the disk failed or is full.", "check the disk's free space and health."),
    ("no space left", "cannot grow: the server's disk is full.", "free some disk space on the database server."),
    ("not a database", "is not a database.", "move that file away or correct DATABASE_URL."),
    ("malformed", "is damaged.", "restore it from a backup."),
    ("unable to open", "cannot be opened.", "let this user write its folder, or correct DATABASE_URL."),
    ("readonly", "may not be written.", "give this user the right to write it and its folder."),
    ("authentication failed", "refused the user or the password.", "correct the user and password in DATABASE_URL."),
    ("no password supplied", "wants a password.", "write the user's password into DATABASE_URL."),
    ("role \"", "refused the user.", "create that user on the server or correct DATABASE_URL."),
    ("does not exist", "does not exist on the server.", "create it (createdb) or correct DATABASE_URL."),
    ("maximum connections", "has all its connections in use.", "run fewer threads in one process."),
)  # fmt: skip


def _explain(db: Database, error: Exception) -> DatabaseUnusable:
    text = " ".join(str(error).split())
    name = f"The database {places.shown(db.database)}" if is_sqlite(db) else f"The PostgreSQL database {db.database!r}"
    for sign, what, fix in _REASONS:
        if sign in text.lower():
            return DatabaseUnusable(f"{name} {what}", fix)
    cause = text.rstrip(".") or type(error).__name__
    return DatabaseUnusable(
        f"{name} cannot be used: {cause[:200]}.", "check that it runs and that DATABASE_URL is right."
    )
