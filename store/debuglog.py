"""The debug log: one file a run, one event a line, redacted; and the summary that a notebook shows of it."""

import logging
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from store import places
from store.errors import StoreError
from store.redaction import RedactingFormatter

LOGGERS = ("store", "mailer", "notebooks", "portal")
TAGS = ("DEBUG:", "EMAIL:", "[SUCCESS]", "[EMAIL NOT SENT]", "[EMAIL FAILED]", "[EMAIL UNKNOWN]")
FAILURES = TAGS[3:]

Follower = Callable[[int, str], None]
"""Gets each line's level and the line, redacted as in the file and without its end, one at a time."""


def formatter() -> logging.Formatter:
    """The one form of a log line: UTC time, level, tag, text."""
    return RedactingFormatter()


class LogFile(logging.Handler):
    """A log file: each line is in it when the logging call returns. What cannot be written is told once on stderr."""

    def __init__(self, path: Path, follower: Follower | None = None):
        """Raises OSError if the file cannot be opened."""
        super().__init__()
        self.setFormatter(formatter())
        self._path, self._follower, self._is_broken = path, follower, False
        # Line-buffered: the text layer hands each line on in one write, without a further call.
        self._file = open(path, "a", buffering=1, encoding="utf-8", errors="backslashreplace", newline="\n")  # noqa: SIM115

    def emit(self, record: logging.LogRecord) -> None:
        if self._file.closed:
            _to_newest(record, besides=self)
            return
        try:
            line = self.format(record)
            self._file.write(f"{line}\n")
            if self._follower:
                self._follower(record.levelno, line)
        except Exception:  # noqa: BLE001 - told by handleError; work never fails because of its log
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Tells of a line that cannot be made or written, without its text and arguments: they may hold a secret."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._tell(error)
            return
        about = f"a line of {record.filename}:{record.lineno} cannot be shown: {type(error).__name__}"
        substitute = logging.LogRecord(
            record.name, logging.ERROR, record.pathname, record.lineno, "DEBUG: %s", (about,), None
        )
        try:
            self._file.write(f"{self.format(substitute)}\n")
        except OSError as unwritten:
            self._tell(unwritten)

    def close(self) -> None:
        """Lines that other threads are about to hand over go to the log that is open then."""
        super().close()
        # Under the lock of emit: no line is between two states of the file.
        with self.lock:
            try:
                self._file.close()
            except OSError as error:
                self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._is_broken:
            self._is_broken = True
            what = f"The log {places.shown(self._path)} lacks lines: {error.strerror}."
            print(f"{what} To fix: make room on its disk, or choose another folder.", file=sys.stderr)


class _Switch(logging.Handler):
    """Stands at the loggers while any log is open, so that no line is lost or doubled when another log is opened."""

    def handle(self, record: logging.LogRecord) -> bool:
        _to_newest(record)
        return True


_LOCK = threading.Lock()
_OPEN: list[LogFile] = []
"""The logs that are open, the newest last; only that one gets lines."""
_SWITCH = _Switch()
_LEVELS: dict[str, int] = {}


def _to_newest(record: logging.LogRecord, besides: LogFile | None = None) -> None:
    for log in _OPEN[-1:]:
        if log is not besides:
            log.handle(record)


@contextmanager
def writing_to(path: Path, follower: Follower | None = None) -> Iterator[Path]:
    """Sends the toolkit's log lines to a file while the block runs; each line is in the file when the call returns.

    The newest log gets every line, and those that were opened before it none until it is closed, in whatever order they
    are closed. Raises StoreError if the file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = LogFile(path, follower)
    except OSError as error:
        raise StoreError(f"The log {places.shown(path)} cannot be written: {error.strerror}.",
                         "choose a folder that this user may write.") from error  # fmt: skip
    with _LOCK:
        _OPEN.append(handler)
        _connect()
    try:
        yield path
    finally:
        with _LOCK:
            _OPEN.remove(handler)
            if not _OPEN:
                _disconnect()
        handler.close()


def _connect() -> None:
    for name in LOGGERS:
        logger = logging.getLogger(name)
        _LEVELS.setdefault(name, logger.level)
        logger.setLevel(logging.INFO)
        logger.addHandler(_SWITCH)


def _disconnect() -> None:
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.removeHandler(_SWITCH)
        logger.setLevel(_LEVELS.pop(name))


@dataclass(slots=True)
class LogSummary:
    """What a log says: lines by tag, every failure (up to `kept`), the first and the last lines."""

    lines: int = 0
    by_tag: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    last: deque = field(default_factory=deque)


def tag_of(line: str) -> str:
    """The tag a log line begins with after its time and level; `other` for none."""
    message = line.split(" ", 2)[-1]
    return next((tag for tag in TAGS if message.startswith(tag)), "other")


def summary(path: Path, shown: int = 6, kept: int = 200) -> LogSummary:
    """Reads a log back as a stream: memory does not grow with it."""
    result = LogSummary(last=deque(maxlen=shown))
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            tag = tag_of(line)
            result.lines += 1
            result.by_tag[tag] += 1
            if tag in FAILURES and len(result.failures) < kept:
                result.failures.append(line)
            if len(result.first) < shown:
                result.first.append(line)
            else:
                result.last.append(line)
    return result
