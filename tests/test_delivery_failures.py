"""Delivery in trouble: what a refusing, silent, dropping or lying server does to rows, account, run and log."""

import logging
import time
from collections import Counter
from dataclasses import replace

import pytest
from pydantic import SecretStr
from smtp_server import DROP, SILENCE, After, SmtpServer, account, certificate

from mailer.delivery import DeliveryReport, runs_in_trouble, troubled_nap
from store import accounts, session_keys
from store.history import batch_mails, interview_mails

pytest_plugins = ("post_office",)
pytestmark = pytest.mark.usefixtures("troubles_are_told")

WANTS_LOGIN = "530 5.7.0 Authentication required"


def first(answer):
    """An answer to the first such command only."""
    return lambda _, count: answer if count == 1 else None


def to(name, answer):
    """An answer to the recipient of that name only."""
    return lambda argument, _: answer if argument.startswith((f"{name}@", f"TO:<{name}@")) else None


def test_a_server_that_wants_a_login_pauses_the_account_after_the_first_mail(post, lines):
    post.book_file(20)
    with SmtpServer({"MAIL": WANTS_LOGIN}) as server:
        report = post.deliver(server)
        assert sum(command.startswith("MAIL") for command in server.commands) <= 2
        assert len(server.connections) == 1
        again = post.deliver(server)
        assert len(server.connections) == 1
    assert (report.sent, report.waiting, report.is_clean, again.is_clean) == (0, 20, False, False)
    assert report.pause.fix in report.sentence()
    assert post.states() == ["queued"] * 20
    assert post.desk.rows("SELECT count(*) FROM interview_schedule WHERE state = 'booked'") == [(20,)]
    assert lines("[SUCCESS]") == []
    shown = batch_mails(post.desk.db, 1, pause=report.pause)
    assert {(row.state, row.fix) for row in shown} == {("paused", report.pause.fix)}


def test_corrected_settings_send_all_that_a_pause_left(post):
    post.book_file(20)
    with SmtpServer({"MAIL": WANTS_LOGIN}) as server:
        post.deliver(server)
        server.script = {}
        server.offer("PLAIN")
        report = post.deliver(server, user="jobs", password=SecretStr("a-new-password"))
    assert (report.sent, report.is_clean, len(set(server.recipients()))) == (20, True, 20)


def test_a_pause_lifted_by_hand_sends_what_waited(post):
    post.book(3)
    with SmtpServer({"MAIL": first(WANTS_LOGIN)}) as server:
        post.deliver(server)
        accounts.resume(post.desk.db, now=post.desk.epoch)
        assert post.deliver(server).sent == 3


def test_a_paused_account_is_told_once_for_each_mail_of_its_group_and_in_one_line_for_all(post, lines):
    post.book_file(40)
    with SmtpServer({"MAIL": WANTS_LOGIN}) as server:
        post.deliver(server)
    held_back, waiting = lines("[EMAIL NOT SENT]")[:-1], lines("[EMAIL NOT SENT]")[-1]
    assert len(lines("[EMAIL FAILED]")) == 1
    assert len(held_back) == 7
    assert waiting.startswith("[EMAIL NOT SENT] interview ")
    assert " and 19 more: the account is paused" in waiting


def test_an_unverified_sender_pauses_the_account_and_a_corrected_one_sends(post):
    refusing = {"MAIL": lambda argument, _: "550 5.7.1 sender not verified" if "interviews@" in argument else None}
    post.book(5)
    with SmtpServer(refusing) as server:
        assert post.deliver(server).pause is not None
        report = post.deliver_as(replace(account(server), from_address="verified@acme.example"))
    assert (report.sent, report.pause) == (5, None)
    assert {sender for sender, _, _ in server.delivered} == {"verified@acme.example"}


