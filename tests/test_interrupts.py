"""Ctrl-C and a notebook's Stop while mails go out: what is on the line ends, no other begins, and nothing is mailed twice."""

import os
import signal
import threading
import time
from collections import Counter

import pytest
from smtp_server import SILENCE, After, SmtpServer, account

from mailer import interrupts
from mailer.errors import MailerError
from mailer.interrupts import finished_first
from mailer.worker import Worker

pytest_plugins = ("post_office",)


def interrupting(times, wait=1.0):
    """An answer to the end of the third mail that comes late, and interrupts this process before."""

    def answer(_, count):
        if count != 3:
            return None
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        return After("250 ok", wait)

    return answer


@pytest.fixture
def ctrl_c():
    """What Python does about an interrupt unless somebody changed it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_an_interrupt_ends_the_mails_on_the_line_first_and_nothing_is_mailed_twice(post, ctrl_c):
    post.book(12)
    with SmtpServer({".": interrupting(1)}) as server:
        with pytest.raises(KeyboardInterrupt):
            post.deliver_as(account(server), trace=False)
        states = post.states()
        assert (set(states), states.count("sent")) == ({"sent", "queued"}, len(server.delivered))
        assert 3 <= len(server.delivered) < 12
        post.deliver_as(account(server), trace=False)
    assert (post.states(), len(server.delivered)) == (["sent"] * 12, 12)


def test_a_second_interrupt_does_not_wait(ctrl_c):
    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()


def interrupt_twice():
    with finished_first() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.wait(20)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("The second did not come through.")


@pytest.mark.parametrize("step", [".", "BANNER"])
def test_a_server_that_does_not_answer_is_waited_for_only_so_long_and_the_other_mails_are_free(
    post, ctrl_c, monkeypatch, step
):
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 0.5)
    post.book(5)

    def silent(*_):
        os.kill(os.getpid(), signal.SIGINT)
        return SILENCE

    began = time.monotonic()
    with SmtpServer({step: silent}) as server, pytest.raises(KeyboardInterrupt):
        post.deliver_as(account(server, timeout=20, deadline=30), trace=False)
    assert time.monotonic() - began < 10
    # The next one's envelope goes out with a mail's final dot.
    on_the_line = ["unknown"] * 2 if step == "." else []
    assert sorted(post.states()) == ["queued"] * (5 - len(on_the_line)) + on_the_line


def silent_and_interrupting(when):
    """An answer that never comes; the interrupt comes when so many wait for one."""
    asked = []

    def answer(*_):
        asked.append(1)
        if len(asked) == when:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return SILENCE

    return answer


@pytest.mark.parametrize("step", ["BANNER", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_line_that_was_cut_by_an_interrupt_is_not_put_down_to_the_server(post, ctrl_c, monkeypatch, caplog, step):
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 0.5)
    post.book_file(600)
    with SmtpServer({step: silent_and_interrupting(when=4)}) as server, pytest.raises(KeyboardInterrupt):
        post.deliver_as(account(server, timeout=25, deadline=30, connections=4), trace=False)
    rows = post.desk.rows("SELECT DISTINCT state, coalesce(signature, ''), attempts FROM notification")
    # The thread that is interrupted cannot tell how far its mail had come.
    begun = set() if step in ("BANNER", "EHLO") else {("unknown", "worker_interrupted", 1)}
    assert set(rows) == {("queued", "", 0)} | begun
    assert "[EMAIL FAILED]" not in caplog.text


@pytest.mark.parametrize("step", [".", "BANNER"])
def test_no_connection_of_several_is_waited_for_longer_and_none_keeps_its_mails(post, ctrl_c, monkeypatch, step):
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 0.5)
    post.book_file(600)
    began = time.monotonic()
    with SmtpServer({step: silent_and_interrupting(when=4)}) as server, pytest.raises(KeyboardInterrupt):
        post.deliver_as(account(server, timeout=25, deadline=30, connections=4), trace=False)
    assert time.monotonic() - began < 12
    states = Counter(post.states())
    assert set(states) <= {"queued", "unknown"}
    on_the_line = len(server.connections) if step == "." else 0
    # The next one's envelope goes out with a mail's final dot; the thread that is interrupted cannot tell them apart.
    assert on_the_line <= states["unknown"] <= on_the_line + (step == ".")
    assert len(server.connections) == 4


def test_a_connection_that_is_silent_while_the_others_are_done_is_left_too(post, ctrl_c, monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 2.0)
    post.book_file(600)
    silent = silent_and_interrupting(when=1)
    began = time.monotonic()
    with (
        SmtpServer({".": lambda _, count: silent() if count == 5 else None}) as server,
        pytest.raises(KeyboardInterrupt),
    ):
        post.deliver_as(account(server, timeout=25, deadline=30, connections=4), trace=False)
    assert time.monotonic() - began < 12
    states = Counter(post.states())
    # The server has the mail that it says nothing to.
    assert (set(states), states["sent"] + 1) == ({"queued", "unknown", "sent"}, len(server.delivered))


def test_the_mails_of_a_worker_that_does_not_come_back_are_settled_in_its_place(post, ctrl_c, monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(Worker, "cut", lambda worker: None)
    post.book_file(600)
    began = time.monotonic()
    with SmtpServer({".": silent_and_interrupting(when=4)}) as server, pytest.raises(KeyboardInterrupt):
        post.deliver_as(account(server, timeout=25, deadline=30, connections=4), trace=False)
    assert time.monotonic() - began < 12
    assert set(post.states()) == {"queued", "unknown"}


def test_an_interrupt_is_told_where_the_block_ends_with_an_error(ctrl_c):
    with pytest.raises(KeyboardInterrupt):
        interrupt_and_fail()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt_and_fail():
    with finished_first():
        signal.raise_signal(signal.SIGINT)
        raise MailerError("The line is lost.")


def test_without_an_interrupt_nothing_is_asked_for(ctrl_c):
    with finished_first() as stop:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert not stop.is_set()


def test_what_others_do_about_interrupts_is_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with finished_first() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.wait(0.2)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_changes_no_signal(ctrl_c):
    seen = []

    def look():
        with finished_first():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
