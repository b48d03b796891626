"""Ctrl-C, and a notebook's Stop, while mails go out: what is on the line is ended first, for half a mail may come twice."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LOOK_SECONDS = 0.05


@contextmanager
def finished_first() -> Iterator[threading.Event]:
    """Gives an event that an interrupt sets; the KeyboardInterrupt follows the block, or comes at once with a second one.

    Only in the main thread, and where an interrupt raises KeyboardInterrupt; elsewhere nothing is changed.
    """
    stop = threading.Event()
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield stop
        return
    asked: list[int] = []
    done = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        # No lock may be taken here: the thread that is interrupted may hold it.
        if asked:
            signal.default_int_handler(number, frame)
        asked.append(number)

    def tell() -> None:
        while not asked and not done.wait(_LOOK_SECONDS):
            pass
        if asked:
            stop.set()

    teller = threading.Thread(target=tell, name="interrupts", daemon=True)
    signal.signal(signal.SIGINT, note)
    teller.start()
    try:
        yield stop
    finally:
        done.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    teller.join()
    if asked:
        raise KeyboardInterrupt
