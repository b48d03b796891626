"""What commands say to people: a full disk or a closed pipe behind it never changes how the work itself ended."""

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(text: str) -> bool:
    """Prints the text to stdout, at once. False if that cannot be, which stderr then tells in one line."""
    if trouble := _write(sys.stdout, text):
        complain(f"what there is to say cannot be printed ({trouble}). To fix: give stdout a place that takes it.")
    return not trouble


def complain(text: str) -> None:
    """Prints a line to stderr, at once. There is no further place to tell that this one cannot be written."""
    _write(sys.stderr, f"notebooks: {text}")


def _write(stream: TextIO | None, text: str) -> str:
    """Why the text cannot be written; empty if it is, or if this process was started without such a stream."""
    if stream is None:
        return ""
    try:
        print(text, file=stream, flush=True)
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