def test_a_sender_refused_for_an_old_copy_does_not_pause_the_corrected_account(post):
    post.book(2)
    refusing = {"MAIL": lambda argument, count: "550 5.7.1 sender not verified" if count > 1 and "interviews@" in argument
                else None, ".": first(DROP)}  # fmt: skip
    with SmtpServer(refusing, extensions=()) as server:
        post.deliver(server)
        post.later(5000)
        accounts.resume(post.desk.db, now=post.desk.epoch)
        report = post.deliver_as(replace(account(server), from_address="verified@acme.example"))
        post.later(5000)
        report = post.deliver_as(replace(account(server), from_address="verified@acme.example"))
    assert report.pause is None
    assert (post.row("c0")["state"], post.row("c1")["state"]) == ("failed", "sent")


def test_a_silent_server_times_out_and_booking_goes_on_meanwhile(post):
    def banner(*_):
        post.elsewhere(post.book, 1)
        return SILENCE

    post.book(2)
    with SmtpServer({"BANNER": banner}) as server:
        began = time.monotonic()
        report = post.deliver(server, timeout=0.3)
        assert time.monotonic() - began < 10
    assert (report.sent, report.waiting) == (0, 3)
    assert "EMAIL_PORT" in report.sentence()
    assert post.row("c0")["attempts"] == 0


def test_a_refused_recipient_fails_that_mail_alone(post, lines):
    post.book(5)
    with SmtpServer({"RCPT": to("c2", "550 5.1.1 no such user")}) as server:
        report = post.deliver(server)
        again = post.deliver(server)
    assert post.states() == ["sent", "sent", "failed", "sent", "sent"]
    assert "c2@cand.example" not in server.recipients()
    assert (report.sent, report.states["failed"], report.is_clean, again.sent) == (4, 1, False, 0)
    assert len(lines("[SUCCESS]")) == 4
    assert post.row("c2")["fix"]


def test_a_passing_refusal_is_tried_again_later_until_it_goes(post):
    post.book(2)
    with SmtpServer({"RCPT": to("c1", "451 4.3.0 try later")}) as server:
        report = post.deliver(server)
        assert (report.sent, report.states["later"], report.waiting) == (1, 1, 1)
        pauses = []
        for _ in range(3):
            pauses.append(post.row("c1")["due_at"] - post.desk.epoch)
            assert post.deliver(server).states["later"] == 0
            post.later(pauses[-1] + 1)
            post.deliver(server)
        server.script = {}
        post.later(36000)
        assert post.deliver(server).sent == 1
    assert pauses[0] < pauses[1] < pauses[2]
    assert server.recipients() == ["c0@cand.example", "c1@cand.example"]


def test_a_mail_refused_for_days_is_given_up(post):
    post.book(1)
    with SmtpServer({"RCPT": "451 4.3.0 try later"}) as server:
        post.deliver(server)
        post.later(5 * 86400)
        report = post.deliver(server)
    assert (report.states["failed"], post.states()) == (1, ["failed"])


def test_a_refused_content_is_not_tried_again(post):
    post.book(1)
    with SmtpServer({".": "554 5.6.0 content refused"}) as server:
        post.deliver(server)
        post.later(86400)
        post.deliver(server)
    assert post.states() == ["failed"]
    assert server.commands.count("DATA") == 1


def test_an_untrusted_certificate_pauses_the_account_with_the_fix(post, tmp_path):
    context, trusted = certificate(tmp_path, "127.0.0.1")
    post.book(2)
    with SmtpServer(tls=context, implicit=True) as server:
        report = post.deliver(server, security="ssl")
        assert (report.sent, post.states()) == (0, ["queued"] * 2)
        assert "EMAIL_CA_FILE" in report.pause.fix
        accounts.resume(post.desk.db, now=post.desk.epoch)
        assert post.deliver(server, security="ssl", ca_file=trusted).sent == 2


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_a_server_that_closes_in_the_middle_gets_the_rest_over_a_new_connection(post, extensions):
    post.book_file(30)
    closing = {"MAIL": lambda _, count: "421 4.3.2 closing" if count in (8, 20) else None}
    with SmtpServer(closing, extensions=extensions) as server:
        report = post.deliver(server)
        assert len(server.connections) == 3
        post.later(3600)
        post.deliver(server)
    assert sorted(server.recipients()) == sorted(f"c{n}@cand.example" for n in range(30))
    assert report.sent >= 28
    assert post.states() == ["sent"] * 30


