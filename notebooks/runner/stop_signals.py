"""The signals that ask to stop. What is done about one is the business of whoever holds them."""

import signal
import threading
from types import FrameType, TracebackType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HALTS = (signal.SIGTSTP, signal.SIGTTOU)
"""What Ctrl-Z sends, and a terminal to who writes in the background: a halted runner would lose its lock."""


class StopSignals:
    """Holds them for the length of a block: none ends the process meanwhile. `number` is the last one, 0 while none came."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            # What whoever started this had ignored (nohup does) stays ignored.
            heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._note) for number in heeded}
            self._before |= {number: signal.signal(number, signal.SIG_IGN) for number in _HALTS}
            # What whoever started this had blocked would never come.
            self._blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, heeded)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)

    def _note(self, number: int, _: FrameType | None) -> None:
        # No lock may be taken here: the thread that is interrupted may hold it.
        self.number = number

    def is_asked(self) -> bool:
        """Whether one came."""
        return self.number != 0

    def forget(self) -> None:
        """From now on only a further one counts."""
        self.number = 0


class BreakingOff(StopSignals):
    """Holds them while no run is begun: each breaks off what is being done, as Ctrl-C does, and what was opened is closed."""

    is_over = False
    """Whether what was begun has ended, and how it did is no signal's business any more."""

    def _note(self, number: int, _: FrameType | None) -> None:
        if not self.is_over:
            raise KeyboardInterrupt
