"""Alerts to ops: each failure queued once, what is told of a run, and no candidate's table ever shows one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import peewee
import pytest
from facts_of_mails import FAILED_JOB

from mailer import proof_cases
from store import accounts, alerts, database, history, job_runs, outbox, record_copies
from store.alerts import Alert
from store.database import changing, execute
from store.errors import NotFound
from store.job_runs import JobEnd, JobRunRow, JobStart

KEY = "k1" + "abcdefgh234567qz" * 3
ROW = JobRunRow(
    id=7, name="20261120T060000Z_ab12cd", notebook="booking_batch", parameters={"dry_run": False}, started_by="cron",
    user_name="ops", host="ops-1", pid=42, code_version="1.0", started_at=1795500000.0, heartbeat_at=1795500100.0,
    ended_at=1795500090.0, outcome="failed", exit_code=1,
    message="3 rows failed. To fix: see the table of rows.\n2 mails are not sent. To fix: see the log.",
    counts={"rows": 9}, artefacts={"notebook": "runs/booking_batch/x.ipynb", "log": "runs/booking_batch/x.log"},
    peak_memory=None, scheduled_as="", seconds=90.0,
)  # fmt: skip


@pytest.fixture
def told(settings):
    """The settings of an installation whose ops are told."""
    return settings.model_copy(update={"ops_email": "ops@example.com"})


@pytest.fixture
def queued(desk, told):
    """The id of a queued alert, beside a booked interview's mail."""
    assert alerts.queue(desk.db, told, FAILED_JOB, now=desk.epoch)
    return alerts.mail_of(desk.db, FAILED_JOB.key).id


def test_the_same_failure_is_queued_once_whatever_became_of_it(desk, told):
    assert [alerts.queue(desk.db, told, FAILED_JOB, now=desk.epoch) for _ in range(2)] == [True, False]
    desk.deliver()
    assert not alerts.queue(desk.db, told, replace(FAILED_JOB, headline="other words"), now=desk.epoch)
    assert desk.rows("SELECT kind, state, recipient FROM notification") == [("alert", "sent", "ops@example.com")]
    assert alerts.queue(desk.db, told, replace(FAILED_JOB, key="run:other"), now=desk.epoch)


def test_eight_that_tell_of_the_same_failure_at_once_queue_one_mail(desk, told):
    start = Barrier(8)

    def tell(_):
        desk.rows("SELECT 1")
        start.wait(timeout=20)
        try:
            with changing(desk.db):
                return alerts.queue(desk.db, told, FAILED_JOB)
        finally:
            desk.db.close()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(tell, range(8))) == [False] * 7 + [True]
    assert desk.count("notification") == 1


def test_an_alert_is_queued_with_what_it_tells_or_not_at_all(desk, told):
    with changing(desk.db), desk.db.atomic() as transaction:
        assert alerts.queue(desk.db, told, FAILED_JOB)
        transaction.rollback()
    assert alerts.mail_of(desk.db, FAILED_JOB.key) is None


def test_without_an_address_nothing_is_queued_and_nothing_said_while_others_wait(desk, settings, caplog):
    assert not alerts.queue(desk.db, settings, FAILED_JOB)
    assert desk.count("notification") == 0
    assert caplog.messages == []


def test_every_text_is_redacted_on_one_line_and_bounded():
    texts = f"see\r\nBcc: x {KEY} EMAIL_HOST_PASSWORD=hunter22 asha.rao@example.com \u202eand {'x ' * 900}"
    made = Alert.from_json(Alert("run:x", texts, f"To fix: {texts}", {"Message": texts, "\n": "1"}).to_json(), "run:x")
    for text in (made.headline, made.fix, made.facts["Message"]):
        assert text.startswith("see Bcc: x ***")
        assert text.isprintable()
        assert len(text) <= 600
        assert not any(secret in text for secret in (KEY, "hunter22", "asha.rao"))


@pytest.mark.parametrize(
    ("outcome", "headline"),
    [
        ("failed", "booking_batch failed: 3 rows failed"),
        ("wrong_settings", "booking_batch has wrong settings: 3 rows failed"),
        ("blocked", "booking_batch is kept back: 3 rows failed"),
        ("overtaken", "booking_batch was overtaken: 3 rows failed"),
        ("out_of_time", "booking_batch ran out of time: 3 rows failed"),
        ("kernel_died", "booking_batch lost its kernel: 3 rows failed"),
        ("died", "booking_batch died: 3 rows failed"),
        ("stopped", "booking_batch was stopped: 3 rows failed"),
    ],
)
def test_a_run_that_did_not_end_well_is_told_with_its_first_fix(outcome, headline):
    alert = alerts.of_run(replace(ROW, outcome=outcome))
    assert (alert.key, alert.headline) == ("run:20261120T060000Z_ab12cd", headline)
    assert alert.fix == "see the table of rows."
    assert alert.facts["Record"] == "runs/booking_batch/x.ipynb"
    assert (alert.facts["Host"], alert.facts["Exit code"]) == ("ops-1", "1")


@pytest.mark.parametrize(("outcome", "by"), [("done", "cron"), ("running", "cron"), ("stopped", "terminal")])
def test_a_run_that_is_well_or_was_stopped_by_a_person_is_not_told(outcome, by):
    assert alerts.of_run(replace(ROW, outcome=outcome, started_by=by)) is None


