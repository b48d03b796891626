"""The debug log: one file a run, one event a line, redacted; and the summary that a notebook shows of it."""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from store import places
from store.errors import StoreError
from store.redaction import RedactingFormatter

LOGGERS = ("store", "mailer", "notebooks", "portal")
TAGS = ("DEBUG:", "EMAIL:", "[SUCCESS]", "[EMAIL NOT SENT]", "[EMAIL FAILED]", "[EMAIL UNKNOWN]")
FAILURES = TAGS[3:]


def formatter() -> logging.Formatter:
    """The one form of a log line: UTC time, level, tag, text."""
    form = RedactingFormatter()
    form.converter = time.gmtime
    return form


@contextmanager
def writing_to(path: Path) -> Iterator[Path]:
    """Sends the toolkit's log lines to a file while the block runs; each line is in the file when the call returns.

    Raises StoreError if the file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise StoreError(f"The log {places.shown(path)} cannot be written: {error.strerror}.",
                         "choose a folder that this user may write.") from error  # fmt: skip
    handler.setFormatter(formatter())
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield path
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
        handler.close()


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
