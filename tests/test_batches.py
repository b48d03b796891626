"""Booking a candidates file: plan, apply, chunks, kills, rows that the database refuses, and what is reported."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import peewee
import pytest
from booking_desk import DAY, HOUR, write_file

from store import batch_rows, batches, bulk
from store.errors import FileRefused, NotFound

APPLY_AND_HANG = """
import sys, time
from datetime import datetime
import booking_desk
from store import database, session_keys
from store.settings import Settings
url, ring_path, now, path, fingerprint = sys.argv[1:]
now = datetime.fromisoformat(now)
db = database.open_record(url)
ring = session_keys.load_ring(db, ring_path, now=now)
desk = booking_desk.Desk(db, Settings(database_url=url, session_key_ring=ring_path), ring, now)
calls = []
def clock():
    calls.append(None)
    if len(calls) == 3:
        print("IN THE THIRD CHUNK", flush=True)
        time.sleep(60)
    return now
desk.apply(path, fingerprint, chunk_rows=2, clock=clock)
"""


@pytest.fixture
def file(tmp_path):
    """Writes requests into one file and gives its path."""

    def written(*requests, name="candidates.csv"):
        write_file(tmp_path / name, requests)
        return tmp_path / name

    return written


@pytest.fixture
def eight(request_of, tomorrow):
    """Eight candidates, each with a slot of an own hour."""
    return [request_of(tomorrow + n * HOUR, email=f"c{n}@example.com") for n in range(8)]


@pytest.fixture
def mixed(desk, request_of, tomorrow):
    """Rows of every kind: unchanged, move, create, busy, full, past, duplicate, conflict."""
    desk.book(request_of())
    desk.book(request_of(tomorrow + HOUR, email="mover@example.com"))
    desk.book(request_of(tomorrow + 5 * HOUR, email="full@example.com"))
    return [
        request_of(), request_of(tomorrow + 2 * HOUR, email="mover@example.com"), request_of(email="n@example.com", capacity=2),
        request_of(job_title="Porter"), request_of(tomorrow + 5 * HOUR, email="o@example.com"),
        request_of(tomorrow - 3 * DAY, email="p@example.com"), request_of(tomorrow + 9 * HOUR, email="mover@example.com"),
        request_of(email="q@example.com", capacity=3), request_of(tomorrow + HOUR, email="freed@example.com"),
    ]  # fmt: skip


MIXED = [
    ("unchanged", ""), ("moved", ""), ("created", ""), ("refused", "candidate_busy"), ("refused", "slot_full"),
    ("refused", "slot_past"), ("refused", "duplicate_in_file"), ("refused", "capacity_conflict"), ("created", ""),
]  # fmt: skip
ACTIONS = {"created": "create", "moved": "move", "unchanged": "unchanged", "refused": "refuse"}


def test_every_row_of_a_file_has_its_outcome(desk, mixed, file):
    report = desk.apply(file(*mixed))
    assert desk.outcomes(report.batch_id) == MIXED
    assert (report.rows, report.refused, report.failed, report.outcomes["created"]) == (9, 5, 0, 2)
    assert report.codes["slot_full"] == 1


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 1000])
def test_the_size_of_a_chunk_changes_nothing(desk, mixed, file, chunk_rows):
    assert desk.outcomes(desk.apply(file(*mixed), chunk_rows=chunk_rows).batch_id) == MIXED
    assert sum(taken for _, _, taken in desk.places()) == desk.count("interview") == 5


def test_a_dry_run_writes_nothing_but_the_plan(desk, mixed, file):
    tables = ("interview", "interview_schedule", "interview_slot", "seat", "candidate", "job", "notification",
              "interview_session")  # fmt: skip
    before = [desk.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables]
    plan = desk.plan(file(*mixed))
    assert desk.outcomes(plan.batch_id) == [(ACTIONS[outcome], code) for outcome, code in MIXED]
    assert [desk.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables] == before
    assert (len(plan.fingerprint), plan.refused) == (16, 5)


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 1000])
def test_applying_a_plan_does_what_it_said(desk, mixed, file, chunk_rows):
    path = file(*mixed)
    plan = desk.plan(path)
    report = desk.apply(path, plan.fingerprint, chunk_rows=chunk_rows)
    assert desk.outcomes(report.batch_id) == MIXED
    assert (report.batch_id, report.fingerprint, report.skipped) == (plan.batch_id, plan.fingerprint, 0)


def test_a_plan_applied_twice_skips_what_it_applied(desk, mixed, file):
    path = file(*mixed)
    plan = desk.plan(path)
    desk.apply(path, plan.fingerprint)
    before = desk.count("event"), desk.count("notification")
    again = desk.apply(path, plan.fingerprint)
    assert (again.skipped, desk.outcomes(again.batch_id)) == (9, MIXED)
    assert (desk.count("event") - 1, desk.count("notification")) == before


def test_a_plan_killed_in_its_third_chunk_is_completed_by_applying_it_again(desk, record_url, eight, file):
    path = file(*eight)
    plan = desk.plan(path)
    arguments = [record_url, desk.settings.session_key_ring.get_secret_value(), desk.now.isoformat(), path]
    child = subprocess.Popen(
        [sys.executable, "-c", APPLY_AND_HANG, *arguments, plan.fingerprint], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.path.dirname(__file__)},
    )  # fmt: skip
    with child:
        assert child.stdout.readline() == "IN THE THIRD CHUNK\n"
        os.kill(child.pid, signal.SIGKILL)
    assert (desk.count("interview"), desk.count("notification")) == (4, 4)
    report = desk.apply(path, plan.fingerprint)
    assert (report.skipped, report.outcomes["created"]) == (4, 8)
    assert (desk.count("interview"), desk.count("notification")) == (8, 8)


def test_a_file_booked_again_after_a_kill_books_only_the_rest(desk, eight, file):
    path = file(*eight)
    ticks = iter([desk.now, desk.now])
    with pytest.raises(StopIteration):
        desk.apply(path, chunk_rows=3, clock=lambda: next(ticks))
    assert desk.count("interview") == desk.count("notification") == 3
    assert desk.apply(path).outcomes == {"unchanged": 3, "created": 5}


def test_a_row_whose_slot_was_filled_since_the_plan_is_refused(desk, request_of, eight, file):
    path = file(*eight)
    plan = desk.plan(path)
    desk.book(replace(eight[2], email="quick@example.com", address="quick@example.com"))
    report = desk.apply(path, plan.fingerprint)
    assert desk.outcomes(report.batch_id)[2] == ("refused", "plan_changed")
    row = list(batch_rows.read(desk.db, report.batch_id))[2]
    assert row["message"] == "The plan said create; now it would be refuse (slot_full)."
    assert report.outcomes["created"] == 7


def test_a_row_whose_interview_moved_since_the_plan_is_refused(desk, request_of, booked, tomorrow, file):
    path = file(request_of(tomorrow + HOUR))
    plan = desk.plan(path)
    desk.move(booked.interview_id, tomorrow + 3 * HOUR)
    report = desk.apply(path, plan.fingerprint)
    assert desk.outcomes(report.batch_id) == [("refused", "plan_changed")]


def test_a_row_whose_time_the_setting_changed_since_the_plan_is_refused(desk, tmp_path):
    path = tmp_path / "local.csv"
    path.write_text(
        "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes\n"
        "Asha,a@example.com,Nurse,Acme,2026-11-30,12:50,45\n"
    )
    plan = desk.plan(path)
    desk.settings = desk.settings.model_copy(update={"interview_timezone": "Europe/Berlin"})
    assert desk.outcomes(desk.apply(path, plan.fingerprint).batch_id) == [("refused", "plan_changed")]
    assert desk.count("interview") == 0


def test_another_file_is_not_applied_with_a_plans_fingerprint(desk, eight, file):
    plan = desk.plan(file(*eight))
    with pytest.raises(FileRefused, match="not the one that was planned") as caught:
        desk.apply(file(*eight[:7], name="other.csv"), plan.fingerprint)
    assert (caught.value.code, desk.count("interview")) == ("file_not_planned", 0)


def test_the_plan_of_another_file_is_not_shown_for_this_one(desk, eight, file):
    plan = desk.plan(file(*eight))
    with pytest.raises(FileRefused) as caught:
        batches.planned(desk.db, plan.fingerprint, file(*eight[:7], name="other.csv"), desk.settings)
    assert caught.value.code == "file_not_planned"


def test_two_jobs_on_one_file_book_each_row_once_and_refuse_none(desk, booked, request_of, eight, tomorrow, file):
    path = file(*eight[1:], request_of(tomorrow + 20 * HOUR))
    desk.now += HOUR
    first, second = desk.plan(path).fingerprint, desk.apply(path).outcomes
    assert second == {"created": 7, "moved": 1}
    assert desk.apply(path, first).outcomes == {"unchanged": 8}
    assert desk.count("notification") == 9


def test_an_interview_that_left_and_came_back_since_the_plan_stands_where_it_wanted(
    desk, booked, request_of, tomorrow, file
):
    path = file(request_of())
    plan = desk.plan(path)
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.move(booked.interview_id, tomorrow)
    assert desk.outcomes(desk.apply(path, plan.fingerprint).batch_id) == [("unchanged", "")]


def test_a_refusal_in_the_plan_is_not_taken_for_what_somebody_booked_since(desk, request_of, booked, file):
    path = file(request_of(email="late@example.com"))
    plan = desk.plan(path)
    desk.cancel(booked.interview_id)
    desk.book(request_of(email="late@example.com"))
    assert desk.outcomes(desk.apply(path, plan.fingerprint).batch_id) == [("refused", "plan_changed")]


@pytest.mark.parametrize("is_planned", [False, True])
def test_a_capacity_that_an_unchanged_row_does_not_apply_is_told(desk, request_of, file, is_planned):
    rows = [request_of(email=f"{name}@example.com", capacity=2) for name in "ab"]
    desk.apply(file(*rows))
    path = file(*(replace(row, capacity=5) for row in rows))
    report = desk.plan(path) if is_planned else desk.apply(path)
    told = [(row["outcome"], row["message"], bool(row["fix"])) for row in batch_rows.read(desk.db, report.batch_id)]
    words = "The capacity 5 is not applied by an unchanged row: the slot has 2 places."
    assert told == [("unchanged", words, True)] * 2
    assert (report.refused, desk.places()) == (0, [(1, 2, 2)])


def test_a_capacity_that_the_slot_has_is_not_worth_a_word(desk, request_of, file):
    path = file(request_of(capacity=2))
    desk.apply(path)
    row = next(batch_rows.read(desk.db, desk.apply(path).batch_id))
    assert (row["outcome"], row["message"], row["fix"]) == ("unchanged", "", "")


def test_an_unknown_fingerprint_is_a_clear_error(desk, eight, file):
    with pytest.raises(NotFound, match="^fingerprint: "):
        desk.apply(file(*eight), "0123456789abcdef")
    with pytest.raises(NotFound, match="^batch_id: "):
        batches.report(desk.db, 99)


def test_a_plans_fingerprint_says_whether_the_plan_is_the_same(desk, eight, file):
    path = file(*eight)
    first, second = desk.plan(path).fingerprint, desk.plan(path).fingerprint
    desk.book(eight[0])
    assert first == second != desk.plan(path).fingerprint
    assert batches.planned(desk.db, first, path, desk.settings).rows == 8


def test_rows_with_faults_are_refused_with_line_and_column_and_the_others_go_on(desk, eight, tmp_path, file):
    path = file(*eight)
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace("c1@example.com", "not an address")
    path.write_text("\n".join(lines))
    report = desk.apply(path)
    bad = list(batch_rows.read(desk.db, report.batch_id, only=["refused"]))
    assert [(row["line"], row["column"], row["code"]) for row in bad] == [(3, "candidate_email", "email_invalid")]
    assert (report.outcomes["created"], desk.count("candidate"), desk.count("notification")) == (7, 7, 7)


def test_a_file_that_is_no_candidates_file_books_nothing(desk, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("name,colour\nAsha,red\n")
    with pytest.raises(FileRefused):
        desk.apply(path)
    assert desk.count("batch") == desk.count("interview") == 0


@pytest.fixture
def refusing(monkeypatch):
    """The database refuses to insert a candidate with the address c3@example.com, as long as the list is not empty."""
    refused, insert = ["c3@example.com"], bulk.insert

    def checked_insert(db, table, columns, rows):
        if table == "candidate" and any(row[1] in refused for row in rows):
            raise peewee.IntegrityError("refused c3@example.com")
        insert(db, table, columns, rows)

    monkeypatch.setattr(bulk, "insert", checked_insert)
    return refused


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_a_row_that_the_database_refuses_fails_alone(desk, eight, file, refusing, chunk_rows):
    report = desk.apply(file(*eight), chunk_rows=chunk_rows)
    assert [outcome for outcome, _ in desk.outcomes(report.batch_id)] == ["created"] * 3 + ["failed"] + ["created"] * 4
    row = next(batch_rows.read(desk.db, report.batch_id, only=["failed"]))
    assert (row["code"], row["message"]) == ("database_refused", "The database refused this row (IntegrityError).")
    assert (report.failed, desk.count("interview"), desk.count("seat")) == (1, 7, 7)


def test_a_failed_row_of_a_plan_is_tried_again_when_it_is_applied_again(desk, eight, file, refusing):
    path = file(*eight)
    plan = desk.plan(path)
    assert desk.apply(path, plan.fingerprint).failed == 1
    refusing.clear()
    report = desk.apply(path, plan.fingerprint)
    assert (report.skipped, report.failed, report.outcomes["created"]) == (7, 0, 8)


def test_a_capacity_further_down_the_file_does_not_reach_back_after_a_failure(desk, request_of, eight, file, refusing):
    slot = eight[0]
    rows = [
        replace(slot, email=f"{name}@example.com", address=f"{name}@example.com", capacity=capacity)
        for name, capacity in (("a", None), ("b", None), ("c", 2))
    ]
    report = desk.apply(file(*rows, eight[3]))
    assert desk.outcomes(report.batch_id) == [
        ("created", ""), ("refused", "slot_full"), ("created", ""), ("failed", "database_refused"),
    ]  # fmt: skip


@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_a_capacity_named_by_a_later_row_adds_seats_from_there_on(desk, request_of, file, caplog, chunk_rows):
    rows = [request_of(email=f"{n}@example.com", capacity=c) for n, c in enumerate((None, None, 3, None, 3))]
    report = desk.apply(file(*rows), chunk_rows=chunk_rows)
    assert [outcome for outcome, _ in desk.outcomes(report.batch_id)] == [
        "created", "refused", "created", "created", "refused",
    ]  # fmt: skip
    assert desk.rows("SELECT number FROM seat ORDER BY number") == [(1,), (2,), (3,)]
    assert "a chunk was refused" not in caplog.text


def test_a_duplicate_by_real_constraint_is_a_row_that_fails_too(desk, eight, file, monkeypatch):
    # Two sessions with one public part: the engine itself refuses the second.
    monkeypatch.setattr("store.writer.new_publics", lambda count: ["a" * 16] * count)
    report = desk.apply(file(*eight[:3]))
    assert [outcome for outcome, _ in desk.outcomes(report.batch_id)] == ["created", "failed", "failed"]
    assert desk.count("interview") == desk.count("notification") == 1


def test_a_booking_names_its_batch_in_mail_schedule_and_events(desk, eight, file):
    batch_id = desk.apply(file(eight[0])).batch_id
    for table in ("notification", "interview_schedule", "event"):
        assert set(desk.rows(f"SELECT batch_id FROM {table}")) == {(batch_id,)}
    assert desk.event_kinds() == ["booked", "batch_done"]


def test_a_batch_logs_two_lines_per_booking_and_one_per_chunk(desk, eight, file, caplog):
    caplog.set_level("INFO", logger="store")
    past = replace(eight[0], starts_at=desk.now - DAY, ends_at=desk.now, email="p@example.com")
    desk.apply(file(*eight[:2], past), chunk_rows=2)
    assert [line.split(" (")[0].split(": interview")[0] for line in caplog.messages[:5]] == [
        "DEBUG: book_slot called for slot 1", "DEBUG: Request data", "DEBUG: book_slot called for slot 2",
        "DEBUG: Request data", "DEBUG: batch 1 lines 2-3: 2 created",
    ]  # fmt: skip
    assert caplog.messages[5] == "DEBUG: batch 1 line 4 refused: slot_past The slot has begun or is over."
    assert caplog.messages[6:] == ["DEBUG: batch 1 lines 4-4: 1 refused"]


def test_without_trace_a_batch_logs_one_line_per_chunk(desk, eight, file, caplog):
    caplog.set_level("INFO", logger="store")
    desk.apply(file(*eight), chunk_rows=4, trace=False)
    assert caplog.messages == ["DEBUG: batch 1 lines 2-5: 4 created", "DEBUG: batch 1 lines 6-9: 4 created"]


def test_progress_is_told_after_each_chunk(desk, eight, file):
    told = []
    desk.apply(file(*eight), chunk_rows=3, progress=told.append)
    assert told == [3, 3, 2]


def test_a_file_changed_while_it_is_read_is_told(desk, eight, file):
    path = file(*eight)

    def grow(rows):
        with open(path, "a") as more:
            more.write("Late,late@example.com,Nurse,Acme,2026-11-30,09:00,60,UTC,,1\n")

    with pytest.raises(FileRefused, match="changed while it was read"):
        desk.apply(path, chunk_rows=8, progress=grow)
