"""The side of whoever needs a sandbox: starting the child process, and ending it."""

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mailer.sandbox.listener import GRACE_SECONDS, HOST, SandboxFailed
from store import places

START_SECONDS = 20.0
_BY_HAND = "run `python -m mailer sandbox` by hand and look."


class Sandbox:
    """A running sandbox. It ends with `stop`, with its `with` block, and with the process that started it.

    `authority` is the file that a client must trust, None where there is no TLS.
    """

    def __init__(
        self, folder: Path, ready: tuple[int, Path | None], process: subprocess.Popen[bytes], errors: IO[bytes]
    ):
        self.mailbox = folder
        self.host = HOST
        self.port, self.authority = ready
        self._process = process
        self._errors = errors

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        """Ends the sandbox once the mails under way are answered. Returns its exit code; may be repeated."""
        _end(self._process)
        self._errors.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(folder: Path, *, port: int = 0, scenario: str = "", seconds: float = START_SECONDS) -> Sandbox:
    """Starts a sandbox that keeps its mail in `folder`; on return it receives. Raises SandboxFailed.

    With the name of a `scenario` it misbehaves as that says, by the real clock.
    """
    folder = places.resolve(folder)
    # A file: a pipe that nobody reads would fill up and stop the child.
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    command = [sys.executable, "-m", "mailer", "sandbox", "--mailbox", str(folder), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--scenario", scenario] if scenario else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=places.ROOT,
        # Ctrl-C and a kernel's interrupt go to the whole group, but this process decides when it ends.
        start_new_session=True,
    )
    try:
        return Sandbox(folder, _ready(process, errors, seconds), process, errors)
    except BaseException:
        process.kill()
        _end(process)
        errors.close()
        raise


def _ready(process: subprocess.Popen[bytes], errors: IO[bytes], seconds: float) -> tuple[int, Path | None]:
    """Port and authority from the child's READY line. Raises SandboxFailed if it ends or `seconds` pass before."""
    deadline = time.monotonic() + seconds
    said = b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            what = f"The sandbox was not ready within {seconds:g} seconds."
            raise SandboxFailed(what, "start it again when the machine is less busy.")
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise _failure(errors, process.wait())
        said += chunk
    if not (ready := re.fullmatch(rb"READY \S+ (\d+)(?: (.+))?\n", said)):
        raise SandboxFailed(f"The sandbox said {said[:80]!r} instead of READY.", _BY_HAND)
    return int(ready[1]), Path(os.fsdecode(ready[2])) if ready[2] else None


def _failure(errors: IO[bytes], code: int) -> SandboxFailed:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    what, _, fix = (lines[-1] if lines else "it said nothing.").partition(" To fix: ")
    return SandboxFailed(f"The sandbox ended with exit code {code}: {what}", fix or _BY_HAND)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.stdin.close()
    # The pipe alone is not enough: a forked child of this process may hold it open as well.
    process.terminate()
    try:
        process.wait(GRACE_SECONDS + 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
