"""Delivery when our own side breaks: mails that cannot be made, interrupts, errors, a database that is locked or gone."""

import signal
import sqlite3
import threading

import pytest
from smtp_server import After, SmtpServer, account

from store.database import fetch
from store.errors import DatabaseUnusable

pytest_plugins = ("post_office",)
pytestmark = pytest.mark.usefixtures("troubles_are_told")


BAD_FACTS = {
    "an unknown zone": {"timezone": '"Mars/Olympus"'},
    "a missing time": {"starts_at": "null"},
    "a word for a time": {"starts_at": '"soon"'},
    "a fact that no mail has": {"kind": '"invitation","colour":"red"'},
    "another recipient": {"recipient": '"other@cand.example"'},
}


@pytest.mark.parametrize("facts", BAD_FACTS.values(), ids=BAD_FACTS)
def test_a_mail_that_cannot_be_made_fails_alone(post, lines, facts):
    booked = post.book(3)
    post.damage(booked[1], **facts)
    with SmtpServer() as server:
        report = post.deliver(server)
    assert post.states() == ["sent", "failed", "sent"]
    assert (report.sent, report.states["failed"], len(server.delivered)) == (2, 1, 2)
    assert [line.startswith(f"[EMAIL NOT SENT] interview {booked[1].interview_id}: ") for line in lines("[EMAIL NOT SENT]")
            ] == [True]  # fmt: skip
    assert post.row("c1")["attempts"] == 0


def test_facts_that_are_no_json_fail_their_mail_alone(post):
    booked = post.book(2)
    post.desk.change("UPDATE notification SET facts = '{' WHERE id = ?", booked[0].notification_id)
    with SmtpServer() as server:
        post.deliver(server)
    assert post.states() == ["failed", "sent"]


def test_a_mail_without_a_session_is_not_sent_and_no_link_is_invented(post):
    booked = post.book(2)
    post.desk.change("DELETE FROM interview_session WHERE interview_id = ?", booked[0].interview_id)
    with SmtpServer() as server:
        report = post.deliver(server)
    assert (post.states(), server.recipients()) == (["failed", "sent"], ["c1@cand.example"])
    assert post.desk.count("interview_session") == 1
    assert report.troubles["not_composed"] == 1


def test_a_mail_corrected_after_it_could_not_be_made_goes_by_hand(post):
    booked = post.book(1)[0]
    post.damage(booked, timezone='"Mars/Olympus"')
    with SmtpServer() as server:
        post.deliver(server)
        post.damage(booked, timezone='"Asia/Kolkata"')
        post.queue_again("c0")
        assert post.deliver(server).sent == 1


@pytest.fixture
def alarm():
    """Raises KeyboardInterrupt in this thread after some seconds, as a notebook's interrupt does."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_an_interrupt_keeps_replies_frees_unsent_mails_and_holds_the_one_on_the_line(post, alarm, extensions):
    def dot(_, count):
        if count == 2:
            alarm(0.1)
            return After("250 late", 0.4)
        return None

    post.book(5)
    with SmtpServer({".": dot}, extensions=extensions) as server, pytest.raises(KeyboardInterrupt):
        post.deliver(server)
    states = post.states()
    assert states[:2] == ["sent", "unknown"]
    # With PIPELINING the next envelope was on its way too, and a doubtful mail counts as unknown.
    assert states[2:] == ["unknown" if extensions else "queued", "queued", "queued"]
    assert post.row("c1")["handed_over_at"] is not None
    assert post.desk.rows("SELECT count(*) FROM notification WHERE owner IS NOT NULL") == [(0,)]


def test_an_unexpected_error_frees_the_mails_that_were_not_sent(post):
    post.book(3)

    def clock():
        if post.states().count("claimed"):
            raise RuntimeError("the clock is broken")
        return post.desk.now

    with SmtpServer() as server, pytest.raises(RuntimeError):
        post.deliver(server, clock=clock)
    assert server.delivered == []


def test_an_error_in_one_of_several_workers_ends_the_run_with_it(post):
    def progress(_):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("no room for the bar")

    post.book_file(300)
    slowly = {".": lambda _, count: After("250 2.0.0 queued", 0.05) if count < 10 else None}
    with SmtpServer(slowly) as server, pytest.raises(RuntimeError, match="no room for the bar"):
        post.deliver_as(account(server, connections=2), progress=progress, trace=False)
    assert "claimed" not in post.states()


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_locked_database_ends_the_run_in_one_clear_line(post):
    post.book(1)
    fetch(post.desk.db, "PRAGMA busy_timeout = 100")
    other = sqlite3.connect(post.desk.db.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with SmtpServer() as server, pytest.raises(DatabaseUnusable, match="is locked by another program") as refused:
        post.deliver(server)
    assert "\n" not in refused.value.line()
    other.execute("ROLLBACK")
    other.close()
    with SmtpServer() as server:
        assert post.deliver(server).sent == 1


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_database_lost_in_the_middle_ends_the_run_in_one_clear_line_and_loses_no_mail(post):
    def lose(*_):
        post.elsewhere(
            post.desk.rows,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    post.book(3)
    with SmtpServer({"DATA": lambda _, count: lose() if count == 1 else None}) as server:
        with pytest.raises(DatabaseUnusable) as refused:
            post.deliver(server)
        assert "\n" not in refused.value.line()
        post.desk.db.close_all()
        post.later(2000)
        post.deliver(server)
        post.later(2000)
        post.deliver(server)
    assert set(server.recipients()) == {f"c{n}@cand.example" for n in range(3)}
    assert post.states() == ["sent"] * 3
