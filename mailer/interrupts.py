"""Ctrl-C, and a notebook's Stop, while mails go out: what is on the line is ended first, for half a mail may come twice."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE_SECONDS = 20.0
"""So long a server's answer is waited for after an interrupt: a run that is stopped has 24 seconds (`runner.watch`).

A second interrupt ends the waiting at once: it comes to a run that has lost its lock.
"""
_LOOK_SECONDS = 0.05


@contextmanager
def finished_first() -> Iterator[threading.Event]:
    """Gives an event that an interrupt sets; the KeyboardInterrupt follows the block, whatever that raises.

    It comes into the block with a second interrupt, and where the block does not end within PATIENCE_SECONDS.
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
            if not done.wait(PATIENCE_SECONDS):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    teller = threading.Thread(target=tell, name="interrupts", daemon=True)
    signal.signal(signal.SIGINT, note)
    teller.start()
    try:
        yield stop
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        done.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    teller.join()
    if asked:
        raise KeyboardInterrupt
