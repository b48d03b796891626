"""A portal of this run's own: `portal.py` as a child process for as long as a block lasts. Knows no page."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from store.errors import StoreError
from store.places import ROOT

START_SECONDS = 30.0
_BY_HAND = "run `python portal.py` by hand and look."


class PortalFailed(StoreError):
    """The portal did not start; the message is its own last line."""


@contextmanager
def running(environment: Mapping[str, str] = os.environ, *, port: int = 0) -> Iterator[str]:
    """The address of a portal that serves this environment's record, at a free port unless one is given.

    It ends with the block, and with this process however that ends. Raises PortalFailed.
    """
    command = [sys.executable, str(ROOT / "portal.py"), "--with-parent"]
    given = {**environment, "PORTAL_HOST": "127.0.0.1", "PORTAL_PORT": str(port)}
    # A file: a pipe that nobody reads would fill up and stop the child.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=given, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            yield _ready(process, errors)
        finally:
            _end(process)


def _ready(process: subprocess.Popen[str], errors: IO[bytes]) -> str:
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    if not readable:
        process.kill()
        raise PortalFailed(f"The portal was not ready within {START_SECONDS:g} seconds.", _BY_HAND)
    word, _, address = process.stdout.readline().strip().partition(" ")
    if word != "READY":
        raise _failure(errors, process)
    return address


def _failure(errors: IO[bytes], process: subprocess.Popen[str]) -> PortalFailed:
    """What a portal that ended at once wrote last; one that said something else than READY is ended first."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    errors.seek(0)
    said = errors.read().decode("utf-8", "replace").strip().splitlines()
    what, _, fix = (said[-1] if said else "The portal said nothing.").partition(" To fix: ")
    return PortalFailed(what, fix or _BY_HAND)


def _end(process: subprocess.Popen[str]) -> None:
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
