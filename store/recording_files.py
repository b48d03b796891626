"""The files of recordings: written at an offset and on the disk before anyone says so. Which may be written, `recordings` knows.

A file is `folder/<session id>/<name>`. Symbolic links below the folder are never followed.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store import places
from store.errors import RecordingsUnusable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a pipe in the file's place would hold the request for ever.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """One recording's file while nobody else writes it."""

    descriptor: int
    shown: str

    def write(self, data: bytes, offset: int, *, is_final: bool) -> None:
        """Returns when the bytes are on the disk; what lies behind the last ones is cut off.

        Raises RecordingsUnusable if the file is shorter than `offset`: bytes said to be saved are gone.
        """
        with _explained(self.shown):
            size = os.fstat(self.descriptor).st_size
            if size < offset:
                what = f"A recording in {self.shown} has {size} bytes, where {offset} had been saved."
                raise RecordingsUnusable(what, "look for what removes or replaces files there; record it again.")
            written = 0
            while written < len(data):
                written += os.pwrite(self.descriptor, data[written:], offset + written)
            if is_final:
                os.ftruncate(self.descriptor, offset + len(data))
            os.fsync(self.descriptor)


@contextmanager
def appending(folder: Path, session_id: int, name: str) -> Iterator[OpenRecording]:
    """The file, made if there is none, locked against every other process. Raises RecordingsUnusable."""
    shown = places.shown(folder)
    with _explained(shown):
        descriptor = _opened_to_write(folder, session_id, name)
    try:
        with _explained(shown):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield OpenRecording(descriptor, shown)
    finally:
        os.close(descriptor)


def _opened_to_write(folder: Path, session_id: int, name: str) -> int:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.sync_folder(folder.parent)
    with _session_folder(folder, session_id, make=True) as parent:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | _FILE, 0o600, dir_fd=parent)
        try:
            _check_regular(descriptor)
            if os.fstat(descriptor).st_size == 0:
                os.fsync(parent)
        except OSError:
            os.close(descriptor)
            raise
    return descriptor


@contextmanager
def _session_folder(folder: Path, session_id: int, *, make: bool = False) -> Iterator[int]:
    base = os.open(folder, _FOLDER)
    try:
        if make:
            _make_folder(str(session_id), base)
        parent = os.open(str(session_id), _FOLDER | os.O_NOFOLLOW, dir_fd=base)
    finally:
        os.close(base)
    try:
        yield parent
    finally:
        os.close(parent)


def _make_folder(name: str, base: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=base)
    except FileExistsError:
        return
    os.fsync(base)


def _check_regular(descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.ELOOP, "not a regular file")


def opened(folder: Path, session_id: int, name: str) -> BinaryIO:
    """The file, to read. It may hold more bytes than were saved. Raises RecordingsUnusable."""
    with _explained(places.shown(folder)), _session_folder(folder, session_id) as parent:
        descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=parent)
        try:
            _check_regular(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")


def remove(folder: Path, session_id: int, name: str) -> None:
    """Removes the file; one that is gone already is none to remove. Raises RecordingsUnusable."""
    with _explained(places.shown(folder)):
        try:
            with _session_folder(folder, session_id) as parent:
                os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return


_SPACE = ("is full.", "free some disk space; the candidates' pages then go on by themselves.")
_RIGHTS = ("may not be written.", "give this user the right to write it, or correct RECORDINGS_FOLDER.")
_SHAPE = (
    "has a link or something else where a file or folder should be.",
    "move it away or correct RECORDINGS_FOLDER.",
)
_REASONS = {
    errno.ENOSPC: _SPACE, errno.EDQUOT: _SPACE, errno.EACCES: _RIGHTS, errno.EPERM: _RIGHTS, errno.EROFS: _RIGHTS,
    errno.ELOOP: _SHAPE, errno.ENOTDIR: _SHAPE, errno.EEXIST: _SHAPE, errno.EISDIR: _SHAPE,
    errno.EFBIG: ("may not hold files so large.", "raise this user's limit (ulimit -f) or lower RECORDING_BYTES."),
    errno.ENOENT: ("lacks a recording that the record knows.", "restore it from a backup, or correct RECORDINGS_FOLDER."),
}  # fmt: skip


@contextmanager
def _explained(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = (f"cannot be used: {error.strerror}.", "check the disk that it lies on.")
        what, fix = _REASONS.get(error.errno, cause)
        raise RecordingsUnusable(f"The folder of recordings {shown} {what}", fix) from error
