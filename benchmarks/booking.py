"""From CSV to committed bookings with keys and outbox, beside the bare insertion of the same rows into the same tables.

The limit is what the engine can do with rows that are known already: `executemany` on SQLite, COPY on PostgreSQL, the
same tables and indexes, as many commits. Each measurement is a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engines import available, fresh

from store import batches, bulk, database, session_keys
from store.database import Database, fetch
from store.settings import Settings

SIZES = (1_000, 10_000, 100_000)
CHUNK = batches.CHUNK_ROWS
NOW = datetime(2030, 1, 1, tzinfo=UTC)
TABLES = ("job", "candidate", "interview_slot", "seat", "interview", "interview_session", "interview_schedule",
          "notification", "batch_row", "event")  # fmt: skip
GOAL_RATIO, GOAL_MEMORY = 0.3, 100


def write_file(path: Path, rows: int) -> None:
    """Candidates of 20 jobs in slots of ten places."""
    header = "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes,capacity\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        for number in range(rows):
            slot = number // 10
            start = NOW + timedelta(days=2 + slot // 20 // 18, minutes=30 * (slot // 20 % 18))
            file.write(
                f"Candidate {number},candidate{number}@example.com,Job {slot % 20},Example Labs,"
                f"{start:%Y-%m-%d},{9 + start.hour:02d}:{start.minute:02d},30,10\n"
            )


def book(url: str, path: str) -> None:
    """Child: books the file, prints rows a second and peak memory (MB)."""
    ring_path = Path(path).with_name(f"ring_{time.time_ns()}.json")
    settings = Settings(database_url=url, session_key_ring=str(ring_path))
    db = database.open_record(url)
    ring = session_keys.load_ring(db, str(ring_path), now=NOW)
    started = time.perf_counter()
    report = batches.book_batch(db, path, settings=settings, ring=ring, clock=lambda: NOW, trace=False)
    seconds = time.perf_counter() - started
    if report.outcomes["created"] != report.rows:
        raise SystemExit(f"not every row was booked: {dict(report.outcomes)} {dict(report.codes)}")
    print(
        json.dumps({"rate": report.rows / seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
    )


def insert(source_url: str, target_url: str) -> None:
    """Child: inserts the rows of one record into another, prints bookings a second."""
    source, target = database.connect(source_url), database.open_record(target_url)
    rows = {name: _read(source, name) for name in TABLES}
    columns = ("id", "kind", "source", "source_sha256", "state", "created_at")
    bulk.insert(target, "batch", columns, [(1, "booking", "", "", "done", 0.0)])
    bookings = len(rows["interview"][1])
    started = time.perf_counter()
    for first in range(0, bookings, CHUNK):
        with database.writing(target):
            for name in TABLES:
                columns, values = rows[name]
                bulk.insert(target, name, columns, values[first : first + CHUNK])
    print(json.dumps({"rate": bookings / (time.perf_counter() - started)}))


def _read(db: Database, table: str) -> tuple[list[str], list[tuple]]:
    columns = [column.name for column in db.get_columns(table)]
    order = "batch_id, line" if table == "batch_row" else "id"
    return columns, fetch(db, f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")


def _child(*arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> int:
    """Prints the table; exit code 1 if a goal is missed."""
    missed = False
    print(f"{'engine':<11}{'rows':>8}{'booked/s':>10}{'limit/s':>10}{'ratio':>7}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for engine in available():
            for size in SIZES:
                path = Path(folder) / f"{size}.csv"
                write_file(path, size)
                with fresh(engine, 2) as (booked, inserted):
                    ours, limit = _child("book", booked, str(path)), _child("insert", booked, inserted)
                ratio = ours["rate"] / limit["rate"]
                missed |= ratio < GOAL_RATIO or ours["memory"] > GOAL_MEMORY
                print(
                    f"{engine:<11}{size:>8}{ours['rate']:>10.0f}{limit['rate']:>10.0f}{ratio:>7.2f}{ours['memory']:>9.0f}"
                )
    print(f"Goal: ratio at least {GOAL_RATIO}, at most {GOAL_MEMORY} MB: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["book"]:
        book(*sys.argv[2:])
    elif sys.argv[1:2] == ["insert"]:
        insert(*sys.argv[2:])
    else:
        sys.exit(main())
