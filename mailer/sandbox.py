"""The sandbox mail server: a child process on loopback that keeps what it receives and passes nothing on.

Both sides live here: the server, and `start` for whoever needs one. How a mail is kept lives in `mailbox`.
"""

import argparse
import asyncio
import errno
import logging
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer import mailbox
from mailer.config import MailSettings
from mailer.errors import MailerError
from store import places
from store.errors import SettingsError

HOST = "127.0.0.1"
MESSAGE_LIMIT = 10 * 1024 * 1024
RECIPIENT_LIMIT = 100
START_SECONDS = 20.0
GRACE_SECONDS = 2.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BY_HAND = "run `python -m mailer sandbox` by hand and look."


class SandboxFailed(MailerError):
    """The sandbox could not be started."""


# The server


async def serve(folder: Path, listener: socket.socket, ending: asyncio.Event) -> None:
    """Receives mail on `listener` into the prepared Maildir until `ending`; mails under way are answered."""
    loop = asyncio.get_running_loop()
    conversations: set[Conversation] = set()
    reception = Reception(folder)
    server = await loop.create_server(lambda: Conversation(reception, conversations), sock=listener)
    await ending.wait()
    server.close()
    over = [loop.create_task(conversation.end()) for conversation in tuple(conversations)]
    if over:
        await asyncio.wait(over, timeout=GRACE_SECONDS)
    for conversation in tuple(conversations):
        conversation.abort()


class Reception:
    """Answers the commands of a conversation (the hooks of aiosmtpd), and keeps each mail before its 250."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._group: list[mailbox.Mail] = []
        self._kept: asyncio.Task[list[OSError | None]] | None = None
        self._keeping = asyncio.Lock()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _refusal(address, envelope):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _refusal(address, envelope):
            return refusal
        if len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from or ""
        recipients = tuple(dict.fromkeys(envelope.rcpt_tos))
        error = await self._keep(mailbox.Mail(sender, recipients, envelope.original_content or b""))
        if error is None:
            return "250 2.0.0 OK"
        if error.errno in _FULL:
            return "452 4.3.1 Insufficient system storage"
        return f"451 4.3.0 The mailbox cannot be written ({error.strerror})"

    async def handle_exception(self, error: Exception) -> str:
        # The kind only: the text of an error may hold an address.
        print(f"A command could not be answered ({type(error).__name__}).", file=sys.stderr, flush=True)
        return "451 4.3.0 Local error in processing"

    async def _keep(self, mail: mailbox.Mail) -> OSError | None:
        """Mails that arrive while others are being synced wait for one another and share the next sync."""
        if self._kept is None:
            self._group = []
            self._kept = asyncio.create_task(self._keep_group(self._group))
        position = len(self._group)
        self._group.append(mail)
        # Shielded: a line that breaks must not take the others' mails with it.
        return (await asyncio.shield(self._kept))[position]

    async def _keep_group(self, group: list[mailbox.Mail]) -> list[OSError | None]:
        async with self._keeping:
            self._kept = None
            return await asyncio.to_thread(mailbox.keep, self._folder, group)


def _refusal(address: str, envelope: Envelope) -> str:
    """Why an address is refused in this envelope, empty if it is not (RFC 6531 section 3.5)."""
    if not address.isprintable():
        return "501 5.1.3 Bad address syntax"
    if not (address.isascii() or envelope.smtp_utf8):
        return "553 5.6.7 Non-ASCII addresses need SMTPUTF8"
    return ""


class Conversation(SMTP):
    """One client's connection. It can be ended between two mails, never inside one."""

    def __init__(self, reception: Reception, conversations: set["Conversation"]):
        super().__init__(
            reception,
            data_size_limit=MESSAGE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="sandbox.localhost",
            ident="sandbox",
            loop=asyncio.get_running_loop(),
        )
        self._conversations = conversations
        self._receiving = False
        self._ending = False
        self._over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._conversations.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._conversations.discard(self)
        self._over.set()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self._receiving = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self._receiving = False
        if self._ending:
            await self._close()

    async def end(self) -> None:
        """Returns when the connection is closed: at once, or when the mail under way is answered."""
        self._ending = True
        if not self._receiving:
            await self._close()
        await self._over.wait()

    def abort(self) -> None:
        """Drops the connection; the client sees no answer and knows that it must send again."""
        if self.transport is not None:
            self.transport.abort()

    async def _close(self) -> None:
        await self.push("421 4.3.2 The sandbox is ending")
        # As the library ends a conversation itself, so that no command waiting behind this is obeyed.
        self._handler_coroutine.cancel()
        if self.transport is not None:
            self.transport.close()


# The child process


def main(arguments: Sequence[str]) -> int:
    """Runs the server until SIGTERM, SIGINT or the closing of the pipe it was given as standard input.

    The exit code is 0, or 2 when it could not start; the reason is then one line on standard error.
    """
    options = _options(arguments)
    # The library logs addresses and commands.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    try:
        folder = places.resolve(options.mailbox or MailSettings.load().sandbox_mailbox or "var/mailbox")
        mailbox.prepare(folder)
        listener = _listen(options.port)
    except (MailerError, SettingsError) as error:
        print(error.line(), file=sys.stderr)
        return 2
    asyncio.run(_run(folder, listener))
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    about = "Receives mail on this machine and keeps it in a Maildir."
    parser = argparse.ArgumentParser(prog="python -m mailer sandbox", description=about)
    parser.add_argument("--mailbox", type=_folder, help="the Maildir's folder (SANDBOX_MAILBOX)")
    parser.add_argument("--port", type=_port, default=0, help="a port on 127.0.0.1; 0 takes a free one")
    return parser.parse_args(arguments)


def _folder(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("name a folder")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _listen(port: int) -> socket.socket:
    try:
        listener = socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        what = f"The sandbox cannot listen on {HOST} port {port} ({error.strerror})."
        raise SandboxFailed(what, "stop what uses that port, or leave --port away to get a free one.") from error
    # Handed on to its connections; asyncio sets it only where the protocol is named, and replies waited 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _run(folder: Path, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    _end_with_parent(loop, ending)
    host, port = listener.getsockname()
    print(f"READY {host} {port}", flush=True)
    await serve(folder, listener, ending)


def _end_with_parent(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    """Ends when standard input closes, if that is a pipe; a terminal or /dev/null says nothing."""
    if sys.stdin is None:
        return
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            ending.set()

    loop.add_reader(descriptor, read)


# The parent's side


class Sandbox:
    """A running sandbox. It ends with `stop`, with its `with` block, and with the process that started it."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes], errors: IO[bytes]):
        self.mailbox = folder
        self.host = HOST
        self.port = port
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


def start(folder: Path, *, port: int = 0, seconds: float = START_SECONDS) -> Sandbox:
    """Starts a sandbox that keeps its mail in `folder`; on return it receives. Raises SandboxFailed."""
    folder = places.resolve(folder)
    # A file: a pipe that nobody reads would fill up and stop the child.
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", "mailer", "sandbox", "--mailbox", str(folder), "--port", str(port)],
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


def _ready(process: subprocess.Popen[bytes], errors: IO[bytes], seconds: float) -> int:
    """The port from the child's READY line. Raises SandboxFailed if it ends or `seconds` pass before."""
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
    if not (ready := re.fullmatch(rb"READY \S+ (\d+)\n", said)):
        raise SandboxFailed(f"The sandbox said {said[:80]!r} instead of READY.", _BY_HAND)
    return int(ready[1])


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
