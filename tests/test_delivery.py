"""Delivery that goes well: what is queued goes out once, also while bookings change and other workers run."""

import os
import threading
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from smtp_server import DROP, After, SmtpServer, account
from waiting import wait_until

from mailer.delivery import follow
from store import session_keys, times
from store.errors import KeyRingUnusable

pytest_plugins = ("post_office",)
pytestmark = pytest.mark.usefixtures("troubles_are_told")


@pytest.fixture
def server():
    with SmtpServer() as running:
        yield running


def once(action):
    """An answer to the server's verb that lets something happen the first time, and is the usual one."""

    def answer(_, count):
        if count == 1:
            action()

    return answer


def read(delivered):
    return message_from_bytes(delivered[2], policy=policy.default)


def keys(delivered):
    return set(session_keys.SESSION_KEY.findall(read(delivered).get_body(("plain",)).get_content()))


def calendar(delivered):
    part = next(part for part in read(delivered).walk() if part.get_content_type() == "text/calendar")
    return dict(line.split(":", 1) for line in part.get_content().splitlines() if ":" in line)


def test_everything_that_is_due_goes_out_once_and_is_marked_sent(post, server):
    post.book(20)
    report = post.deliver(server)
    assert sorted(server.recipients()) == sorted(f"c{n}@cand.example" for n in range(20))
    assert post.states() == ["sent"] * 20
    assert (report.sent, report.waiting, report.is_clean) == (20, 0, True)
    assert report.sentence() == "20 sent, 0 failed, 0 unknown, 0 waiting."
    assert post.row("c3")["reply"] == "250 2.0.0 queued"


def test_an_empty_outbox_is_delivered_without_a_connection(post, server):
    report = post.deliver(server)
    assert (report.sent, report.is_clean, server.connections) == (0, True, [])


def test_what_was_sent_is_not_sent_by_the_next_run(post, server):
    post.book(3)
    post.deliver(server)
    assert post.deliver(server).sent == 0
    assert len(server.delivered) == 3


def test_the_same_booking_made_twice_is_mailed_once(post, server, request_of):
    for _ in range(2):
        post.desk.book(request_of())
        post.deliver(server)
    assert server.recipients() == ["asha@example.com"]


def test_a_mail_that_is_due_later_waits_for_its_time(post, server):
    post.book(1)
    post.desk.change("UPDATE notification SET due_at = due_at + 60")
    assert (post.deliver(server).waiting, server.delivered) == (1, [])
    post.later(60)
    assert post.deliver(server).sent == 1


def test_delivering_one_interview_leaves_the_others_queued(post, server):
    first, second = post.book(2)
    report = post.deliver(server, interview_id=second.interview_id)
    assert (report.sent, report.is_clean, server.recipients()) == (1, True, ["c1@cand.example"])
    assert post.row("c0")["state"] == "queued"
    assert first.interview_id != second.interview_id


def test_progress_is_told_for_each_mail_that_is_settled(post, server):
    post.book(30)
    told = []
    post.deliver_as(account(server), progress=told.append)
    assert sum(told) == 30


def test_booking_goes_on_while_mails_are_sent(post):
    with SmtpServer({"DATA": once(lambda: post.elsewhere(post.book, 2))}) as server:
        post.book(1)
        report = post.deliver(server)
    assert (report.sent, len(server.delivered)) == (3, 3)


def test_an_interview_moved_between_claim_and_hand_over_is_mailed_with_its_new_time_only(post, tomorrow):
    def move():
        post.elsewhere(post.desk.move, booked.interview_id, tomorrow.replace(hour=12))

    with SmtpServer({"BANNER": once(move)}) as server:
        booked = post.book(1)[0]
        report = post.deliver(server)
    assert post.states() == ["superseded", "sent"]
    assert [calendar(mail)["DTSTART"] for mail in server.delivered] == [f"{tomorrow:%Y%m%d}T120000Z"]
    assert (report.sent, report.is_clean) == (1, True)
    assert post.desk.mails(booked.interview_id)[1][0] == "invitation"


