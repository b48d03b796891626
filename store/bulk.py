"""Many rows at once, the fastest way each engine has: executemany on SQLite, COPY on PostgreSQL. Knows no table."""

import json
from collections.abc import Sequence

from store.database import Database, execute_many, explained, fetch, is_sqlite


def next_ids(db: Database, table: str, count: int) -> range | list[int]:
    """`count` ids for new rows of `table`, in order. To be called inside the writer's transaction."""
    if count == 0:
        return []
    if is_sqlite(db):
        first = fetch(db, f"SELECT coalesce(max(id), 0) + 1 FROM {table}")[0][0]
        return range(first, first + count)
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    return [row[0] for row in fetch(db, f"SELECT nextval({sequence}) FROM generate_series(1, ?)", (count,))]


def insert(db: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence]) -> None:
    """Inserts `rows` (one sequence a row, in the order of `columns`)."""
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(db):
        execute_many(db, f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
        return
    with explained(db), db.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def values(db: Database, items: Sequence) -> object:
    """The one parameter that `database.among` takes: a JSON array on SQLite, an array on PostgreSQL."""
    return json.dumps(list(items)) if is_sqlite(db) else list(items)
