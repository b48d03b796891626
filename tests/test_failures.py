"""The same failure of the same job is mailed at most once an hour, on both engines; another one at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from notebooks.runner.alerts import OpsAlert
from store import alerts, failures, job_remains, job_runs
from store.database import changing, execute, fetch
from store.job_runs import JobEnd, JobStart

BEGUN = 1_795_500_000.0
MINUTE = 60.0


@pytest.fixture
def told(settings):
    """The settings of an installation whose ops are told."""
    return settings.model_copy(update={"ops_email": "ops@example.com"})


@pytest.fixture
def ran(db, told):
    """Records a run that ended so many minutes after BEGUN, told as the runner tells it; gives whether it is mailed."""

    def ran(minute, outcome="failed", message="It broke. To fix: mend it.", parameters=None, by="cron", job="job"):
        key = job_runs.job_key("small", parameters or {})
        ended = BEGUN + minute * MINUTE
        name = f"run{fetch(db, 'SELECT count(*) FROM job_run')[0][0]}"
        run_id = job_runs.begin(db, JobStart(name, "small", key, {}, by, "ops", "here", 1, "v1", {}, job))
        with changing(db):
            if outcome != "died":
                job_runs.finish(db, run_id, JobEnd(outcome, 0 if outcome == "done" else 1, message))
            sql = "UPDATE job_run SET started_at = ?, heartbeat_at = ?, ended_at = ended_at - ended_at + ? WHERE id = ?"
            execute(db, sql, (ended - 5, ended, ended, run_id))
            alert = alerts.of_run(job_runs.of_id(db, run_id))
            return bool(alert) and alerts.queue(db, told, alert)

    return ran


def facts(db):
    """Each mail's facts, in the order of queueing."""
    return [json.loads(text)["facts"] for (text,) in fetch(db, "SELECT facts FROM notification ORDER BY id")]


def test_a_job_that_fails_each_minute_is_mailed_each_hour_with_how_many_failed_so(db, ran):
    mailed = [minute for minute in range(130) if ran(minute)]
    assert mailed == [0, 60, 120]
    assert [one.get("Failed so before") for one in facts(db)] == [
        None, "59 more runs since 2026-11-24T06:00:00Z, not mailed", "59 more runs since 2026-11-24T07:00:00Z, not mailed",
    ]  # fmt: skip


def test_the_runner_tells_a_failure_with_its_end_and_tries_to_send_the_same_no_second_time(db, told, capsys):
    for name in ("one", "two"):
        run_id = job_runs.begin(db, JobStart(name, "small", "key", {}, "cron", "ops", "here", 1, "v1"))
        alert = OpsAlert(db, told)
        with changing(db):
            job_runs.finish(db, run_id, JobEnd("failed", 1, f"Run {run_id} broke."))
            alert.queue(run_id)
    assert fetch(db, "SELECT alert_key FROM notification") == [("run:one",)]
    alert.send()
    assert capsys.readouterr() == ("", "")


def test_a_job_that_fails_each_day_is_mailed_each_day_and_an_hourly_one_each_hour(db, ran):
    assert [ran(24 * 60 * day) for day in range(3)] == [True] * 3
    assert [ran(minute) for minute in (5000, 5059.8, 5119.7)] == [True] * 3
    assert not any("Failed so before" in one for one in facts(db))


def test_one_that_was_not_mailed_is_told_the_next_day(db, ran):
    assert [ran(minute) for minute in (0, 50, 24 * 60)] == [True, False, True]
    assert facts(db)[-1]["Failed so before"] == "1 more run since 2026-11-24T06:00:00Z, not mailed"


@pytest.mark.parametrize(
    "other",
    [
        {"message": "It burst. To fix: mend it."},
        {"outcome": "out_of_time"},
        {"parameters": {"days": 3}},
        {"job": "another"},
    ],
)
def test_another_failure_or_job_is_mailed_at_once_and_the_first_stays_known(ran, other):
    assert ran(0)
    assert ran(1, **other)
    assert [ran(2), ran(3, **other)] == [False, False]


def test_a_failure_after_a_good_run_is_mailed_at_once_and_counts_anew(db, ran):
    assert [ran(minute, outcome) for minute, outcome in enumerate(("failed", "failed", "done", "failed", "failed"))] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert "Failed so before" not in facts(db)[-1]


