"""What many runs tell together, on both engines: counts by the quarter of an hour, lengths, and what was put right."""

import job_past
import pytest

from store import job_history, job_runs
from store.database import execute
from store.errors import StoreError
from store.job_runs import JobEnd, JobStart

QUARTER = 1_700_000_000.0 // 900 * 900


@pytest.fixture
def ran(db):
    """Records a run that began so many seconds after QUARTER; gives its name."""

    def ran(began, outcome="done", notebook="review", seconds=3.0, key="key", memory=None):
        name = f"run{began}"
        run_id = job_runs.begin(db, JobStart(name, notebook, key, {}, "cron", "ops", "here", 1, "v1"))
        if outcome != "died":
            job_runs.finish(db, run_id, JobEnd(outcome, 0 if outcome == "done" else 1, peak_memory=memory))
        begun, ended = QUARTER + began, None if outcome == "died" else QUARTER + began + seconds
        execute(db, "UPDATE job_run SET started_at = ?, heartbeat_at = ?, ended_at = ? WHERE id = ?",
                (begun, begun + seconds, ended, run_id))  # fmt: skip
        return name

    return ran


def test_runs_are_counted_by_quarter_notebook_and_outcome(db, ran):
    for began, outcome, notebook in ((0, "done", "review"), (899, "done", "review"), (900, "failed", "review"),
                                     (901, "died", "other"), (-1, "done", "review")):  # fmt: skip
        ran(began, outcome, notebook)
    found = [(tally.at - QUARTER, tally.notebook, tally.outcome, tally.runs)
             for tally in job_history.tallies(db, QUARTER)]  # fmt: skip
    assert found == [(0, "review", "done", 2), (900, "other", "died", 1), (900, "review", "failed", 1)]


def test_counts_can_be_of_one_notebook_and_leave_a_run_out(db, ran):
    ran(1, notebook="other")
    name = ran(2)
    ran(3)
    assert [tally.runs for tally in job_history.tallies(db, QUARTER, "review")] == [2]
    assert [tally.runs for tally in job_history.tallies(db, QUARTER, "review", name)] == [1]


def test_the_newest_lengths_are_given_the_oldest_of_them_first_and_none_of_a_run_that_goes_on(db, ran):
    ran(1, seconds=5.0)
    ran(2, "failed", seconds=7.0, memory=100)
    ran(3, "died", seconds=9.0)
    job_runs.begin(db, JobStart("now", "review", "key", {}, "cron", "ops", "here", 1, "v1"))
    found = job_history.samples(db, QUARTER, "review", 2)
    assert [(sample.seconds, sample.outcome, sample.peak_memory) for sample in found] == [
        (7.0, "failed", 100), (9.0, "died", None)
    ]  # fmt: skip


def test_of_runs_that_began_at_once_the_last_recorded_is_the_newest(db, ran):
    for number in range(3):
        ran(number, seconds=float(number))
    for number in (3, 2, 1):
        # So that they lie in another order than they were recorded in.
        sql = "UPDATE job_run SET started_at = ?, ended_at = ended_at - started_at + ? WHERE id = ?"
        execute(db, sql, (QUARTER, QUARTER, number))
    assert [sample.seconds for sample in job_history.samples(db, QUARTER, "review", 2)] == [1.0, 2.0]


def test_a_negative_limit_is_refused(db):
    with pytest.raises(StoreError, match="-1 is no number of runs"):
        job_history.samples(db, QUARTER, "review", -1)


def test_a_run_is_put_right_when_the_same_job_is_done_later(db, ran):
    names = [ran(10, "failed"), ran(20, "failed", key="another"), ran(30, "failed"), ran(60, "failed")]
    ran(5)
    ran(40, seconds=2.0)
    ran(50)
    assert job_history.put_right(db, names) == {"run10": QUARTER + 42, "run30": QUARTER + 42}
    assert job_history.put_right(db, []) == {}


def test_a_long_past_is_counted_whole(db):
    count = job_past.write(db, days=20, a_day=40)
    found = job_history.tallies(db, 0.0)
    assert sum(tally.runs for tally in found) == count == 800
    assert len(found) > 100