def test_an_interview_moved_after_its_hand_over_gets_a_second_mail_that_says_so(post, tomorrow):
    def move():
        post.elsewhere(post.desk.move, booked.interview_id, tomorrow.replace(hour=12))

    with SmtpServer({"DATA": once(move)}) as server:
        booked = post.book(1)[0]
        post.deliver(server)
    assert post.desk.mails(booked.interview_id) == [("invitation", 1, "sent"), ("rescheduled", 1, "sent")]
    first, second = (calendar(mail) for mail in server.delivered)
    assert (first["UID"], int(first["SEQUENCE"]) + 1) == (second["UID"], int(second["SEQUENCE"]))
    assert keys(server.delivered[0]) == keys(server.delivered[1])


def test_a_booking_cancelled_before_its_mail_went_mails_nothing(post, server):
    booked = post.book(1)[0]
    post.desk.cancel(booked.interview_id)
    assert (post.deliver(server).is_clean, server.connections, post.states()) == (True, [], ["superseded"])


def test_a_booking_cancelled_between_claim_and_hand_over_mails_nothing(post):
    def cancel():
        post.elsewhere(post.desk.cancel, booked.interview_id)

    with SmtpServer({"BANNER": once(cancel)}) as server:
        booked = post.book(1)[0]
        report = post.deliver(server)
    assert (server.delivered, post.states()) == ([], ["superseded"])
    assert (report.states["superseded"], report.is_clean) == (1, True)


def test_a_booking_cancelled_after_its_hand_over_is_cancelled_by_mail(post):
    def cancel():
        post.elsewhere(post.desk.cancel, booked.interview_id)

    with SmtpServer({"DATA": once(cancel)}) as server:
        booked = post.book(1)[0]
        post.deliver(server)
    assert [calendar(mail)["METHOD"] for mail in server.delivered] == ["REQUEST", "CANCEL"]
    assert keys(server.delivered[1]) == set()


def test_two_interviews_of_one_candidate_each_carry_their_own_key(post, server, request_of, tomorrow):
    post.desk.book(request_of())
    post.desk.book(request_of(starts_at=tomorrow.replace(hour=12), job_title="Surgeon"))
    post.deliver(server)
    assert set(server.recipients()) == {"asha@example.com"}
    one, two = (keys(mail) for mail in server.delivered)
    assert len(one) == len(two) == 1
    assert one != two


def test_a_mail_sent_again_is_the_same_to_the_byte_whatever_the_settings_are_now(post):
    with SmtpServer({".": lambda _, count: DROP if count == 1 else None}) as server:
        post.book(1)
        post.deliver(server)
        post.later(5000)
        post.queue_again("c0")
        post.desk.settings = post.desk.settings.model_copy(update={"backend_url": "https://elsewhere.example"})
        assert post.deliver(server, from_name="Somebody Else").sent == 1
    first, second = server.delivered
    assert first == second
    assert (post.desk.count("interview_session"), len(keys(first))) == (1, 1)


def test_several_workers_send_each_mail_once(post, server):
    post.book_file(600)
    report = post.deliver(server, trace=False, connections=4)
    assert sorted(server.recipients()) == sorted(f"c{n}@cand.example" for n in range(600))
    assert (report.sent, report.is_clean) == (600, True)
    assert len(server.connections) == 4


def test_several_deliveries_at_once_send_each_mail_once(post, server):
    post.book_file(300)
    reports, start = [], threading.Barrier(4)

    def run():
        start.wait()
        try:
            reports.append(post.deliver(server, trace=False, connections=1))
        finally:
            post.desk.db.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.sent for report in reports) == len(set(server.recipients())) == len(server.delivered) == 300


def test_workers_leave_no_connection_to_the_database_behind(post, server):
    def opened():
        if post.is_sqlite:
            files = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
            return sum(os.path.realpath(file) == post.desk.db.database for file in files)
        return len(post.desk.db._in_use)

    post.book_file(256)
    post.deliver(server, trace=False, connections=2)
    before = opened()
    post.desk.change("UPDATE notification SET state = 'queued'")
    for _ in range(3):
        post.deliver(server, trace=False, connections=2)
    assert opened() == before


