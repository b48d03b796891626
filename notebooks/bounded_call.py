"""A call that may hang, in a thread of its own: it is left when its time is up, or when somebody asks."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

_LOOK_SECONDS = 0.1
_Given = TypeVar("_Given")


class CallLeft(Exception):
    """The call had not ended. Its thread goes on and ends with the process; what it gives is nobody's."""


def call_within(seconds: float, call: Callable[[], _Given], is_asked: Callable[[], bool] = lambda: False) -> _Given:
    """What the call gives, or raises what it raises. Raises CallLeft after so many seconds, or as soon as `is_asked`.

    Whatever belongs to a thread, such as a connection of the database, is the call's own: it is to give it back.
    """
    done: Future[_Given] = Future()
    threading.Thread(target=_make, args=(call, done), name="bounded call", daemon=True).start()
    until = time.monotonic() + seconds
    while not done.done():
        if is_asked():
            raise CallLeft("a signal came")
        if time.monotonic() >= until:
            raise CallLeft(f"it had not ended after {seconds:g} s")
        wait([done], min(_LOOK_SECONDS, seconds))
    return done.result()


def _make(call: Callable[[], _Given], done: "Future[_Given]") -> None:
    try:
        given = call()
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits for it
        done.set_exception(error)
    else:
        done.set_result(given)
