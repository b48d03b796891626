"""A portal of this run's own: `portal.py` as a child process for as long as a block lasts. Knows no page."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from store.errors import StoreError
from store.places import ROOT

START_SECONDS = 30.0


class PortalFailed(StoreError):
    """The portal did not start; the message is its own last line."""


@contextmanager
def running(environment: Mapping[str, str] = os.environ, *, port: int = 0) -> Iterator[str]:
    """The address of a portal that serves this environment's record, at a free port unless one is given.

    It ends with the block, and with this process however that ends. Raises PortalFailed.
    """
    command = [sys.executable, str(ROOT / "portal.py"), "--with-parent"]
    given = {**environment, "PORTAL_HOST": "127.0.0.1", "PORTAL_PORT": str(port)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=given, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield _ready(process)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def _ready(process: subprocess.Popen) -> str:
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if readable else ""
    word, _, address = line.strip().partition(" ")
    if word == "READY":
        return address
    if process.poll() is None:
        process.kill()
    said = process.stderr.read().strip().splitlines()
    what, _, fix = (said[-1] if said else "The portal said nothing.").partition(" To fix: ")
    raise PortalFailed(what, fix or "run `python portal.py` by hand and look.")
