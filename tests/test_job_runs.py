"""Rows of runs: what is told of one that goes on, ended or died, and that nothing secret is in them."""

import threading
import time
from dataclasses import replace

import peewee
import pytest

from store import database, job_runs, outcomes
from store.database import execute
from store.errors import StoreError
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


def test_what_is_recorded_at_this_moment_is_waited_for_before_it_is_recorded_again(db, record_url):
    run_id = job_runs.begin(db, start())
    assert job_runs.settled(db, run_id) == ""
    goes_on = threading.Event()

    def record():
        other = database.connect(record_url)
        with database.changing(other):
            job_runs.finish(other, run_id, JobEnd("done", 0))
            goes_on.set()
            time.sleep(0.5)
        other.close()

    thread = threading.Thread(target=record)
    thread.start()
    assert goes_on.wait(10)
    with database.changing(db):
        assert job_runs.settled(db, run_id) == "done"
    thread.join()
    assert job_runs.settled(db, 0) == ""


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


def test_one_run_is_read_by_its_id_as_the_list_has_it(db):
    run_id = job_runs.begin(db, start("one"))
    job_runs.begin(db, start("two"))
    job_runs.finish(db, run_id, JobEnd("done", 0, counts={"rows": 3}))
    assert job_runs.of_id(db, run_id) == job_runs.read(db, outcomes=["done"])[0]
    assert job_runs.of_id(db, run_id + 9) is None


def test_a_limit_means_the_same_on_both_engines(db):
    job_runs.begin(db, start())
    assert (len(job_runs.read(db, limit=10**30)), job_runs.read(db, limit=0)) == (1, [])
    with pytest.raises(StoreError, match="-1 is no number of runs") as refused:
        job_runs.read(db, limit=-1)
    assert refused.value.fix == "give 0 or a number above it."


def test_an_outcome_that_there_is_not_is_refused_with_those_that_there_are(db):
    with pytest.raises(StoreError, match="There is no outcome 'fialed'") as refused:
        job_runs.read(db, outcomes=["done", "fialed"])
    assert "failed" in refused.value.fix
    assert job_runs.read(db, outcomes=outcomes.OUTCOMES) == []


def test_names_of_this_machine_that_are_no_text_are_shown_as_escapes(db):
    job_runs.begin(db, replace(start(), user_name="caf\udce9", host="a\x1b[31mb"))
    assert [(row.user_name, row.host) for row in job_runs.read(db)] == [("caf\\udce9", "a\\x1b[31mb")]


def test_the_end_of_a_run_whose_row_is_gone_is_told_by_the_log(db, caplog):
    run_id = job_runs.begin(db, start())
    execute(db, "DELETE FROM job_run")
    job_runs.finish(db, run_id, JobEnd("failed", 1))
    assert caplog.messages == [f"DEBUG: the row of run {run_id} is gone: that it ended as failed is not recorded"]


def test_a_message_of_a_megabyte_is_kept_without_its_secret_and_cut(db):
    run_id = job_runs.begin(db, start())
    job_runs.finish(db, run_id, JobEnd("failed", 1, "k1" + "a" * 48 + " broke\0 " + "x y\n" * 250_000))
    message = job_runs.of_id(db, run_id).message
    assert (len(message), message[:14]) == (job_runs.MESSAGE_CHARS, "*** broke\\x00 ")


def test_runs_that_died_are_told_until_the_same_job_is_done(db):
    for name, days in (("one", 1), ("two", 2)):
        died(db, job_runs.begin(db, start(name, days=days)))
    execute(db, "UPDATE job_run SET started_at = started_at - 60")
    job_runs.finish(db, job_runs.begin(db, start("three", days=1)), JobEnd("done", 0))
    job_runs.finish(db, job_runs.begin(db, start("four", "other", days=2)), JobEnd("done", 0))
    assert [row.name for row in job_runs.died(db, 0.0)] == ["two"]


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


def test_a_run_that_was_recorded_by_a_clock_that_was_ahead_died_and_was_not_begun_for_its_schedule(db):
    run_id = job_runs.begin(db, replace(start("run0"), scheduled_as="nightly"))
    execute(db, "UPDATE job_run SET started_at = started_at + 9999, heartbeat_at = heartbeat_at + 9999")
    assert job_runs.of_schedule(db, "nightly") is None
    assert [row.id for row in job_runs.died(db, 0.0)] == [run_id]
    assert job_runs.of_id(db, run_id).outcome == "died"
