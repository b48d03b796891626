"""Rows of runs: what is told of one that goes on, ended or died, and that nothing secret is in them."""

import peewee
import pytest

from store import job_runs
from store.database import execute
from store.job_runs import JobEnd, JobStart


def start(name="20261128T100000Z_1f3a", notebook="review", **parameters):
    return JobStart(name, notebook, job_runs.job_key(notebook, parameters), parameters, "cron", "ops", "here", 42, "v1")


def died(db, run_id):
    execute(db, "UPDATE job_run SET heartbeat_at = heartbeat_at - 31 WHERE id = ?", (run_id,))


def test_a_run_that_goes_on_is_told_so(db):
    job_runs.begin(db, start(days=3))
    [row] = job_runs.read(db)
    assert (row.outcome, row.exit_code, row.ended_at, row.parameters) == ("running", None, None, {"days": 3})
    assert (row.started_by, row.user_name, row.host, row.pid, row.code_version) == ("cron", "ops", "here", 42, "v1")
    assert 0 <= row.seconds < 5


def test_a_run_that_ended_tells_all_it_left(db):
    run_id = job_runs.begin(db, start())
    end = JobEnd("failed", 1, "Two rows are refused.", {"rows": 9}, {"html": "runs/review/x.html"}, 123_456_789)
    job_runs.finish(db, run_id, end)
    [row] = job_runs.read(db)
    assert JobEnd(row.outcome, row.exit_code, row.message, row.counts, row.artefacts, row.peak_memory) == end
    assert row.ended_at >= row.started_at


def test_signs_that_a_database_or_a_terminal_cannot_take_are_shown_as_escapes(db):
    run_id = job_runs.begin(db, start())
    job_runs.finish(db, run_id, JobEnd("failed", 1, "ValueError: a\0b\x1b[31m \ud800\nsecond line"))
    [row] = job_runs.read(db)
    assert row.message == "ValueError: a\\x00b\\x1b[31m \\ud800\nsecond line"


def test_a_run_without_a_sign_of_life_is_told_as_died(db):
    run_id = job_runs.begin(db, start())
    execute(db, "UPDATE job_run SET started_at = started_at - 100, heartbeat_at = heartbeat_at - 31")
    [row] = job_runs.read(db, outcomes=["died"])
    assert (row.outcome, row.exit_code, round(row.seconds)) == ("died", None, 69)
    job_runs.beat(db, run_id)
    assert job_runs.read(db, outcomes=["died"]) == []
    assert job_runs.read(db)[0].outcome == "running"


def test_a_run_that_was_held_for_dead_and_ends_has_ended(db):
    run_id = job_runs.begin(db, start())
    died(db, run_id)
    job_runs.finish(db, run_id, JobEnd("done", 0))
    assert job_runs.read(db)[0].outcome == "done"


def test_runs_are_told_newest_first_and_by_notebook_and_outcome(db):
    for number, notebook in enumerate(("review", "other", "review")):
        run_id = job_runs.begin(db, start(f"run{number}", notebook))
        execute(db, "UPDATE job_run SET started_at = started_at + ? WHERE id = ?", (number, run_id))
    job_runs.finish(db, run_id, JobEnd("done", 0))
    assert [row.name for row in job_runs.read(db)] == ["run2", "run1", "run0"]
    assert [row.name for row in job_runs.read(db, "review")] == ["run2", "run0"]
    assert [row.name for row in job_runs.read(db, "review", ["running", "died"])] == ["run0"]
    assert [row.name for row in job_runs.read(db, limit=1)] == ["run2"]


def test_addresses_and_keys_in_parameters_and_messages_are_masked(db):
    key = "k1" + "a" * 48
    run_id = job_runs.begin(db, start(recipient="asha@example.com", link=f"https://x/?session_key={key}"))
    job_runs.finish(db, run_id, JobEnd("failed", 1, f"No mail for asha@example.com with {key}."))
    [row] = job_runs.read(db)
    assert row.parameters == {"recipient": "a***@example.com", "link": "https://x/?session_key=***"}
    assert row.message == "No mail for a***@example.com with ***."


def test_the_same_job_has_one_key_in_whatever_order_it_is_given():
    key = job_runs.job_key("review", {"days": 3, "dry_run": True})
    assert job_runs.job_key("review", {"dry_run": True, "days": 3}) == key
    others = [("review", {"days": 3, "dry_run": False}), ("review", {"days": "3", "dry_run": True}),
              ("other", {"days": 3, "dry_run": True})]  # fmt: skip
    assert key not in [job_runs.job_key(*other) for other in others]


@pytest.mark.parametrize("end", [JobEnd("sleeping", 1), JobEnd("done", 1)])
def test_the_database_takes_no_end_that_cannot_be(db, end):
    run_id = job_runs.begin(db, start())
    with pytest.raises(peewee.IntegrityError):
        job_runs.finish(db, run_id, end)
