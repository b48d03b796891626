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


@pytest.mark.parametrize("reason", ["overtaken", "failed"])
def test_a_lock_that_is_lost_during_a_stop_leaves_the_cell_less_time(given_up, monkeypatch, reason):
    kernel = StuckKernel()
    monkeypatch.setattr(watch, "GRACE_SECONDS", 600.0)
    monkeypatch.setattr(watch, "LOST_SECONDS", 3.0)
    monkeypatch.setattr(watch, "URGE_SECONDS", 0.2)
    with watching(given_up) as watched:
        watched.guard(kernel)
        watched.stop("stopped", "Stopped.")
        wait_until(lambda: kernel.asked)
        time.sleep(0.4)
        assert kernel.asked == ["interrupt"]
        watched.stop(reason, "The lock is lost.")
        wait_until(lambda: "kill" in kernel.asked)
        assert (kernel.asked[:3], watched.reason) == (["interrupt", "interrupt", "kill"], "stopped")
        kernel.ended.set()


def test_a_heart_that_gets_stuck_during_a_stop_is_noticed(given_up, monkeypatch):
    kernel, stuck = StuckKernel(), threading.Event()
    monkeypatch.setattr(watch, "GRACE_SECONDS", 600.0)
    monkeypatch.setattr(watch, "LOST_SECONDS", 0.3)
    with watching(given_up) as watched:
        watched.guard(kernel)
        watched.listen(stuck.is_set)
        watched.stop("stopped", "Stopped.")
        wait_until(lambda: kernel.asked)
        stuck.set()
        wait_until(lambda: "kill" in kernel.asked)
        kernel.ended.set()


@pytest.mark.usefixtures("hurried")
def test_a_run_that_ends_in_time_is_not_given_up(given_up, monkeypatch):
    monkeypatch.setattr(watch, "HANG_SECONDS", 30.0)
    with watching(given_up) as watched:
        watched.stop("stopped", "Stopped.")
        time.sleep(0.6)
    assert given_up == []
