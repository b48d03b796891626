"""From CSV to committed bookings with keys and outbox, beside the bare insertion of the same rows into the same tables.

The limit is what the engine can do with rows that are known already: `executemany` on SQLite, COPY on PostgreSQL, the
same tables and indexes, as many commits. Each measurement is a process of its own, so that its peak memory is its own.
"""

import json
import random
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

SHAPES = ((1_000, 10, "sorted"), (10_000, 10, "sorted"), (100_000, 10, "sorted"), (100_000, 200, "sorted"),
          (100_000, 200, "scattered"))  # fmt: skip
"""Rows, places of a slot, and whether a slot's rows stand together or anywhere in the file."""

CHUNK = batches.CHUNK_ROWS
NOW = datetime(2030, 1, 1, tzinfo=UTC)
TABLES = ("job", "candidate", "interview_slot", "seat", "interview", "interview_session", "interview_schedule",
          "notification", "batch_row", "event")  # fmt: skip
GOAL_RATIO, GOAL_MEMORY = 0.3, 100


def write_file(path: Path, rows: int, capacity: int, order: str) -> None:
    """Candidates of 20 jobs in slots of `capacity` places, all of them taken."""
    numbers = list(range(rows))
    if order == "scattered":
        random.Random(1).shuffle(numbers)
    header = "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes,capacity\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        for number in numbers:
            slot = number // capacity
            start = NOW + timedelta(days=2 + slot // 20 // 18, minutes=30 * (slot // 20 % 18))
            file.write(
                f"Candidate {number},candidate{number}@example.com,Job {slot % 20},Example Labs,"
                f"{start:%Y-%m-%d},{9 + start.hour:02d}:{start.minute:02d},30,{capacity}\n"
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
    commits = _commits(rows)
    started = time.perf_counter()
    for commit in commits:
        with database.writing(target):
            for name, values in commit.items():
                bulk.insert(target, name, rows[name][0], values)
    print(json.dumps({"rate": len(rows["interview"][1]) / (time.perf_counter() - started)}))


def _commits(rows: dict[str, tuple[list[str], list[tuple]]]) -> list[dict[str, list[tuple]]]:
    """Each table's rows cut into as many commits as the booking has; slots and seats come as early as they are needed."""
    columns, schedules = rows["interview_schedule"]
    parents = {"interview_slot": columns.index("slot_id"), "seat": columns.index("seat_id")}
    done, commits = dict.fromkeys(TABLES, 0), []
    for first in range(0, len(schedules), CHUNK):
        commit = {}
        for name in TABLES:
            end = first + CHUNK
            if name in parents:
                end = max(done[name], *(row[parents[name]] for row in schedules[first:end]))
            commit[name], done[name] = rows[name][1][done[name] : end], end
        commits.append(commit)
    return commits


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
    print(
        f"{'engine':<11}{'rows':>8}{'places':>7} {'order':<10}{'booked/s':>9}{'limit/s':>9}{'ratio':>7}{'peak MB':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.csv"
        for engine in available():
            for rows, capacity, order in SHAPES:
                write_file(path, rows, capacity, order)
                with fresh(engine, 2) as (booked, inserted):
                    ours, limit = _child("book", booked, str(path)), _child("insert", booked, inserted)
                ratio = ours["rate"] / limit["rate"]
                missed |= ratio < GOAL_RATIO or ours["memory"] > GOAL_MEMORY
                print(
                    f"{engine:<11}{rows:>8}{capacity:>7} {order:<10}{ours['rate']:>9.0f}{limit['rate']:>9.0f}"
                    f"{ratio:>7.2f}{ours['memory']:>9.0f}", flush=True,
                )  # fmt: skip
    print(f"Goal: ratio at least {GOAL_RATIO}, at most {GOAL_MEMORY} MB: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["book"]:
        book(*sys.argv[2:])
    elif sys.argv[1:2] == ["insert"]:
        insert(*sys.argv[2:])
    else:
        sys.exit(main())
