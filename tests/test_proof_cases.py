"""Which mails a proof takes in, and what it says of those that were not sent."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.proof import FAILED, NOT_CHECKED, PROVEN
from mailer.proof_cases import Listed, sampled
from store import accounts, times
from store.database import execute
from store.errors import NotFound

pytest_plugins = ("proof_office",)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("state", "words", "fix"), [
    ("queued", "It is not sent yet.", "python -m mailer deliver"),
    ("claimed", "It is being sent, or the program that was", "run the job again after 09:21 UTC, or leave `make deliver`"),
    ("handed_over", "It is being sent, or the program that was", "run the job again after 09:21 UTC, or leave"),
    ("failed", "It was not sent: no reason is recorded", "python -m mailer resend"),
    ("unknown", "It may have arrived or not: no reason", "run the job again after 09:51 UTC, or leave `make deliver`"),
])  # fmt: skip
def test_a_mail_that_is_not_sent_fails_with_what_to_do(office, state, words, fix):
    booked = office.book()
    lease_until, due_at = (times.epoch(datetime(2026, 1, 9, 9, minute, 30, tzinfo=UTC)) for minute in (20, 50))
    execute(office.db, "UPDATE notification SET state = ?, lease_until = ?, due_at = ? WHERE id = ?",
            (state, lease_until, due_at, booked.notification_id))  # fmt: skip
    row = office.row(booked)
    assert (row.state, row.verdict, row.delivered, row.link) == (state, FAILED, "not sent", "not opened")
    assert row.problems[0].startswith(words)
    assert fix in row.fix


def test_a_failed_mail_carries_the_outboxs_reason_and_fix(office):
    booked = office.book()
    execute(office.db, "UPDATE notification SET state = 'failed', reply = ?, fix = ? WHERE id = ?",
            ("550 5.1.1 no such user bo@example.org", "correct candidate_email.", booked.notification_id))  # fmt: skip
    row = office.row(booked)
    assert row.problems == ("It was not sent: 550 5.1.1 no such user b***@example.org",)
    assert row.fix == "correct candidate_email."


def test_a_paused_account_is_the_reason_of_a_queued_mail(office):
    booked = office.book()
    accounts.pause(office.db, "f", signature="auth", reason="530 login needed", fix="correct EMAIL_HOST_PASSWORD.",
                   now=1.0)  # fmt: skip
    row = office.row(booked, account_fingerprint="f")
    assert row.problems == ("It is not sent yet, sending is paused: 530 login needed",)
    assert row.fix == "correct EMAIL_HOST_PASSWORD."


def test_a_superseded_mail_is_not_checked_and_not_proven(office):
    booked = office.book()
    office.move(booked, 3 * DAY)
    row = office.row(booked)
    assert (row.verdict, row.fix) == (NOT_CHECKED, "prove the newer mail.")


def test_a_batch_is_proven_by_its_newest_mail_of_each_interview(office):
    first, second, other = office.book(), office.book(), office.book()
    office.send()
    moved = office.move(first, 2 * DAY)
    for booked in (first, moved, second):
        execute(office.db, "UPDATE notification SET batch_id = 77 WHERE id = ?", (booked.notification_id,))
    office.send()
    report = office.prove(batch_id=77)
    assert [row.notification_id for row in report.rows] == sorted([moved.notification_id, second.notification_id])
    assert report.is_proven
    assert office.prove(other).is_proven
    execute(office.db, "UPDATE notification SET batch_id = NULL WHERE batch_id = 77")


def test_a_batch_whose_interviews_were_changed_since_is_proven_only_with_the_new_mails(office):
    booked = [office.book() for _ in range(3)]
    for one in booked:
        execute(office.db, "UPDATE notification SET batch_id = 78 WHERE id = ?", (one.notification_id,))
    office.send()
    office.move(booked[0], 2 * DAY)
    office.cancel(booked[1])
    rows = office.prove(batch_id=78).rows
    assert [(row.kind, row.verdict) for row in sorted(rows, key=lambda row: row.interview_id)] == [
        ("rescheduled", FAILED), ("cancelled", FAILED), ("invitation", PROVEN),
    ]  # fmt: skip
    office.send()
    assert office.prove(batch_id=78).is_proven
    execute(office.db, "UPDATE notification SET batch_id = NULL WHERE batch_id = 78")


def test_a_sent_mail_is_not_proven_while_a_newer_one_waits(office, sent):
    office.move(sent, 2 * DAY)
    row = office.row(sent)
    assert (row.state, row.delivered, row.verdict, row.is_newest) == ("sent", "1 copy", FAILED, False)
    assert row.problems == ("A newer mail of this interview (rescheduled) is not sent yet.",)
    assert row.fix == "run `python -m mailer deliver`, then prove again."


def test_what_holds_up_the_newer_mail_is_told(office, sent):
    moved = office.move(sent, 2 * DAY)
    execute(office.db, "UPDATE notification SET state = 'failed', reply = ?, fix = ? WHERE id = ?",
            ("550 no such user", "correct candidate_email.", moved.notification_id))  # fmt: skip
    row = office.row(sent)
    assert row.problems == ("A newer mail of this interview (rescheduled) was not sent: 550 no such user",)
    assert row.fix == "correct candidate_email."


def test_a_sample_takes_in_a_sent_mail_whose_newer_one_waits(office):
    booked = [office.book() for _ in range(6)]
    office.send()
    office.move(booked[4], 2 * DAY)
    report = office.prove(*booked, sample=2)
    assert booked[4].notification_id in [row.notification_id for row in report.rows if row.verdict == FAILED]


def test_the_whole_record_is_proven_without_ids(office, sent):
    execute(office.db, "UPDATE notification SET state = 'superseded' WHERE id < ?", (sent.notification_id,))
    assert [row.notification_id for row in office.prove().rows] == [sent.notification_id]


def test_nothing_to_prove_is_said_and_is_no_proof(office):
    report = office.prove(batch_id=10**9)
    assert (report.sentence, report.is_proven) == ("There is no mail to prove.", False)


def test_what_cannot_be_asked_for_is_refused(office, sent):
    with pytest.raises(NotFound, match="notification_ids"):
        office.prove(notification_ids=[sent.notification_id, 10**9])
    with pytest.raises(ValueError, match="not both"):
        office.prove(sent, batch_id=1)
    with pytest.raises(ValueError, match="at least 1 mail"):
        office.prove(sent, office.book(), sample=0)


def test_a_sample_says_that_it_is_one_and_takes_in_whatever_is_doubtful(office):
    booked = [office.book() for _ in range(6)]
    office.send()
    queued, lost = office.book(), office.book()
    execute(office.db, "UPDATE notification SET state = 'sent', hand_over = (SELECT hand_over FROM notification"
            " WHERE id = ?) WHERE id = ?", (booked[0].notification_id, lost.notification_id))  # fmt: skip
    report = office.prove(*booked, queued, lost, sample=4)
    assert {queued.notification_id, lost.notification_id} <= {row.notification_id for row in report.rows}
    assert (len(report.rows), report.counts) == (4, {PROVEN: 2, FAILED: 2})
    assert report.sentence.endswith("This is a sample: 4 more of this run were not looked at.")


def test_a_sample_is_spread_always_the_same_and_holds_every_kind():
    mails = [Listed(number, "cancelled" if number == 40 else "invitation", "", False) for number in range(100)]
    chosen = [mail.id for mail in sampled(mails, 12, {7})]
    assert chosen == [mail.id for mail in sampled(mails, 12, {7})]
    assert len(chosen) == 12
    assert {0, 7, 40} <= set(chosen)
    assert max(after - before for before, after in zip(chosen, chosen[1:], strict=False)) <= 20
    assert len(sampled(mails, 2, {1, 2, 3})) == 5
    assert sampled(mails, 100, set()) == mails


def test_progress_counts_every_mail(office, sent):
    steps = []
    office.prove(sent, office.book(), progress=steps.append)
    assert sum(steps) == 2