def test_the_rate_is_kept_by_all_workers_together(post, server):
    post.book_file(120)
    stop, began = post.patched_pauses(), post.desk.now
    report = post.deliver(server, trace=False, stop=stop, rate=600, connections=2)
    taken = (post.desk.now - began).total_seconds()
    assert report.sent == 120
    assert taken == pytest.approx(120 / 10, abs=2)


def test_looking_into_an_empty_outbox_takes_no_permit(post, server):
    stop = post.patched_pauses()
    for _ in range(3):
        post.deliver(server, stop=stop, rate=1)
    post.book(1)
    assert post.deliver(server, stop=stop, rate=1).sent == 1
    assert stop.pauses in ([], [0.0])


def test_mails_whose_lease_is_nearly_over_are_claimed_anew_before_they_go(post):
    slow = {".": lambda *_: After("250 2.0.0 queued", 0.06)}
    with SmtpServer(slow) as server:
        post.book(8)
        report = post.deliver(server, timeout=0.5, deadline=1.0, lease=1.1, clock=times.now)
    assert sorted(server.recipients()) == sorted(f"c{n}@cand.example" for n in range(8))
    assert (report.sent, report.is_clean) == (8, True)
    assert {row[0] for row in post.desk.rows("SELECT attempts FROM notification")} == {1}


def test_a_key_that_the_ring_lacks_stops_the_run_and_fails_no_mail(post, server, ring):
    post.book_file(300)
    post.desk.ring = session_keys.KeyRing("9", {"9": b"x" * 32})
    with pytest.raises(KeyRingUnusable, match="lacks the key"):
        post.deliver(server, trace=False, connections=2)
    assert set(post.states()) == {"queued"}
    assert post.desk.rows("SELECT count(*) FROM notification WHERE owner IS NOT NULL") == [(0,)]
    post.desk.ring = ring
    assert post.deliver(server, trace=False).sent == 300


def test_following_sends_what_is_booked_meanwhile_and_ends_when_told(post, server, monkeypatch):
    monkeypatch.setattr("mailer.delivery.LONGEST_NAP", 0.05)
    stop, reports = threading.Event(), []
    post.book(1)

    def run():
        given = {"settings": post.desk.settings, "ring": post.desk.ring, "stop": stop}
        try:
            reports.append(follow(post.desk.db, account=account(server), **given))
        finally:
            post.desk.db.close()

    follower = threading.Thread(target=run)
    follower.start()
    for sent in (1, 2):
        wait_until(lambda sent=sent: len(server.delivered) == sent and post.states().count("sent") == sent)
        post.book(1)
    wait_until(lambda: post.states() == ["sent"] * 3)
    stop.set()
    follower.join(3)
    assert not follower.is_alive()
    assert (reports[0].sent, reports[0].is_clean) == (3, True)


def test_a_stop_lets_the_mail_on_the_line_end_and_gives_the_others_back(post):
    stop = threading.Event()
    slow = {".": lambda *_: (stop.set(), After("250 2.0.0 queued", 0.2))[1]}
    with SmtpServer(slow, extensions=("8BITMIME",)) as server:
        post.book(6)
        report = post.deliver(server, stop=stop)
    assert (len(server.delivered), post.states().count("sent"), post.states().count("queued")) == (1, 1, 5)
    assert (report.sent, report.waiting) == (1, 5)
    assert post.desk.rows("SELECT max(attempts) FROM notification WHERE state = 'queued'") == [(0,)]


def test_settings_of_the_hand_over_are_forgotten_with_a_mail_that_surely_did_not_arrive(post):
    with SmtpServer({"RCPT": lambda _, count: "450 later" if count == 1 else None}) as server:
        post.book(1)
        post.deliver(server)
        assert post.row("c0")["hand_over"] is None
        post.later(3600)
        post.deliver_as(replace(account(server), from_address="hr@acme.example"))
    assert server.delivered[0][0] == "hr@acme.example"
    assert read(server.delivered[0])["From"] == "hr@acme.example"
