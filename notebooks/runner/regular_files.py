"""Files where a cell or anybody else may have put something else: no link is followed, no pipe waited for."""

import errno
import os
import stat
from pathlib import Path


def is_regular(path: Path) -> bool:
    """Whether a regular file is there. Raises OSError if the folder cannot be looked into."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def opened(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the file. Raises OSError for one that is not there, and for what is no regular file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "It is no regular file", str(path))


def read(path: Path) -> str:
    """The text of the file (UTF-8). Raises OSError as `opened` does."""
    with open(opened(path), encoding="utf-8") as file:
        return file.read()


def made(path: Path) -> int:
    """A descriptor of a new file for its owner alone, in place of what was there. Raises OSError."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
