"""The sandbox as a process of its own: the command `python -m mailer sandbox`."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from mailer import mailbox
from mailer.config import MailSettings
from mailer.errors import MailerError
from mailer.sandbox import scenarios
from mailer.sandbox.listener import listen
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.scripted import ScriptedServer
from mailer.sandbox.server import serve
from store import places
from store.errors import SettingsError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str]) -> int:
    """Runs the server until SIGTERM, SIGINT or the closing of the pipe it was given as standard input.

    The exit code is 0, or 2 when it could not start; the reason is then one line on standard error. When it receives,
    it prints READY, host, port and, where clients must trust one, the file of its certificate's authority.
    """
    options = _options(arguments)
    if options.list_scenarios:
        print("\n".join(f"{scenario.name:25}{scenario.about}" for scenario in scenarios.SCENARIOS))
        return 0
    # The library logs addresses and commands.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    try:
        scenario = scenarios.named(options.scenario) if options.scenario else None
        folder = places.resolve(options.mailbox or MailSettings.load().sandbox_mailbox or "var/mailbox")
        mailbox.prepare(folder)
        listener = listen(options.port)
        asyncio.run(_run(folder, listener, scenario))
    except (MailerError, SettingsError) as error:
        print(error.line(), file=sys.stderr)
        return 2
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    about = "Receives mail on this machine and keeps it in a Maildir."
    parser = argparse.ArgumentParser(prog="python -m mailer sandbox", description=about)
    parser.add_argument("--mailbox", type=_folder, help="the Maildir's folder (SANDBOX_MAILBOX)")
    parser.add_argument("--port", type=_port, default=0, help="a port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--scenario", help="misbehave as this scenario says, instead of taking every mail")
    parser.add_argument("--list-scenarios", action="store_true", help="print the scenarios and end")
    return parser.parse_args(arguments)


def _folder(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("name a folder")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


async def _run(folder: Path, listener: socket.socket, scenario: Scenario | None) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end(*_: object) -> None:
        _ignore_signals()
        loop.call_soon_threadsafe(ending.set)

    for number in _SIGNALS:
        # Not the loop's own handlers: when they are taken away, a signal finds the default for a moment.
        signal.signal(number, end)
    _end_with_parent(loop, ending)
    ready = "READY {} {}".format(*listener.getsockname())
    try:
        await _serve(folder, listener, scenario, ready, ending)
    finally:
        _ignore_signals()


def _ignore_signals() -> None:
    """One that comes once more while the process ends does not change how it ends."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


async def _serve(
    folder: Path, listener: socket.socket, scenario: Scenario | None, ready: str, ending: asyncio.Event
) -> None:
    if scenario is None:
        print(ready, flush=True)
        await serve(folder, listener, ending)
        return
    with ScriptedServer(scenario, folder=folder, listener=listener) as playing:
        print(ready if playing.authority is None else f"{ready} {playing.authority}", flush=True)
        await ending.wait()


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
