"""The portal's processes: a parent that only watches, and children that serve. Knows no route, no socket and no record.

The parent starts no thread and opens no connection, so that it can fork again at any time.
"""

import gc
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

log = logging.getLogger("portal")

PAUSES = (1.0, 30.0)
"""Seconds before a child that died is replaced: the first time, and at most; one that lived longer counts as new."""
STOP_SECONDS = 8.0
"""What children have to answer their last requests; then they are killed."""

Work = Callable[[Callable[[], None], int], int]
"""What a child does until SIGTERM: told how to say that it is ready, and a descriptor that ends when the parent does."""


@dataclass
class _Child:
    since: float
    pause: float
    news: int
    """The end of a pipe on which the child says that it is ready; -1 once that has been read."""
    is_ready: bool = False


class Crew:
    """`count` children that do the same work, each replaced when it dies."""

    def __init__(self, work: Work, count: int):
        self.work, self.count = work, count
        self.children: dict[int, _Child] = {}
        self.due: list[tuple[float, float]] = []
        """When a dead child is to be replaced (monotonic seconds), and the pause that it was given."""
        self.is_stopping = False
        self.lives, self.life = os.pipe()
        self.woken, self.waker = socket.socketpair()

    def run(self, on_ready: Callable[[], None], until: int | None = None) -> int:
        """Calls `on_ready` once, when all children are; runs until SIGTERM, SIGINT or the end of descriptor `until`.

        Gives 0, or a child's own exit code when it ended before all were ready: then nothing is replaced.
        """
        self._listen_to_signals()
        gc.freeze()  # what the children share with the parent stays shared
        for _ in range(self.count):
            self._start(PAUSES[0])
        code, is_ready = 0, False
        while not self.is_stopping:
            self._wait(until)
            # Looked at before the dead are counted: a child that dies at once after it was ready was ready.
            if not is_ready and all(child.is_ready for child in self.children.values()):
                is_ready = True
                on_ready()
            codes = self._reap()
            if not is_ready and codes:
                code, self.is_stopping = codes[0], True
            self._replace()
        self._end()
        return code

    def _listen_to_signals(self) -> None:
        for end in (self.woken, self.waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _stop(self, number: int, frame: object) -> None:
        self.is_stopping = True

    def _start(self, pause: float) -> None:
        hears, says = os.pipe()
        # A signal between fork and the child's own handlers would be lost.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD))
        pid = os.fork()
        if pid == 0:
            self._be_child(hears, says, blocked)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(says)
        self.children[pid] = _Child(time.monotonic(), pause, hears)

    def _be_child(self, hears: int, says: int, mask: set[signal.Signals]) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # Control-C reaches all processes of a terminal; the parent passes it on.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for end in (hears, self.life, self.woken.detach(), self.waker.detach()):
                os.close(end)
            code = self.work(lambda: _say(says), self.lives)
        except BaseException:  # noqa: BLE001 - beyond this lies the parent's own stack
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _wait(self, until: int | None) -> None:
        """Until a signal, news of a child, the time to replace one, or the end of `until`."""
        young = {child.news: child for child in self.children.values() if child.news >= 0}
        soon = min((at for at, _ in self.due), default=None)
        seconds = None if soon is None else max(0.0, soon - time.monotonic())
        ends = [self.woken, *young] + ([] if until is None else [until])
        for end in select.select(ends, [], [], seconds)[0]:
            if end is self.woken:
                self._calm()
            elif end in young:
                # A child that died instead is found by its exit code.
                young[end].is_ready = os.read(end, 1) != b""
                os.close(end)
                young[end].news = -1
            else:
                self.is_stopping |= os.read(end, 4096) == b""

    def _calm(self) -> None:
        with suppress(BlockingIOError):
            self.woken.recv(4096)

    def _reap(self) -> list[int]:
        """Exit codes of the children that ended (negative: the signal); each is due to be replaced."""
        codes = []
        for pid, child in list(self.children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.children[pid]
                if child.news >= 0:
                    os.close(child.news)
                codes.append(os.waitstatus_to_exitcode(status))
                self._plan_another(pid, child, codes[-1])
        return codes

    def _plan_another(self, pid: int, child: _Child, code: int) -> None:
        if not self.is_stopping:
            now = time.monotonic()
            pause = PAUSES[0] if now - child.since > PAUSES[1] else child.pause
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            log.warning("process %d ended with %s; another takes its place in %g seconds.", pid, how, pause)
            self.due.append((now + pause, pause))

    def _replace(self) -> None:
        now = time.monotonic()
        for at, pause in [one for one in self.due if one[0] <= now and not self.is_stopping]:
            self.due.remove((at, pause))
            self._start(min(2 * pause, PAUSES[1]))

    def _end(self) -> None:
        self._kill(signal.SIGTERM)
        at = time.monotonic() + STOP_SECONDS
        while self._reap() or self.children and time.monotonic() < at:
            select.select([self.woken], [], [], 0.1)
            self._calm()
        self._kill(signal.SIGKILL)
        for pid in list(self.children):
            os.waitpid(pid, 0)
            del self.children[pid]
        signal.set_wakeup_fd(-1)

    def _kill(self, number: signal.Signals) -> None:
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _say(end: int) -> None:
    os.write(end, b"1")
    os.close(end)
