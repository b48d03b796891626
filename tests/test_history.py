"""What ops read about mails afterwards: every state with the reason, what to do, and when it goes on by itself."""

from datetime import timedelta

import pytest
from booking_desk import write_file

from store import accounts, outbox, session_keys
from store.history import batch_mails, interview_events, interview_mails, mails

LEASE, HOLD = 90, 900
"""Seconds."""


def only(desk, booked):
    rows = interview_mails(desk.db, booked.interview_id)
    assert len(rows) == 1
    return rows[0]


def test_a_queued_mail_says_when_it_is_tried_next(desk, booked, now):
    row = only(desk, booked)
    assert (row.state, row.attempts, row.reply, row.fix, row.next_at) == ("queued", 0, "", "", now)
    assert (row.who, row.kind, row.starts_at) == ("a***@example.com", "invitation", now + timedelta(days=1))


@pytest.mark.parametrize("state", ["claimed", "handed_over"])
def test_a_mail_whose_program_ended_says_when_another_may_send_it(desk, booked, now, state):
    ids = desk.claim(lease=LEASE)
    if state == "handed_over":
        desk.hand_over(ids, lease=LEASE)
    row = only(desk, booked)
    assert (row.state, row.next_at) == (state, now + timedelta(seconds=LEASE))
    assert row.fix == (
        "the program that was sending it may have ended: run the job again after 06:02 UTC, or leave `make deliver` running."
    )


def test_a_job_that_runs_at_the_named_minute_finds_the_mail(desk, booked, now):
    desk.claim(lease=LEASE)
    desk.now = now + timedelta(minutes=2)
    desk.recover()
    assert only(desk, booked).state == "queued"


def lost(desk, now):
    desk.hand_over(desk.claim(lease=LEASE), lease=LEASE)
    desk.now += timedelta(seconds=LEASE)
    desk.recover(hold=HOLD)


def test_a_mail_of_unknown_outcome_says_until_when_it_is_held(desk, booked, now):
    lost(desk, now)
    row = only(desk, booked)
    assert (row.state, row.next_at) == ("held", now + timedelta(seconds=LEASE + HOLD))
    assert row.fix == (
        "run the job again after 06:17 UTC, or leave `make deliver` running (unless EMAIL_ON_UNKNOWN=hold);"
        f" `python -m mailer resend {booked.notification_id}` sends it now."
    )


def test_a_mail_that_went_too_often_waits_for_a_person_and_says_so(desk, booked, now):
    lost(desk, now)
    desk.change("UPDATE notification SET attempts = ?", outbox.UNKNOWN_RESENDS + 1)
    row = only(desk, booked)
    assert (row.state, row.next_at) == ("unknown", None)
    assert row.fix == (
        f"find out whether it arrived; only `python -m mailer resend {booked.notification_id}` sends it again."
    )


def test_a_failed_mail_keeps_the_reason_and_fix_of_its_last_attempt(desk, booked):
    desk.deliver("failed")
    desk.change("UPDATE notification SET fix = 'correct candidate_email.'")
    row = only(desk, booked)
    assert (row.state, row.reply, row.fix, row.next_at) == ("failed", "250 ok", "correct candidate_email.", None)


def test_a_paused_account_is_the_reason_of_queued_mails_only(desk, booked):
    accounts.pause(desk.db, "f", signature="auth", reason="530 login", fix="correct EMAIL_HOST_USER.", now=desk.epoch)
    pause = accounts.paused(desk.db, "f")
    row = interview_mails(desk.db, booked.interview_id, pause=pause)[0]
    assert (row.state, row.reply, row.fix, row.next_at) == ("paused", "530 login", "correct EMAIL_HOST_USER.", None)
    desk.deliver()
    assert interview_mails(desk.db, booked.interview_id, pause=pause)[0].state == "sent"


def test_a_batch_shows_the_newest_mail_of_each_interview(desk, request_of, tomorrow, tmp_path):
    path = tmp_path / "batch.csv"
    desk_file = [request_of(email=f"c{number}@cand.example", job_title=f"Nurse {number}") for number in range(3)]
    write_file(path, desk_file)
    batch_id = desk.apply(path).batch_id
    desk.deliver()
    first = batch_mails(desk.db, batch_id)
    desk.move(first[0].interview_id, tomorrow + timedelta(hours=5))
    rows = batch_mails(desk.db, batch_id)
    assert [(row.kind, row.state) for row in rows] == [("invitation", "sent")] * 2 + [("rescheduled", "queued")]
    assert rows[2].starts_at == tomorrow + timedelta(hours=5)


def test_mails_are_found_by_their_ids_and_none_by_none(desk, booked, request_of):
    other = desk.book(request_of(email="bo@example.com", job_title="Cook"))
    ids = [other.notification_id, booked.notification_id]
    assert [row.notification_id for row in mails(desk.db, ids)] == sorted(ids)
    assert mails(desk.db, []) == []


def test_the_events_of_an_interview_are_told_oldest_first_and_without_a_key(desk, booked, now):
    desk.cancel(booked.interview_id)
    told = interview_events(desk.db, booked.interview_id)
    assert [kind for _, kind, _ in told][-1] == "cancelled"
    assert {at for at, _, _ in told} == {now}
    assert not session_keys.SESSION_KEY.search(repr(told))
