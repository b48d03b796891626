"""Alerts over a real SMTP conversation: by the same worker as candidates' mails, with the same promise."""

import os
import signal
import subprocess
import sys
import time
from email import message_from_bytes, policy

import pytest
from facts_of_mails import FAILED_JOB
from killed_workers import delivery_environment
from smtp_server import DROP, FROM, SILENCE, SmtpServer, account

from store import alerts, database, outbox, times

pytest_plugins = ("post_office",)
OPS = "ops@example.com"


@pytest.fixture
def tell(post):
    """Queues the alert about a failed job; gives how its mail stands."""
    desk = post.desk
    told = desk.settings.model_copy(update={"ops_email": OPS})

    def tell(alert=FAILED_JOB):
        alerts.queue(desk.db, told, alert, now=desk.epoch)
        return alerts.mail_of(desk.db, alert.key)

    return tell


def mail_of(post):
    return alerts.mail_of(post.desk.db, FAILED_JOB.key)


def test_an_alert_goes_with_the_candidates_mails_and_is_counted_apart(post, tell, lines):
    post.book(3)
    tell()
    progress = []
    with SmtpServer() as server:
        report = post.deliver_as(account(server), progress=progress.append)
    assert sorted(server.recipients()) == ["c0@cand.example", "c1@cand.example", "c2@cand.example", OPS]
    assert (report.sent, dict(report.alerts), report.is_clean, sum(progress)) == (3, {"sent": 1}, True, 3)
    assert report.sentence() == "3 sent, 0 failed, 0 unknown, 0 waiting. Alerts to ops: 1 sent."
    assert len(lines("[SUCCESS] Interview notification")) == 3
    assert lines("[SUCCESS] Alert") == [f"[SUCCESS] Alert email sent successfully! (alert {mail_of(post).id})"]


def test_the_delivered_mail_begins_with_the_fix_and_goes_to_ops_alone(post, tell):
    tell()
    with SmtpServer() as server:
        post.deliver(server)
    ((sender, recipient, content),) = server.delivered
    mail = message_from_bytes(content, policy=policy.default)
    assert (sender, recipient, mail["To"]) == (FROM, OPS, OPS)
    assert mail["Subject"] == "[Interview Ops] booking_batch failed: 3 rows failed"
    assert mail.get_body(("plain",)).get_content().splitlines()[0] == "To fix: see the table of rows."


def test_one_alert_can_be_sent_alone_and_without_a_key_ring(post, tell):
    post.book(2)
    mail = tell()
    with SmtpServer() as server:
        report = post.deliver_as(account(server), mail_id=mail.id, ring=None)
    assert (server.recipients(), dict(report.alerts), report.waiting) == ([OPS], {"sent": 1}, 0)
    assert post.states() == ["queued", "queued", "sent"]


def test_one_interviews_delivery_leaves_alerts_alone(post, tell):
    (booked,) = post.book(1)
    tell()
    with SmtpServer() as server:
        report = post.deliver(server, interview_id=booked.interview_id)
    assert (server.recipients(), report.is_clean, mail_of(post).state) == (["c0@cand.example"], True, "queued")


def test_a_refused_alert_fails_with_a_fix_for_ops(post, tell, lines):
    tell()
    with SmtpServer({"RCPT": "550 5.1.1 no such user"}) as server:
        report = post.deliver(server)
    assert (report.sent, report.alerts["failed"], report.is_clean, report.troubles) == (0, 1, False, {})
    assert report.sentence() == "0 sent, 0 failed, 0 unknown, 0 waiting. Alerts to ops: 1 failed."
    assert "OPS_EMAIL" in mail_of(post).fix
    assert lines("[EMAIL FAILED]")[0].startswith(f"[EMAIL FAILED] alert {mail_of(post).id}: ")
    assert outbox.resend(post.desk.db, mail_of(post).id, now=post.desk.epoch)


def test_a_paused_account_holds_alerts_back_too_and_says_so(post, tell, lines):
    tell()
    with SmtpServer({"MAIL": "535 5.7.8 authentication failed"}) as server:
        post.deliver(server)
        report = post.deliver(server)
    assert (report.pause is not None, report.waiting, report.alerts["waiting"]) == (True, 0, 1)
    assert not report.is_clean
    assert mail_of(post).state == "queued"
    assert lines("[EMAIL NOT SENT] alerts to ops (1): the account is paused")


def test_an_alert_whose_reply_was_lost_is_unknown_and_its_copy_the_same_to_the_byte(post, tell):
    tell()
    with SmtpServer({".": lambda _, count: DROP if count == 1 else None}) as server:
        report = post.deliver(server, hold=100)
        assert (report.alerts["unknown"], mail_of(post).state, report.states["unknown"]) == (1, "unknown", 0)
        post.later(101)
        assert post.deliver(server).alerts["sent"] == 1
        taken = [mail.content for mail in server.playing.delivered]
    assert mail_of(post).state == "sent"
    assert len(set(taken)) == 1


def test_an_alert_of_damaged_facts_fails_and_stops_no_other_mail(post, tell):
    tell()
    post.book(1)
    sql = "UPDATE notification SET facts = '{\"headline\":1}' WHERE alert_key IS NOT NULL"
    database.execute(post.desk.db, sql)
    with SmtpServer() as server:
        report = post.deliver(server)
    assert (server.recipients(), report.alerts["failed"], report.sent) == (["c0@cand.example"], 1, 1)


def test_a_killed_programs_alert_is_sent_again_by_the_next(post, tell):
    post.desk.now = times.now()
    tell()
    with SmtpServer({".": lambda _, count: SILENCE if count == 1 else None}) as server:
        first = _program(post, server)
        until = time.monotonic() + 60
        while mail_of(post).state != "handed_over" and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert mail_of(post).state == "handed_over"
        second = _program(post, server)
        while mail_of(post).state != "sent" and time.monotonic() < until:
            time.sleep(0.05)
        second.terminate()
        second.wait()
    assert mail_of(post).state == "sent"
    assert set(server.recipients()) == {OPS}


def _program(post, server):
    environment = delivery_environment(post.desk.settings, server.port, lease=4.0, hold=0.2)
    command = [sys.executable, "-m", "mailer", "deliver", "--follow", "--quiet"]
    return subprocess.Popen(command, env=environment, cwd=post.folder, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)  # fmt: skip
