"""The watch over a run: it stops the kernel when time is up or somebody asks, politely first; at last the runner itself."""

import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType

from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.stop_signals import StopSignals
from store.outcomes import FAILED, OUT_OF_TIME, OVERTAKEN, STOPPED

GRACE_SECONDS = 24.0
"""So long a cell may take to end after it was interrupted; then the kernel is killed. Mails on the line are ended meanwhile."""
URGE_SECONDS, LOST_SECONDS = 6.0, 10.0
"""From the moment when the lock may soon be another run's, which must find nobody at work, however the stop began: so long
until the cell is interrupted again, and waits for no mail server any more, and until its kernel is killed."""
HANG_SECONDS = 45.0
"""So long the run may take to write its record after that; then it is told to give up."""
_KILL_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class Interrupted(Exception):
    """No further cell is begun."""


class Watch:
    """Runs in a thread for the length of a block. `reason` is why the run is being stopped, empty while it is not.

    `total` and `cell` are seconds. `give_up` gets reason and detail if the block has not ended long after it should have.
    """

    def __init__(
        self, signals: StopSignals, total: float | None, cell: float | None, give_up: Callable[[str, str], None]
    ):
        self.reason = self.detail = ""
        self._signals, self._total, self._cell, self._give_up = signals, total, cell, give_up
        self._begun: float | None = None
        self._cell_begun: float | None = None
        self._kernel: PrivateKernel | None = None
        self._is_stuck: Callable[[], bool] = lambda: False
        self._lost_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def begins(self) -> None:
        """The run has its lock: its time counts from now on."""
        self._begun = time.monotonic()

    def guard(self, kernel: PrivateKernel | None) -> None:
        """From now on this kernel is the one to stop."""
        self._kernel = kernel

    def listen(self, is_stuck: Callable[[], bool]) -> None:
        """From now on the run is stopped when `is_stuck` says that its heart waits for ever."""
        self._is_stuck = is_stuck

    def stop(self, reason: str, detail: str) -> None:
        """Has the run stopped; the first reason counts. A lock that is lost hurries a stop that has begun already."""
        if reason in (OVERTAKEN, FAILED) and self._lost_at is None:
            self._lost_at = time.monotonic()
        if not self.reason:
            self.detail, self.reason = detail, reason

    def cell_begins(self, **_: object) -> None:
        """To be called before each cell. Raises Interrupted when the run is to stop."""
        self._notice()
        if self.reason:
            raise Interrupted(self.detail)
        self._cell_begun = time.monotonic()

    def cell_ended(self, **_: object) -> None:
        """To be called after each cell."""
        self._cell_begun = None

    @property
    def is_in_cell(self) -> bool:
        """Whether a cell was begun and has not ended."""
        return self._cell_begun is not None

    def _notice(self) -> None:
        if self._is_stuck():
            self.stop(FAILED, "The record did not answer the heartbeat, so another run might have begun.")
        if number := self._signals.number:
            self.stop(STOPPED, f"Stopped by {signal.Signals(number).name}.")
        if _is_over(self._begun, self._total):
            self.stop(OUT_OF_TIME, f"The run took longer than the {self._total:g} s it was given (--timeout).")
        if _is_over(self._cell_begun, self._cell):
            self.stop(OUT_OF_TIME, f"A cell took longer than the {self._cell:g} s it was given (--cell-timeout).")

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._notice()
            if self.reason:
                self._end()
                return

    def _end(self) -> None:
        self._interrupt()
        self._wait_for_cell()
        if self._ended.is_set():
            return
        self._kill()
        if self._ended.wait(HANG_SECONDS):
            return
        self._kill()
        self._give_up(self.reason, self.detail)

    def _wait_for_cell(self) -> None:
        begun, is_urged = time.monotonic(), False
        while not self._ended.wait(_LOOK_SECONDS):
            self._notice()
            if _is_over(begun, GRACE_SECONDS) or _is_over(self._lost_at, LOST_SECONDS):
                return
            if not is_urged and _is_over(self._lost_at, URGE_SECONDS):
                is_urged = True
                self._interrupt()

    def _interrupt(self) -> None:
        # One that comes up later is given no cell.
        if kernel := self._kernel:
            kernel.interrupt()

    def _kill(self) -> None:
        if kernel := self._kernel:
            # Apart: a kernel that waits for a dead network folder does not even end then, and nobody may wait for it.
            killer = threading.Thread(target=kernel.kill, name="killer", daemon=True)
            killer.start()
            killer.join(_KILL_SECONDS)


def _is_over(begun: float | None, seconds: float | None) -> bool:
    return begun is not None and seconds is not None and time.monotonic() - begun > seconds
