"""Many rows at once, the fastest way each engine has: executemany on SQLite, COPY on PostgreSQL. Knows no table."""

import json
from collections.abc import Mapping, Sequence

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


def relation(db: Database, columns: Mapping[str, str], rows: Sequence[Sequence]) -> tuple[str, list[object]]:
    """SQL for a relation of these rows, and its parameters; `columns` are names and PostgreSQL types in the rows' order.

    For one `UPDATE ... FROM` over many rows. The rows are not empty.
    """
    if is_sqlite(db):
        cells = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
        return f"(SELECT {cells} FROM json_each(?))", [json.dumps(rows)]
    arrays = ", ".join(f"?::{kind}[]" for kind in columns.values())
    return f"(SELECT * FROM unnest({arrays}) AS cells ({', '.join(columns)}))", [
        list(column) for column in zip(*rows, strict=True)
    ]
