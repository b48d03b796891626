"""Since when jobs of a schedule are known, on both engines: what counts anew, what is kept, and looks at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from store import database, scheduled_jobs
from store.database import fetch

FILE = "deploy/schedule.toml"
NIGHTLY, MOVED = {"nightly": "30 7 * * * UTC"}, {"nightly": "0 7 * * * UTC"}


def seen(db, timings, now, schedule=FILE):
    return scheduled_jobs.first_seen(db, schedule, timings, now)


def test_a_job_is_known_since_its_first_sight(db):
    assert seen(db, NIGHTLY, 100.5) == {"nightly": 100.5}
    assert seen(db, NIGHTLY | {"weekly": "0 1 * * 0 UTC"}, 200.0) == {"nightly": 100.5, "weekly": 200.0}
    assert seen(db, {}, 300.0) == {}


def test_a_job_that_is_changed_and_changed_back_is_a_new_one_each_time(db):
    assert [seen(db, timing, at)["nightly"] for timing, at in ((NIGHTLY, 1.0), (MOVED, 2.0), (NIGHTLY, 3.0))] == [
        1,
        2,
        3,
    ]
    assert seen(db, NIGHTLY, 4.0) == {"nightly": 3.0}


def test_a_first_sight_by_a_clock_that_was_ahead_does_not_count(db):
    seen(db, NIGHTLY, 1_000_000.0)
    assert seen(db, NIGHTLY, 100.0) == {"nightly": 100.0}
    assert seen(db, NIGHTLY, 200.0) == {"nightly": 100.0}
    # Clocks of two machines differ a little.
    assert seen(db, NIGHTLY, 80.0) == {"nightly": 100.0}


def test_a_job_that_was_taken_out_is_a_new_one_when_it_comes_back(db):
    seen(db, NIGHTLY | {"weekly": "0 1 * * 0 UTC"}, 1.0)
    scheduled_jobs.keep_only(db, FILE, ["weekly", "unread"])
    assert seen(db, NIGHTLY | {"weekly": "0 1 * * 0 UTC"}, 2.0) == {"nightly": 2.0, "weekly": 1.0}


def test_another_schedule_of_the_same_record_is_left_alone(db):
    seen(db, NIGHTLY, 1.0)
    assert seen(db, MOVED, 2.0, "/srv/other.toml") == {"nightly": 2.0}
    scheduled_jobs.keep_only(db, "/srv/other.toml", ["weekly"])
    assert seen(db, NIGHTLY, 3.0) == {"nightly": 1.0}
    assert seen(db, NIGHTLY, 4.0, "/srv/third.toml") == {"nightly": 4.0}


def test_looks_at_once_agree_on_the_first_sight(db, record_url):
    names = [f"job{number}" for number in range(20)]
    barrier = Barrier(4)

    def look(number):
        own = database.connect(record_url)
        # Each in another order, as machines with other files would.
        jobs = dict.fromkeys(names if number % 2 else names[::-1], "30 7 * * * UTC")
        barrier.wait()
        found = [scheduled_jobs.first_seen(own, FILE, jobs, float(number))]
        scheduled_jobs.keep_only(own, FILE, names)
        own.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        found = [one for told in pool.map(look, range(4)) for one in told]
    assert all(one == found[0] for one in found)
    assert len(set(found[0].values())) == 1


def test_machines_with_different_schedules_do_not_stop_each_other(db, record_url):
    barrier = Barrier(4)

    def look(number):
        own, answers = database.connect(record_url), []
        barrier.wait()
        for at in range(25):
            answers.append(scheduled_jobs.first_seen(own, FILE, MOVED if number % 2 else NIGHTLY, float(at)))
            scheduled_jobs.keep_only(own, FILE, ["other"] if at % 5 == number else ["nightly"])
        own.close()
        return answers

    with ThreadPoolExecutor(4) as pool:
        answers = [one for told in pool.map(look, range(4)) for one in told]
    assert len(answers) == 100
    assert len(fetch(db, "SELECT 1 FROM scheduled_job")) <= 1
