"""The outbox: claims, leases, the fence before the hand-over, what becomes of attempts, and mails of unknown fate."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from booking_desk import HOUR, MINUTE, SECOND

from store import database, outbox


@pytest.fixture
def queued(desk, request_of):
    """Gives the ids of that many queued mails, each of its own interview."""

    def made(count):
        return [desk.book(request_of(email=f"c{n}@example.com", capacity=count)).notification_id for n in range(count)]

    return made


def state_of(desk, mail):
    return desk.rows("SELECT state, owner, attempts, handed_over_at FROM notification WHERE id = ?", mail)[0]


def state(desk, mail):
    return state_of(desk, mail)[0]


def test_a_claim_takes_due_mails_oldest_first_up_to_its_limit(desk, queued):
    ids = queued(5)
    desk.change("UPDATE notification SET due_at = due_at - 60 WHERE id = ?", ids[3])
    desk.change("UPDATE notification SET due_at = due_at + 1 WHERE id = ?", ids[0])
    assert desk.claim(limit=3) == [ids[3], ids[1], ids[2]]
    assert desk.claim("two") == [ids[4]]
    desk.now += SECOND
    assert desk.claim("two") == [ids[0]]


def test_a_claimed_mail_carries_what_its_message_and_link_are_made_from(desk, booked):
    mail = outbox.claim(desk.db, owner="one", now=desk.epoch, lease=60, limit=1)[0]
    assert (mail.recipient, mail.kind, mail.attempts, mail.hand_over) == ("asha@example.com", "invitation", 0, None)
    assert desk.rows("SELECT public, key_id, generation FROM interview_session") == [
        (mail.public, mail.key_id, mail.generation)
    ]
    assert mail.facts == desk.facts(booked.interview_id)[0]


def test_a_claim_can_be_for_one_interview_alone(desk, queued):
    ids = queued(3)
    mails = outbox.claim(desk.db, owner="one", now=desk.epoch, lease=60, limit=9, scope=outbox.Scope(interview_id=2))
    assert [mail.id for mail in mails] == [ids[1]]


def test_two_workers_never_claim_the_same_mail(desk, queued):
    ids, start = queued(40), Barrier(4)

    def work(owner):
        found = []
        desk.rows("SELECT 1")
        start.wait(timeout=20)
        while taken := desk.claim(owner, limit=3):
            found += taken
        desk.db.close()
        return found

    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(work, "abcd"))
    assert sorted(mail for claim in claims for mail in claim) == ids


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_worker_does_not_wait_for_a_claim_that_is_under_way(desk, queued):
    ids = queued(3)

    def second():
        desk.change("SET lock_timeout = '500ms'")
        taken = desk.claim("two")
        desk.change("RESET lock_timeout")
        desk.db.close()
        return taken

    with database.changing(desk.db), ThreadPoolExecutor(1) as other:
        assert desk.claim("one", limit=1) == ids[:1]
        assert other.submit(second).result() == ids[1:]


def test_a_mail_whose_lease_ran_out_is_queued_again(desk, queued):
    ids = queued(2)
    desk.claim("lost", limit=1)
    desk.now += 59 * SECOND
    assert desk.recover() == {"requeued": 0, "unknown": 0, "superseded": 0, "unknown_alerts": 0}
    desk.now += SECOND
    assert desk.recover() == {"requeued": 1, "unknown": 0, "superseded": 0, "unknown_alerts": 0}
    assert state_of(desk, ids[0]) == ("queued", None, 0, None)
    assert desk.claim("two") == ids


def test_a_handed_over_mail_whose_worker_was_lost_is_unknown_and_then_sent_again(desk, queued):
    (mail,) = queued(1)
    desk.hand_over(desk.claim("lost"), "lost")
    desk.now += MINUTE
    assert desk.recover(hold=900) == {"requeued": 0, "unknown": 1, "superseded": 0, "unknown_alerts": 0}
    assert state(desk, mail) == "unknown"
    assert desk.event_kinds()[-1] == "mail_unknown"
    desk.now += 899 * SECOND
    assert (desk.recover()["requeued"], desk.claim("two")) == (0, [])
    desk.now += SECOND
    assert (desk.recover()["requeued"], desk.claim("two")) == (1, [mail])
    assert state_of(desk, mail)[3] is not None


def test_with_hold_a_mail_of_unknown_fate_waits_for_a_person(desk, queued):
    (mail,) = queued(1)
    desk.hand_over(desk.claim())
    for _ in range(3):
        desk.now += HOUR
        desk.recover(resend=False)
    assert state(desk, mail) == "unknown"
    assert desk.claim("two") == []


def test_a_mail_of_unknown_fate_is_sent_again_only_so_often(desk, queued):
    (mail,) = queued(1)
    attempts = 0
    for _ in range(10):
        attempts += len(desk.hand_over(desk.claim()))
        desk.now += HOUR
        desk.recover(hold=0)
    assert (attempts, state(desk, mail)) == (1 + outbox.UNKNOWN_RESENDS, "unknown")


def test_a_lost_mail_that_has_a_newer_one_is_superseded(desk, booked, tomorrow):
    desk.hand_over(desk.claim())
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.now += HOUR
    assert desk.recover() == {"requeued": 0, "unknown": 0, "superseded": 1, "unknown_alerts": 0}
    assert desk.event_kinds()[-1] == "mail_superseded"


def test_a_lost_lease_may_not_be_handed_over(desk, queued):
    ids = queued(2)
    desk.claim("slow")
    desk.now += MINUTE
    assert desk.hand_over(ids, "slow") == set()
    desk.recover()
    desk.claim("quick", limit=1)
    assert desk.hand_over(ids, "slow") == set()
    assert desk.hand_over(ids, "quick") == {ids[0]}


def test_a_mail_is_handed_over_once_a_claim(desk, queued):
    ids = queued(1)
    desk.claim()
    assert desk.hand_over(ids) == {ids[0]}
    assert desk.hand_over(ids) == set()
    assert desk.hand_over([]) == set()


def test_the_first_hand_over_fixes_date_and_sender_for_good(desk, queued):
    queued(1)
    desk.hand_over(desk.claim())
    first = desk.rows("SELECT hand_over FROM notification")[0][0]
    desk.now += HOUR
    desk.recover(hold=0)
    desk.hand_over(desk.claim())
    assert desk.rows("SELECT hand_over, attempts FROM notification") == [(first, 2)]


def test_a_sent_mail_stays_sent(desk, queued):
    (mail,) = queued(1)
    desk.deliver()
    desk.settle([mail], "queued")
    desk.now += HOUR
    desk.recover(hold=0)
    assert (state(desk, mail), desk.claim()) == ("sent", [])


def test_a_mail_to_be_tried_later_is_due_then(desk, queued):
    (mail,) = queued(1)
    desk.settle(desk.hand_over(desk.claim()), "queued", due_at=desk.epoch + 60, arrived=False)
    assert (desk.claim(), outbox.next_due(desk.db)) == ([], desk.epoch + 60)
    desk.now += MINUTE
    assert desk.claim() == [mail]


@pytest.mark.parametrize("result", ["queued", "failed", "unknown"])
def test_an_attempt_that_ends_after_a_move_leaves_the_old_mail_superseded(desk, booked, tomorrow, result):
    ids = desk.claim()
    desk.hand_over(ids)
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.settle(ids, result)
    assert desk.mails(booked.interview_id) == [("invitation", 1, "superseded"), ("rescheduled", 1, "queued")]


def test_a_mail_that_went_out_before_a_move_is_sent_and_not_superseded(desk, booked, tomorrow):
    ids = desk.claim()
    desk.hand_over(ids)
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.settle(ids, "sent")
    assert desk.mails(booked.interview_id)[0] == ("invitation", 1, "sent")


def test_an_owner_who_is_late_may_still_settle_its_mail_of_unknown_fate(desk, queued):
    (mail,) = queued(1)
    desk.hand_over(desk.claim("late"), "late")
    desk.now += MINUTE
    desk.recover()
    desk.settle([mail], "sent", "late")
    assert state(desk, mail) == "sent"


def test_an_owner_who_is_too_late_settles_nothing(desk, queued):
    (mail,) = queued(1)
    desk.hand_over(desk.claim("late"), "late")
    desk.now += HOUR
    desk.recover(hold=0)
    assert desk.claim("next") == [mail]
    desk.settle([mail], "failed", "late")
    assert state_of(desk, mail)[:2] == ("claimed", "next")
    assert "mail_failed" not in desk.event_kinds()


def test_a_superseded_mail_is_never_settled_or_sent_again(desk, booked, tomorrow):
    ids = desk.claim()
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.settle(ids, "sent")
    assert state(desk, booked.notification_id) == "superseded"
    assert outbox.resend(desk.db, booked.notification_id, now=desk.epoch) is False


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_a_failure_leaves_one_parseable_event_with_the_reply(desk, booked, result):
    desk.deliver(result)
    kind, interview_id, data = desk.rows("SELECT kind, interview_id, data FROM event ORDER BY id DESC LIMIT 1")[0]
    assert (kind, interview_id) == (f"mail_{result}", booked.interview_id)
    assert json.loads(data) == {"notification": booked.notification_id, "signature": "sig", "reply": "250 ok"}


def test_of_attempts_settled_together_only_the_failures_leave_an_event(desk, queued):
    ids = queued(3)
    desk.hand_over(desk.claim())
    became = zip(ids, ("sent", "failed", "sent"), strict=True)
    settlements = [outbox.Settlement(mail, end, desk.epoch, 1, desk.epoch) for mail, end in became]
    outbox.settle(desk.db, settlements, owner="one", now=desk.epoch)
    assert [state(desk, mail) for mail in ids] == ["sent", "failed", "sent"]
    assert desk.event_kinds() == ["booked"] * 3 + ["mail_failed"]


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_a_failed_or_unknown_mail_is_sent_again_by_hand(desk, booked, result):
    desk.deliver(result)
    assert outbox.resend(desk.db, booked.notification_id, now=desk.epoch) is True
    assert desk.rows("SELECT kind, interview_id FROM event ORDER BY id DESC LIMIT 1") == [
        ("mail_requeued_by_hand", booked.interview_id)
    ]
    assert desk.claim("two") == [booked.notification_id]


def test_nothing_else_is_sent_again_by_hand(desk, booked):
    assert outbox.resend(desk.db, 99, now=desk.epoch) is False
    assert outbox.resend(desk.db, booked.notification_id, now=desk.epoch) is False
    desk.deliver()
    assert outbox.resend(desk.db, booked.notification_id, now=desk.epoch) is False
    assert state(desk, booked.notification_id) == "sent"


def test_next_due_is_the_earliest_of_queued_leased_and_held_mails(desk, queued):
    assert outbox.next_due(desk.db) is None
    queued(1)
    assert outbox.next_due(desk.db) == desk.epoch
    ids = desk.claim(lease=60)
    assert outbox.next_due(desk.db) == desk.epoch + 60
    desk.hand_over(ids, lease=90)
    assert outbox.next_due(desk.db) == desk.epoch + 90
    desk.settle(ids, "unknown", due_at=desk.epoch + 900)
    assert outbox.next_due(desk.db) == desk.epoch + 900
    desk.change("UPDATE notification SET state = 'sent'")
    assert outbox.next_due(desk.db) is None


def test_a_mail_that_surely_did_not_arrive_forgets_what_its_hand_over_fixed(desk, queued):
    ids = queued(2)
    desk.hand_over(desk.claim())
    desk.settle(ids[:1], "queued", arrived=False)
    desk.settle(ids[1:], "unknown", arrived=True)
    kept = desk.rows("SELECT hand_over IS NOT NULL, handed_over_at IS NOT NULL FROM notification ORDER BY id")
    assert [tuple(map(bool, row)) for row in kept] == [(False, False), (True, True)]


def test_waiting_counts_what_still_goes_by_itself(desk, queued):
    ids = queued(4)
    desk.hand_over(desk.claim(limit=3))
    desk.settle(ids[:1], "unknown")
    desk.settle(ids[1:2], "failed")
    assert outbox.waiting(desk.db, resend=True) == 3
    assert outbox.waiting(desk.db, resend=False) == 2
    assert outbox.waiting(desk.db, resend=True, scope=outbox.Scope(2)) == 0
    assert outbox.first_waiting(desk.db, limit=9, untried=False) == (1, [4])
    assert outbox.first_waiting(desk.db, limit=9, untried=True) == (1, [4])


def test_due_counts_what_could_be_claimed_now_up_to_a_limit(desk, queued):
    ids = queued(4)
    desk.change("UPDATE notification SET due_at = due_at + 1 WHERE id = ?", ids[0])
    assert [outbox.due(desk.db, now=desk.epoch, limit=limit) for limit in (9, 2)] == [3, 2]
    assert outbox.due(desk.db, now=desk.epoch, limit=9, scope=outbox.Scope(1)) == 0


def test_a_mail_of_unknown_fate_that_waits_for_a_person_is_never_due(desk, queued):
    queued(1)
    desk.deliver("unknown")
    assert outbox.next_due(desk.db, resend=False) is None
    assert outbox.next_due(desk.db) is not None


def test_workers_that_settle_late_and_recover_at_once_never_block_each_other(desk, queued):
    ids, start = queued(30), Barrier(3)
    desk.hand_over(desk.claim("late"), "late")
    desk.change("UPDATE notification SET lease_until = lease_until - id")
    desk.now += HOUR

    def run(step):
        desk.rows("SELECT 1")
        start.wait(timeout=20)
        try:
            return step()
        finally:
            desk.db.close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run, [desk.recover, lambda: desk.settle(ids, "sent", "late"), desk.recover]))
    assert desk.rows("SELECT DISTINCT state FROM notification") == [("sent",)]
