"""The two engines a benchmark runs on: a SQLite file and a PostgreSQL database, both made for it and removed after it."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from store import places

SERVER = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@contextmanager
def fresh(engine: str, count: int) -> Iterator[list[str]]:
    """The addresses of `count` empty databases of an engine."""
    if engine == "sqlite":
        # Not /tmp, which may lie in memory: the disk is part of what is measured.
        room = places.resolve("var")
        room.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=room) as folder:
            yield [f"sqlite:///{folder}/{number}.db" for number in range(count)]
        return
    names = [f"interview_ops_bench_{secrets.token_hex(4)}" for _ in range(count)]
    with psycopg.connect(SERVER, autocommit=True) as server:
        for name in names:
            server.execute(f"CREATE DATABASE {name}")
        try:
            yield [f"{SERVER.rsplit('/', 1)[0]}/{name}" for name in names]
        finally:
            for name in names:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def available() -> list[str]:
    """The engines that can be measured here; says what is missing."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        print("PostgreSQL is not measured: no server at TEST_POSTGRESQL_URL or 127.0.0.1:5432.")
        return ["sqlite"]
    return ["sqlite", "postgresql"]
