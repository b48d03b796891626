"""Ctrl-C and a notebook's Stop while mails go out: what is on the line ends, no other begins, and nothing is mailed twice."""

import os
import signal
import threading

import pytest
from smtp_server import After, SmtpServer, account

from mailer.interrupts import finished_first

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
        assert stop.wait(5)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("The second did not come through.")


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
