"""A folder of one run's own for sockets and temporary files; those of runs that were killed are taken away later."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX, _HELD = "interview-ops-run-", "held"
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


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        # Of another user, or taken away by another run meanwhile.
        with suppress(OSError):
            about = folder.stat()
            # A young one may not have taken its lock yet.
            if about.st_uid == os.getuid() and time.time() - about.st_mtime > _YOUNG_SECONDS:
                _take_away(folder)


def _take_away(folder: Path) -> None:
    with open(folder / _HELD, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