def test_a_run_without_words_says_where_to_look():
    assert "runs/booking_batch/x.ipynb" in alerts.of_run(replace(ROW, message="")).fix
    died = alerts.of_run(replace(ROW, message="", outcome="died", ended_at=None, exit_code=None, artefacts={}))
    assert died.fix == "look for it on its machine: python -m notebooks history."
    assert died.headline == "booking_batch died"
    assert "Exit code" not in died.facts
    assert died.facts["Last sign of life"] == "2026-11-24T06:01:40Z"


def test_a_run_that_was_kept_back_does_not_repeat_what_it_said_itself():
    message = (
        "Not published, for it holds a secret: x. To fix: take it out. The run itself: failed. AKIAABCDEFGHIJKLMNOP"
    )
    alert = alerts.of_run(replace(ROW, outcome="blocked", message=message))
    assert alert.fix == "take it out."
    assert "AKIA" not in alert.to_json()


def test_a_scheduled_job_is_named_as_the_schedule_does():
    assert alerts.of_run(replace(ROW, scheduled_as="morning")).headline.startswith("morning failed")


def test_the_run_that_just_ended_is_told_from_its_row(db):
    start = JobStart(ROW.name, "small", "key", {"number": 1}, "cron", "ops", "ops-1", 1, "1.0", {"log": "a.log"})
    run_id = job_runs.begin(db, start)
    assert alerts.of_ended(db, run_id) is None
    job_runs.finish(db, run_id, JobEnd("failed", 1, "It broke. To fix: mend it.", {"rows": 3}, {"log": "a.log"}))
    assert alerts.of_ended(db, run_id) == alerts.of_run(job_runs.read(db)[0])
    assert (alerts.of_ended(db, run_id).fix, alerts.of_ended(db, run_id).facts["Counts"]) == ("mend it.", "rows 3")
    job_runs.finish(db, run_id, JobEnd("done", 0))
    assert alerts.of_ended(db, run_id) is None


def test_an_alert_goes_the_outboxs_way_and_is_never_superseded(desk, booked, queued):
    claimed = outbox.claim(desk.db, owner="one", now=desk.epoch, lease=60, limit=9)
    mail = next(one for one in claimed if one.id == queued)
    assert (mail.interview_id, mail.public, mail.about, mail.is_alert) == (None, None, f"alert {queued}", True)
    assert Alert.from_json(mail.facts_json, FAILED_JOB.key) == FAILED_JOB
    desk.hand_over([queued])
    desk.settle([queued], "queued", arrived=False)
    desk.cancel(booked.interview_id)
    assert alerts.mail_of(desk.db, FAILED_JOB.key).state == "queued"
    desk.deliver("failed")
    assert outbox.resend(desk.db, queued, now=desk.epoch)
    assert desk.claim(limit=1) == [queued]


def test_a_lost_workers_alert_is_unknown_and_then_sent_again_or_held(desk, queued, caplog):
    desk.hand_over(desk.claim())
    desk.now = desk.now.replace(hour=8)
    assert desk.recover(hold=900) == {"requeued": 0, "unknown": 0, "superseded": 0, "unknown_alerts": 1}
    assert caplog.messages[0].startswith(f"[EMAIL UNKNOWN] alert {queued}: ")
    assert outbox.waiting_alerts(desk.db, resend=True) == 1
    assert outbox.waiting_alerts(desk.db, resend=False) == 0
    desk.now = desk.now.replace(hour=9)
    assert (desk.recover(resend=False)["requeued"], desk.recover()["requeued"], desk.claim("two")) == (0, 1, [queued])


def test_one_mail_can_be_claimed_alone(desk, booked, queued):
    scope = outbox.Scope(mail_id=queued)
    assert outbox.due(desk.db, now=desk.epoch, limit=9, scope=scope) == 1
    claimed = outbox.claim(desk.db, owner="one", now=desk.epoch, lease=60, limit=9, scope=scope)
    assert [mail.id for mail in claimed] == [queued]


def test_no_alert_is_counted_or_listed_among_candidates_mails(desk, booked, queued):
    mail = booked.notification_id
    accounts.pause(desk.db, "f", signature="auth", reason="refused", fix="correct it", now=desk.epoch)
    rows = history.mails(desk.db, [mail, queued], pause=accounts.paused(desk.db, "f"))
    assert [row.notification_id for row in rows] == [mail]
    assert outbox.waiting(desk.db, resend=True) == outbox.waiting_alerts(desk.db, resend=True) == 1
    assert outbox.first_waiting(desk.db, limit=9, untried=False) == (1, [booked.interview_id])
    assert [one.id for one in proof_cases.listed(desk.db, notification_ids=None, batch_id=None)] == [mail]
    with pytest.raises(NotFound):
        proof_cases.listed(desk.db, notification_ids=[queued], batch_id=None)


def test_a_rehearsal_plays_candidates_mails_only(desk, booked, queued, tmp_path):
    copy = record_copies.copy_into(tmp_path, desk.db, now=desk.now)
    try:
        assert record_copies.waiting_mails(copy.db) == [booked.notification_id]
    finally:
        copy.db.close()


@pytest.mark.parametrize(
    "change",
    ["interview_id = 1", "alert_key = NULL", "kind = 'invitation'", "kind = 'reminder'"],
)
def test_the_database_refuses_what_is_neither_an_alert_nor_a_candidates_mail(desk, booked, queued, change):
    with pytest.raises(peewee.IntegrityError):
        execute(desk.db, f"UPDATE notification SET {change} WHERE id = ?", (queued,))
    with pytest.raises(peewee.IntegrityError):
        execute(desk.db, "UPDATE notification SET interview_id = NULL WHERE id = ?", (booked.notification_id,))
    assert database.fetch(desk.db, "SELECT count(*) FROM notification") == [(2,)]
