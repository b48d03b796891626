"""The lock of a job: one holder, however many come at once; given back, or taken over from one that died."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from store import job_locks
from store.database import execute, fetch
from store.job_locks import JobBusy

KEY = "a" * 64


def grow_old(db, seconds):
    """As if the holder had given no sign of life for so long."""
    execute(db, "UPDATE job_lock SET heartbeat_at = heartbeat_at - ?", (seconds,))


def test_a_second_run_of_a_job_is_told_which_run_is_in_its_way(db):
    job_locks.take(db, KEY, "first")
    with pytest.raises(JobBusy, match=r"runs already: first, for 0 s\.") as busy:
        job_locks.take(db, KEY, "second")
    assert "--wait" in busy.value.fix
    assert fetch(db, "SELECT run_name FROM job_lock") == [("first",)]


def test_another_job_is_not_in_the_way(db):
    job_locks.take(db, KEY, "first")
    job_locks.take(db, "b" * 64, "other")
    assert fetch(db, "SELECT count(*) FROM job_lock") == [(2,)]


def test_a_lock_given_back_is_free(db):
    job_locks.release(db, job_locks.take(db, KEY, "first"))
    job_locks.take(db, KEY, "second")
    assert fetch(db, "SELECT run_name FROM job_lock") == [("second",)]


def test_eight_at_once_and_exactly_one_has_it(db):
    for number in range(10):
        start = Barrier(8)

        def take(name, number=number, start=start):
            try:
                with db.connection_context():
                    start.wait()
                    return job_locks.take(db, f"{number}", str(name))
            except JobBusy:
                return None

        with ThreadPoolExecutor(8) as threads:
            taken = [lock for lock in threads.map(take, range(8)) if lock]
        assert [(lock.owner,) for lock in taken] == fetch(
            db, "SELECT owner FROM job_lock WHERE job_key = ?", (f"{number}",)
        )


def test_a_lock_whose_holder_died_is_taken_over_by_exactly_one(db):
    job_locks.take(db, KEY, "dead")
    grow_old(db, 31)
    start = Barrier(8)

    def take(name):
        try:
            with db.connection_context():
                start.wait()
                return job_locks.take(db, KEY, str(name))
        except JobBusy:
            return None

    with ThreadPoolExecutor(8) as threads:
        taken = [lock for lock in threads.map(take, range(8)) if lock]
    assert [(lock.owner,) for lock in taken] == fetch(db, "SELECT owner FROM job_lock")


def test_a_lock_of_a_run_whose_clock_was_ahead_is_taken_over(db):
    job_locks.take(db, KEY, "first")
    grow_old(db, -20)
    with pytest.raises(JobBusy):
        job_locks.take(db, KEY, "second")
    grow_old(db, -40 * 86_400)
    job_locks.take(db, KEY, "second")
    assert fetch(db, "SELECT run_name FROM job_lock") == [("second",)]


def test_a_holder_that_gave_a_sign_of_life_keeps_its_lock(db):
    lock = job_locks.take(db, KEY, "first")
    grow_old(db, 29)
    with pytest.raises(JobBusy):
        job_locks.take(db, KEY, "second")
    grow_old(db, 29)
    assert job_locks.beat(db, lock)
    with pytest.raises(JobBusy):
        job_locks.take(db, KEY, "second")


def test_a_holder_that_slept_too_long_learns_that_it_must_stop(db):
    slept = job_locks.take(db, KEY, "first")
    grow_old(db, 31)
    taker = job_locks.take(db, KEY, "second")
    assert not job_locks.beat(db, slept)
    job_locks.release(db, slept)
    assert fetch(db, "SELECT owner, run_name FROM job_lock") == [(taker.owner, "second")]


def test_the_databases_clock_counts_like_this_machines(db):
    import time

    [(there,)] = fetch(db, f"SELECT {job_locks.clock(db)}")
    assert abs(float(there) - time.time()) < 5