def test_a_421_to_the_final_dot_is_no_delivery(post):
    post.book(3)
    with SmtpServer({".": lambda _, count: "421 4.3.2 closing" if count == 2 else None}) as server:
        post.deliver(server)
        post.later(3600)
        post.deliver(server)
    assert sorted(server.recipients()) == [f"c{n}@cand.example" for n in range(3)]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "BANNER"])
def test_a_server_that_drops_every_connection_gets_a_bounded_number_of_them(post, lines, verb):
    post.book(30)
    with SmtpServer({verb: DROP}) as server:
        report = post.deliver(server)
        assert len(server.connections) <= 3
    assert (report.sent, report.waiting) == (0, 30)
    assert "To fix:" in report.sentence()
    assert lines("[EMAIL FAILED]", "[EMAIL NOT SENT]")
    assert set(post.states()) == {"queued"}


def test_a_lease_that_leaves_no_time_to_send_ends_the_run_with_the_fix(post):
    post.book(3)
    ticking = iter(range(10_000))

    def clock():
        post.later(next(ticking) and 1)
        return post.desk.now

    with SmtpServer() as server:
        report = post.deliver(server, deadline=4.0, lease=4.5, clock=clock)
    assert (report.sent, report.waiting) == (0, 3)
    assert "EMAIL_LEASE" in report.sentence()


def test_a_second_worker_without_a_connection_leaves_its_mails_to_the_first(post):
    post.book_file(300)
    too_many = After("421 4.7.0 too many connections", 0.7)
    with SmtpServer({"BANNER": lambda _, count: too_many if count == 2 else None}) as server:
        report = post.deliver(server, trace=False, connections=2)
    assert (report.sent, report.waiting, report.is_clean) == (300, 0, True)


def test_a_line_lost_after_the_final_dot_is_held_and_then_sent_again_the_same(post, lines):
    post.book(2)
    with SmtpServer({".": first(DROP)}, extensions=()) as server:
        report = post.deliver(server, hold=100.0)
        assert (post.row("c0")["state"], report.states["unknown"], report.waiting) == ("unknown", 1, 1)
        assert not report.is_clean
        post.later(99)
        assert post.deliver(server, hold=100.0).sent == 0
        post.later(2)
        assert post.deliver(server, hold=100.0).sent == 1
    copies = [mail for mail in server.delivered if mail[1] == "c0@cand.example"]
    assert len(copies) == 2
    assert copies[0] == copies[1]
    assert f"python -m mailer resend {post.row('c0')['id']} " in lines("[EMAIL UNKNOWN]")[0]


def test_a_senseless_reply_to_the_final_dot_is_no_delivery_and_no_refusal(post):
    post.book(1)
    with SmtpServer({".": first("354 what?")}) as server:
        post.deliver(server)
    assert post.states() == ["unknown"]


def test_an_unknown_outcome_waits_for_a_person_where_the_setting_says_so(post):
    post.book(1)
    with SmtpServer({".": first(DROP)}) as server:
        post.deliver(server, on_unknown="hold", hold=1.0)
        post.later(86400)
        report = post.deliver(server, on_unknown="hold", hold=1.0)
        assert (post.states(), report.sent, report.waiting) == (["unknown"], 0, 0)
        post.queue_again("c0")
        assert post.deliver(server, on_unknown="hold", hold=1.0).sent == 1


