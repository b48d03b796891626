"""What commands say to people: a full disk or a closed pipe behind it never changes how the work itself ended."""

import errno
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

from notebooks.bounded_call import CallLeft, call_within

SECONDS = 5.0
"""So long a pipe that nobody reads, or a terminal that was halted, is waited for; after that it is told nothing more."""
_STUCK: list[TextIO] = []
_UNREAD = f"nobody has read it for {SECONDS:g} s"


def say(text: str) -> bool:
    """Prints the text to stdout, at once. False if that cannot be, which stderr then tells in one line."""
    trouble = _write(sys.stdout, text)
    if trouble == os.strerror(errno.EPIPE):
        # Who reads no further, as `head` does, has what was wanted.
        return True
    if trouble:
        complain(f"what there is to say cannot be printed ({trouble}). To fix: give stdout a place that takes it.")
    return not trouble


def complain(text: str) -> None:
    """Prints a line to stderr, at once. There is no further place to tell that this one cannot be written."""
    _write(sys.stderr, f"notebooks: {text}")


class LastResort(logging.Handler):
    """Takes the lines that no log takes: whoever does not read stderr holds up neither a run nor its transaction."""

    def emit(self, record: logging.LogRecord) -> None:
        _write(sys.stderr, self.format(record))


def leave(code: int) -> NoReturn:
    """Ends the process with this exit code at once, whatever signal comes now and whoever reads nothing any more."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    logging.shutdown()
    os._exit(code)


def _write(stream: TextIO | None, text: str) -> str:
    """Why the text cannot be written; empty if it is, or if this process was started without such a stream."""
    if stream is None:
        return ""
    if stream in _STUCK:
        return _UNREAD
    try:
        call_within(SECONDS, lambda: print(text, file=stream, flush=True))
    except CallLeft:
        _STUCK.append(stream)
        return _UNREAD
    except UnicodeEncodeError:
        return _write(stream, text.encode("ascii", "backslashreplace").decode())
    except (OSError, ValueError) as error:
        _give_away(stream)
        return getattr(error, "strerror", None) or str(error)
    return ""


def _give_away(stream: TextIO) -> None:
    """What its buffer still holds would fail once more when the interpreter ends, with a traceback and another exit code."""
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
