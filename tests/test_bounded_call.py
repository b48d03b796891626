"""A call that may hang is waited for until it ends, until its time is up, or until somebody asks."""

import threading
import time

import pytest

from notebooks.bounded_call import CallLeft, call_within


def test_what_a_call_gives_and_raises_is_its_callers():
    assert call_within(5, lambda: threading.current_thread() is not threading.main_thread())
    with pytest.raises(ZeroDivisionError):
        call_within(5, lambda: 1 / 0)


def test_a_call_is_left_when_its_time_is_up(never):
    began = time.monotonic()
    with pytest.raises(CallLeft, match=r"not ended after 0\.2 s"):
        call_within(0.2, never.wait)
    assert time.monotonic() - began < 5


def test_a_call_is_left_as_soon_as_somebody_asks(never):
    with pytest.raises(CallLeft, match="a signal came"):
        call_within(60, never.wait, lambda: True)


@pytest.fixture
def never():
    """An event that comes when the test is over."""
    never = threading.Event()
    yield never
    never.set()
