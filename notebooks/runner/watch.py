"""The watch over a run: it stops the kernel when time is up or somebody asks, politely first."""

import signal
import threading
import time
from types import FrameType, TracebackType

from notebooks.runner.private_kernel import PrivateKernel
from store.job_runs import OUT_OF_TIME, STOPPED

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 10.0
"""So long a cell may take to end after it was interrupted; then the kernel is killed."""
_LOOK_SECONDS = 0.1


class Interrupted(Exception):
    """No further cell is begun."""


class Watch:
    """Runs in a thread for the length of a block. `reason` is why the run is being stopped, empty while it is not."""

    def __init__(self, total: float | None = None, cell: float | None = None):
        self.reason = self.detail = ""
        self._total, self._cell = total, cell
        self._begun = time.monotonic()
        self._cell_begun: float | None = None
        self._asked = 0
        self._kernel: PrivateKernel | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            # What whoever started this had ignored (nohup does) stays ignored.
            heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._ask) for number in heeded}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        # No lock may be taken here: the thread that is interrupted may hold it.
        self._asked = number

    @property
    def is_asked(self) -> bool:
        """Whether a signal asked this run to stop."""
        return self._asked != 0

    def guard(self, kernel: PrivateKernel | None) -> None:
        """From now on this kernel is the one to stop."""
        self._kernel = kernel

    def stop(self, reason: str, detail: str) -> None:
        """Has the run stopped; the first reason counts."""
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

    def _notice(self) -> None:
        now = time.monotonic()
        if self._asked:
            self.stop(STOPPED, f"Stopped by {signal.Signals(self._asked).name}.")
        if self._total is not None and now - self._begun > self._total:
            self.stop(OUT_OF_TIME, f"The run took longer than the {self._total:g} s it was given (--timeout).")
        if self._cell is not None and self._cell_begun is not None and now - self._cell_begun > self._cell:
            self.stop(OUT_OF_TIME, f"A cell took longer than the {self._cell:g} s it was given (--cell-timeout).")

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._notice()
            if self.reason and self._kernel:
                self._end(self._kernel)
                return

    def _end(self, kernel: PrivateKernel) -> None:
        kernel.interrupt()
        if not self._ended.wait(GRACE_SECONDS):
            kernel.kill()