def test_a_good_run_with_other_parameters_puts_nothing_right(ran):
    assert ran(0)
    ran(1, "done", parameters={"days": 3})
    assert not ran(2)


def test_numbers_times_and_codes_make_no_other_failure(ran):
    said = "{} mails are not sent. {}: failed, 550 no such user at {}. To fix: look."
    assert ran(0, message=said.format(2, "IV-1, IV-2", "2026-11-24T06:00:00Z"))
    assert not ran(1, message=said.format(30, "IV-7, IV-8, IV-9 and 5 more", "2026-11-24T06:01:02Z"))
    assert ran(2, message=said.format(2, "IV-1", "noon").replace("no such user", "mailbox full"))
    assert not ran(3, message=said.format(2, "IV-1", "5"))


@pytest.mark.parametrize(
    ("what", "level"),
    [
        ("3 rows failed", "# rows failed"),
        ("IV-1, IV-22 and 3 more: a***@x.org. At 12:30.", "#: #. At #."),
        ("KeyError: 'name'", "KeyError: 'name'"),
        ("", ""),
    ],
)
def test_what_differs_from_run_to_run_is_levelled(what, level):
    assert failures.levelled(what) == level


def test_a_sentence_as_long_as_a_page_is_levelled_in_a_moment():
    assert failures.levelled("x" * 1_000_000 + " 1" * 100_000).endswith("x #")


def test_whoever_sits_at_a_terminal_is_told_each_time(ran):
    assert [ran(minute, by="terminal") for minute in range(3)] == [True] * 3


def test_runs_that_died_are_mailed_once_an_hour_too_whoever_asks_how_often(db, told, ran):
    for minute in range(90):
        ran(minute, "died", "")
    [(count,)] = fetch(db, "SELECT count(*) FROM notification")
    died = job_runs.died(db, BEGUN - 600, 1000)
    again = [alerts.queue(db, told, alerts.of_run(row)) for row in died]
    assert (count, len(died), any(again)) == (2, 90, False)


def test_what_is_found_of_a_dead_run_after_its_mail_makes_the_next_no_other_failure(db, ran):
    assert ran(0, "died", "")
    job_remains.tell(db, "run0", "The run was killed: no sign of life after noon. To fix: run it again.", {}, {})
    assert not ran(1, "died", "")


def test_the_newest_of_many_that_died_is_told_first_and_the_others_stay_silent(db, told, ran):
    for minute in range(90):
        ran(minute, "died", "")
    execute(db, "DELETE FROM notification")
    for _ in range(2):
        for row in job_runs.died(db, BEGUN - 600, 1000):
            alerts.queue(db, told, alerts.of_run(row))
    assert [one["Last sign of life"] for one in facts(db)] == ["2026-11-24T07:29:00Z", "2026-11-24T06:29:00Z"]


def test_eight_that_tell_of_eight_dead_runs_of_a_job_at_once_queue_one_mail(db, told, ran):
    for minute in range(8):
        ran(minute, "died", "")
    execute(db, "DELETE FROM notification")
    start = Barrier(8)

    def tell(row):
        fetch(db, "SELECT 1")
        start.wait(timeout=20)
        try:
            return alerts.queue(db, told, alerts.of_run(row))
        finally:
            db.close()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(tell, job_runs.died(db, BEGUN - 600))) == [False] * 7 + [True]


def test_a_clock_that_was_put_back_silences_nobody_for_longer_than_an_hour(ran):
    assert ran(600)
    assert ran(0)
    assert not ran(1)


def test_an_alert_about_a_run_that_is_gone_is_queued(db, told, ran):
    ran(0)
    alert = alerts.of_run(job_runs.read(db)[0])
    execute(db, "DELETE FROM notification")
    execute(db, "DELETE FROM job_run")
    assert alerts.queue(db, told, alert)


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_the_runs_and_mails_of_a_job_are_found_by_their_indexes(db, ran):
    assert ran(0)
    statements = []
    db.connection().set_trace_callback(statements.append)
    failures.before(db, 1)
    db.connection().set_trace_callback(None)
    plan = "\n".join(row[3] for row in fetch(db, f"EXPLAIN QUERY PLAN {statements[-1]}"))
    assert "notification_alert" in plan
    assert "job_run_notebook" in plan
