"""A folder of one run's own for sockets and temporary files; those of runs that were killed are taken away later.

So are processes that those left running.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notebooks.runner import offspring

_PREFIX, _HELD, _MARK = "interview-ops-run-", "held", "mark"
_LONGEST_PATH = 60
"""A socket's path has room for 107 bytes; the folder's own name and the socket's come after this."""
_YOUNG_SECONDS = 60.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder that this user alone may enter; it goes away with the block."""
    usual = tempfile.gettempdir()
    place = Path(usual if len(usual) <= _LONGEST_PATH else "/tmp")
    _sweep(place)
    room = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True)
    with room as name, open(Path(name, _HELD), "w") as held:
        # Whoever can take this lock knows that the run is over, in whatever container it was.
        fcntl.flock(held, fcntl.LOCK_EX)
        yield Path(name)


def leave_mark(folder: Path, mark: int) -> None:
    """Notes the mark of what the run starts, for whoever takes the folder of a killed runner away."""
    (folder / _MARK).write_text(f"{mark}\n", encoding="ascii")


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        # Of another user, or taken away by another run meanwhile.
        with suppress(OSError):
            about = folder.stat()
            # A young one may not have taken its lock yet; it is marked after that.
            is_held_or_over = (folder / _MARK).exists() or time.time() - about.st_mtime > _YOUNG_SECONDS
            if about.st_uid == os.getuid() and is_held_or_over:
                _take_away(folder)


def _take_away(folder: Path) -> None:
    with open(folder / _HELD, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _end_what_was_started(folder)
        shutil.rmtree(folder)


def _end_what_was_started(folder: Path) -> None:
    # No mark, or half of one, is of no process.
    with suppress(OSError, ValueError):
        offspring.end_all(int((folder / _MARK).read_text(encoding="ascii")))