def test_an_outcome_that_stays_unknown_is_sent_again_three_times_only(post):
    post.book(1)
    with SmtpServer({".": DROP}) as server:
        for _ in range(8):
            post.deliver(server, hold=1.0)
            post.later(2)
    assert (len(server.delivered), post.states()) == (4, ["unknown"])


def test_a_mail_handed_over_by_a_lost_worker_is_told_as_unknown_by_the_next(post, lines):
    post.book(1)
    ids = post.desk.claim("lost", lease=60)
    post.desk.hand_over(ids, "lost", lease=60)
    post.later(61)
    with SmtpServer() as server:
        report = post.deliver(server, hold=100.0)
        assert (report.states["unknown"], report.is_clean, post.states()) == (1, False, ["unknown"])
        assert lines("[EMAIL UNKNOWN] interview 1: The sending program ended")
        post.later(101)
        assert post.deliver(server).sent == 1


def test_a_reply_that_comes_after_the_lease_was_lost_still_counts(post):
    def recovered(*_):
        post.later(120)
        post.elsewhere(post.desk.recover, hold=100)
        assert post.elsewhere(post.states) == ["unknown"]

    post.book(1)
    with SmtpServer({"DATA": recovered}) as server:
        assert post.deliver(server, lease=60.0).sent == 1
    assert (post.states(), len(server.delivered)) == (["sent"], 1)


def test_a_stale_worker_does_not_overwrite_what_a_later_one_settled(post):
    def taken_over(*_):
        post.later(120)
        post.elsewhere(post.desk.recover, hold=0)
        post.elsewhere(post.desk.recover, hold=0)
        post.elsewhere(post.desk.deliver)
        return "450 4.3.0 later"

    post.book(1)
    with SmtpServer({".": taken_over}) as server:
        post.deliver(server, lease=60.0)
    assert post.states() == ["sent"]


def test_no_log_line_carries_a_key_a_password_or_a_whole_address(post, caplog):
    caplog.set_level(logging.INFO)
    password = "canary-secret-9137"
    echo = {
        "AUTH": lambda argument, count: f"454 4.7.0 {password} {argument}" if count == 2 else None,
        "RCPT": lambda argument, count: (None, f"550 5.1.1 {argument} is not here", f"450 4.2.0 <{argument}> later")[
            count % 3
        ],
        ".": lambda argument, count: f"250 ok {argument}" if count % 2 else DROP,
    }
    booked = post.book(12)
    with SmtpServer(echo, mechanisms="PLAIN") as server:
        for _ in range(6):
            post.deliver(server, user="jobs@acme.example", password=SecretStr(password), hold=1.0)
            post.later(1000)
    written = caplog.text + str(post.desk.rows("SELECT reply, fix FROM notification"))
    written += str(post.desk.rows("SELECT data FROM event"))
    assert "[EMAIL UNKNOWN]" in written
    assert "[EMAIL FAILED]" in written
    assert not session_keys.SESSION_KEY.search(written)
    assert "@cand.example" not in written.replace("***@cand.example", "")
    assert password not in written
    assert len(booked) == 12


def test_ops_see_what_the_server_said_and_what_to_do(post):
    booked = post.book(1)[0]
    with SmtpServer({"RCPT": "550 5.1.1 no such user"}) as server:
        post.deliver(server)
    row = interview_mails(post.desk.db, booked.interview_id)[0]
    assert (row.state, row.attempts) == ("failed", 1)
    assert "no such user" in row.reply
    assert row.fix


def test_the_pauses_of_a_line_in_trouble_grow_and_begin_anew_once_something_was_sent():
    stuck, moving, well = (
        DeliveryReport(Counter(sent=sent), line_fix=fix) for sent, fix in ((0, "x"), (3, "x"), (3, ""))
    )
    assert [runs_in_trouble(4, done) for done in (stuck, moving, well)] == [5, 1, 0]
    assert [troubled_nap(runs) for runs in (1, 2, 30)] == [4.0, 8.0, 900.0]
