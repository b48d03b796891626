"""All that a kernel has started, wherever it went: what leaves its session and its parent keeps the mark of its run.

The mark is a limit of processes that limits nobody: `RLIMIT_RTTIME`, which real-time scheduling alone heeds, so high
that nothing reaches it. A child inherits it whatever environment it is given, it cannot be raised again without rights
of root, and everybody may read it (setrlimit(2), proc(5)). Known on Linux only; elsewhere nothing is marked or found.
"""

import logging
import os
import resource
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
_LOWEST, _HIGHEST = 1 << 40, 1 << 62
"""Microseconds: 12 days, under which a limit may be meant, and 146,000 years."""
_LIMIT = "Max realtime timeout"
_END_SECONDS, _LOOK_SECONDS = 5.0, 0.01
"""So long killed processes may take to end: one that waits for a dead disk does not, and cannot be waited for."""


def mark(process: int) -> int | None:
    """Marks a process, before it starts others; gives the mark. None where the system does not let it be marked."""
    with suppress(OSError, AttributeError):
        _, given = resource.prlimit(process, resource.RLIMIT_RTTIME)
        highest = _HIGHEST if given == resource.RLIM_INFINITY else min(given, _HIGHEST)
        if highest >= _LOWEST:
            chosen = highest // 2 + secrets.randbelow(highest // 2)
            resource.prlimit(process, resource.RLIMIT_RTTIME, (chosen, chosen))
            return chosen
    return None


def end_all(marked: int) -> None:
    """Kills every process with this mark, and returns when none is left; one that cannot end is logged."""
    until = time.monotonic() + _END_SECONDS
    while living := list(_with(marked)):
        if time.monotonic() > until:
            log.warning("DEBUG: what a run started does not end: processes %s", ", ".join(map(str, living)))
            return
        for number in living:
            _kill(number, marked)
        time.sleep(_LOOK_SECONDS)


def _kill(number: int, marked: int) -> None:
    # Gone meanwhile, or another user's by now.
    with suppress(OSError):
        process = os.pidfd_open(number)
        try:
            # The number may be another process's by now; what the descriptor stands for does not change any more.
            if _mark_of(number) == marked:
                signal.pidfd_send_signal(process, signal.SIGKILL)
        finally:
            os.close(process)


def _with(marked: int) -> Iterator[int]:
    numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return (number for number in numbers if _mark_of(number) == marked and _lives(number))


def _mark_of(number: int) -> int | None:
    """A process's mark, or whatever limit it has; None for one that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{number}/limits").read_text(encoding="ascii").splitlines():
            if line.startswith(_LIMIT) and (limit := line.split()[-2]).isdecimal():
                return int(limit)
    return None


def _lives(number: int) -> bool:
    """Whether a thread of the process runs; an entry that nobody has waited for (a zombie) does nothing any more."""
    with suppress(OSError):
        threads = list(Path(f"/proc/{number}/task").glob("*/stat"))
        return any(thread.read_text(errors="replace").rpartition(") ")[2][0] not in "ZX" for thread in threads)
    return False
