"""The watch over a run: when its time counts, and what it does about a run that does not end."""

import os
import signal
import threading
import time

import pytest
from waiting import wait_until

from notebooks.runner import watch
from notebooks.runner.stop_signals import StopSignals
from notebooks.runner.watch import Watch


@pytest.fixture
def given_up():
    """What the watch said when it gave up."""
    return []


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(watch, "LOST_SECONDS", 0.1)
    monkeypatch.setattr(watch, "HANG_SECONDS", 0.3)
    monkeypatch.setattr(watch, "_KILL_SECONDS", 0.1)


def watching(given_up, total=None):
    return Watch(StopSignals(), total, None, lambda *told: given_up.append(told))


def test_a_signal_that_whoever_started_the_run_had_blocked_is_noticed():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(signals.is_asked)
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StuckKernel:
    """Of a process that waits for a dead network folder: nothing ends it."""

    def __init__(self):
        self.asked = []
        self.ended = threading.Event()

    def interrupt(self):
        self.asked.append("interrupt")

    def kill(self):
        self.asked.append("kill")
        self.ended.wait()


def test_the_time_of_a_run_counts_from_its_beginning_not_while_it_waits_for_another(given_up):
    with watching(given_up, total=0.3) as watched:
        time.sleep(0.6)
        assert watched.reason == ""
        watched.begins()
        wait_until(lambda: watched.reason == "out_of_time")


@pytest.mark.usefixtures("hurried")
def test_a_run_that_does_not_end_is_given_up_even_if_its_kernel_cannot_be_ended(given_up):
    kernel = StuckKernel()
    with watching(given_up) as watched:
        watched.guard(kernel)
        watched.stop("stopped", "Stopped.")
        wait_until(lambda: given_up)
    assert (given_up, kernel.asked) == ([("stopped", "Stopped.")], ["interrupt", "kill", "kill"])
    kernel.ended.set()


@pytest.mark.usefixtures("hurried")
def test_a_run_that_ends_in_time_is_not_given_up(given_up, monkeypatch):
    monkeypatch.setattr(watch, "HANG_SECONDS", 30.0)
    with watching(given_up) as watched:
        watched.stop("stopped", "Stopped.")
        time.sleep(0.6)
    assert given_up == []
