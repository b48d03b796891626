"""The heartbeat of a run: when it has the run stopped, and in which order it writes."""

import threading
from types import SimpleNamespace

import pytest

from notebooks.runner import heart
from notebooks.runner.heart import Heart
from store import database, job_locks, job_runs
from store.database import execute
from store.errors import DatabaseUnusable
from store.job_runs import JobStart
from store.outcomes import FAILED

START = JobStart("20261129T050000Z_0001", "small", "key", {}, "cron", "ops", "host", 1, "v1")


class Watched:
    """Stands for the watch: what the heart told it."""

    def __init__(self):
        self.told, self.came = [], threading.Event()
        self.is_stuck = None

    def listen(self, is_stuck):
        self.is_stuck = is_stuck

    def stop(self, reason, detail):
        self.told.append((reason, detail))
        self.came.set()


@pytest.fixture
def beating(db):
    """Begins a heart that beats often, for a run that holds its lock; gives it as a block, and what it tells."""
    run_id, lock, watched = job_runs.begin(db, START), job_locks.take(db, "key", START.name), Watched()
    return lambda: (Heart(db, lock, run_id, watched, 0.05), watched, run_id)


def test_a_lock_that_cannot_be_renewed_stops_the_run_before_another_may_take_it(beating, monkeypatch):
    def away(*_):
        raise DatabaseUnusable("The record cannot be reached.", "see that it runs.")

    monkeypatch.setattr(job_runs, "beat", away)
    monkeypatch.setattr(heart, "STALE_SECONDS", heart._MARGIN_SECONDS + 60)
    one, watched, _ = beating()
    with one:
        assert not watched.came.wait(0.3)
        one._last -= 61
        assert watched.came.wait(20)
    assert watched.told[0][0] == FAILED
    assert "another run might have begun: The record cannot be reached." in watched.told[0][1]


def test_each_beat_looks_at_the_kernel_s_memory(beating):
    looked = threading.Event()
    one, watched, _ = beating()
    one.kernel = SimpleNamespace(look=looked.set)
    with one:
        assert looked.wait(20)
    assert watched.told == []


def test_a_beat_that_waits_for_ever_is_noticed_without_the_database(beating, monkeypatch):
    waits, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(job_runs, "beat", lambda *_: (waits.set(), goes_on.wait(20)))
    monkeypatch.setattr(heart, "STALE_SECONDS", heart._MARGIN_SECONDS + 60)
    one, watched, _ = beating()
    with one:
        assert waits.wait(20)
        assert not watched.is_stuck()
        one._last -= 61
        one._beat_began -= heart._BEAT_SECONDS
        assert watched.is_stuck()
        goes_on.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_heart_that_breaks_off_stops_the_run(beating, monkeypatch):
    def broken(*_):
        raise TypeError("no number")

    monkeypatch.setattr(job_runs, "beat", broken)
    one, watched, _ = beating()
    with one:
        assert watched.came.wait(20)
    assert watched.told == [(FAILED, "The heartbeat of this run broke off, so another run might have begun.")]


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_heartbeat_and_a_runs_end_never_wait_for_each_other(db, beating, caplog):
    one, watched, run_id = beating()
    with database.changing(db):
        execute(db, "UPDATE job_run SET message = 'ends' WHERE id = ?", (run_id,))
        one.__enter__()
        # By now it waits for the run's row.
        threading.Event().wait(0.5)
        execute(db, "SET LOCAL lock_timeout = '3s'")
        execute(db, "DELETE FROM job_lock WHERE job_key = 'key'")
    one.__exit__(None, None, None)
    assert [line for line in caplog.messages if "deadlock" in line or "two programs" in line] == []
    assert all("took the job over" in detail for _, detail in watched.told)
