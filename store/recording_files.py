"""The files of recordings: written at an offset and on the disk before anyone says so. Which may be written, `recordings` knows.

A file is `folder/<session id>/<name>`. Symbolic links below the folder are never followed.
"""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store import places
from store.errors import RecordingsUnusable
from store.ids import is_id

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a pipe in the file's place would hold the request for ever.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOCKS = ".locks"


def check(folder: Path, free_bytes: int) -> None:
    """Makes the folder if there is none. Raises RecordingsUnusable unless it can be written and has so much room."""
    shown = places.shown(folder)
    with _explained(shown):
        _make(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if shutil.disk_usage(folder).free < free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileNotFoundError as error:
        what = f"The folder of recordings {places.shown(folder)} cannot be made there."
        raise RecordingsUnusable(what, "correct RECORDINGS_FOLDER.") from error
    places.sync_folder(folder.parent)


@contextmanager
def locked(folder: Path, session_id: int) -> Iterator[None]:
    """While it lasts, no other thread or process that asks for it writes or removes files of the session.

    The lock is a file of its own, for several machines may share the folder, and a network's file system locks no
    folders. Raises RecordingsUnusable.
    """
    with _explained(places.shown(folder)):
        _make(folder)
        descriptor = _lock_file(folder, str(session_id))
    try:
        with _explained(places.shown(folder)):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock_file(folder: Path, name: str) -> int:
    with _subfolder(folder, _LOCKS, make=True) as parent:
        return os.open(name, os.O_RDWR | os.O_CREAT | _FILE, 0o600, dir_fd=parent)


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """One recording's file, opened to be written by who has the session's lock."""

    descriptor: int
    shown: str

    def write(self, data: bytes, offset: int, *, is_final: bool) -> None:
        """Returns when the bytes are on the disk; what lies behind the final ones is cut off.

        Raises RecordingsUnusable if the file is shorter than `offset`: bytes said to be saved are gone.
        """
        with _explained(self.shown):
            _check_size(self.descriptor, offset, self.shown)
            written = 0
            while written < len(data):
                written += os.pwrite(self.descriptor, data[written:], offset + written)
            if is_final:
                os.ftruncate(self.descriptor, offset + len(data))
            os.fsync(self.descriptor)


@contextmanager
def appending(folder: Path, session_id: int, name: str) -> Iterator[OpenRecording]:
    """The file, made if there is none; to be called under the session's lock. Raises RecordingsUnusable."""
    shown = places.shown(folder)
    with _explained(shown):
        descriptor = _opened_to_write(folder, session_id, name)
    try:
        yield OpenRecording(descriptor, shown)
    finally:
        os.close(descriptor)


def _opened_to_write(folder: Path, session_id: int, name: str) -> int:
    _make(folder)
    with _subfolder(folder, str(session_id), make=True) as parent:
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
def _subfolder(folder: Path, name: str, *, make: bool = False) -> Iterator[int]:
    base = os.open(folder, _FOLDER)
    try:
        if make:
            _make_subfolder(name, base)
        parent = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=base)
    finally:
        os.close(base)
    try:
        yield parent
    finally:
        os.close(parent)


def _make_subfolder(name: str, base: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=base)
    except FileExistsError:
        return
    os.fsync(base)


def _check_regular(descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.ELOOP, "not a regular file")


def opened(folder: Path, session_id: int, name: str, saved: int) -> BinaryIO:
    """The file, to read, of which `saved` bytes count; it may hold more. Raises RecordingsUnusable."""
    shown = places.shown(folder)
    with _explained(shown), _subfolder(folder, str(session_id)) as parent:
        descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=parent)
        try:
            _check_regular(descriptor)
            _check_size(descriptor, saved, shown)
        except (OSError, RecordingsUnusable):
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")


def _check_size(descriptor: int, saved: int, shown: str) -> None:
    there = os.fstat(descriptor).st_size
    if there < saved:
        what = f"A recording in {shown} has {there} bytes, where {saved} had been saved."
        fix = "restore it from a newer backup; its page, if it is still open, sends the rest again."
        raise RecordingsUnusable(what, fix)


def size(folder: Path, session_id: int, name: str) -> int:
    """The bytes that the file has; 0 if there is none. Raises RecordingsUnusable."""
    with _explained(places.shown(folder)):
        try:
            with _subfolder(folder, str(session_id)) as parent:
                return os.stat(name, dir_fd=parent, follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0


def remove(folder: Path, session_id: int, name: str) -> None:
    """Removes the file, and with the last one its folder; to be called under the session's lock.

    A file that is gone already is none to remove. Raises RecordingsUnusable.
    """
    with _explained(places.shown(folder)), suppress(FileNotFoundError):
        with _subfolder(folder, str(session_id)) as parent:
            os.unlink(name, dir_fd=parent)
        with suppress(OSError):
            os.rmdir(folder / str(session_id))


@dataclass(frozen=True, slots=True)
class Found:
    """A file that lies in a session's folder. `changed_at` is epoch seconds."""

    session_id: int
    name: str
    size: int
    changed_at: float


def found(folder: Path) -> list[Found]:
    """Every file in the folders of sessions, in no order; none if there is no folder. Raises RecordingsUnusable."""
    with _explained(places.shown(folder)):
        names = os.listdir(folder) if folder.is_dir() else []
        sessions = [name for name in names if name.isascii() and name.isdigit() and _is_session(name)]
        return [file for name in sessions for file in _found_in(folder, name)]


def _is_session(name: str) -> bool:
    return is_id(int(name)) and str(int(name)) == name


def _found_in(folder: Path, session: str) -> list[Found]:
    files = []
    # What is no folder of ours, or goes while this looks, is nothing that a crash left.
    with suppress(FileNotFoundError, NotADirectoryError), _subfolder(folder, session) as parent:
        for name in os.listdir(parent):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    files.append(Found(int(session), name, status.st_size, status.st_mtime))
    return files


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
