"""An SMTP server on loopback that plays a scenario: it misbehaves as asked, and writes down what it saw.

It runs on threads of this process. Its clock may be a simulated one.
"""

import contextlib
import errno
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from mailer import mailbox
from mailer.account import PLAIN
from mailer.sandbox import certificates, logins
from mailer.sandbox.answers import Answer
from mailer.sandbox.listener import listen
from mailer.sandbox.moments import History, Moment
from mailer.sandbox.records import Connection, Login
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.talk import Gone, Talk

GOOD = Scenario("good", "The server takes every mail.")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_END_SECONDS = 5.0


class ScriptedServer:
    """Plays `scenario` within its `with` block. `port` is where, `delivered` what it took, `connections` what was said.

    `users` are the passwords or tokens that let somebody in; without them everybody gets in. `tls` overrules the
    scenario's certificate; else `authority` is the file that a client must trust. A `folder` is a Maildir that keeps
    the mails as well. `clock` gives seconds, `pause` spends them. `tap` gets all bytes of the clients.
    Raises SandboxFailed if it cannot listen or has no certificate.
    """

    def __init__(
        self,
        scenario: Scenario = GOOD,
        *,
        users: Mapping[str, SecretStr] | None = None,
        tls: ssl.SSLContext | None = None,
        folder: Path | None = None,
        listener: socket.socket | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] | None = None,
        tap: Callable[[Connection, bytes], None] | None = None,
    ):
        self.rules, self.security, self.extensions = scenario.rules, scenario.security, scenario.extensions
        self.mechanisms, self.login_needed = scenario.mechanisms, scenario.login_needed
        self.greeting = scenario.greeting
        self.tls, self.authority = tls, None
        self._scenario, self._users, self._folder, self._tap = scenario, users, folder, tap
        self.connections: list[Connection] = []
        self.delivered: list[mailbox.Mail] = []
        self.logins: list[Login] = []
        self._stopping = threading.Event()
        self._clock, self._pause, self._began = clock, pause or self._stopping.wait, clock()
        self._history, self._lock = History(), threading.Lock()
        self._open: dict[int, Talk] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._made: Path | None = None
        self._listener = listener or listen(0)
        self.port: int = self._listener.getsockname()[1]

    # Its life

    def __enter__(self) -> Self:
        try:
            if self._folder is not None:
                mailbox.prepare(self._folder)
            if self.tls is None and self._scenario.security != PLAIN:
                self._make_certificate()
            self._thread(0, self._accept).start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes every line; a mail that was not answered was not taken. May be called again."""
        self._stopping.set()
        _shut(self._listener)
        self.hang_up()
        with self._lock:
            threads = [thread for thread in self._threads.values() if thread.ident is not None]
        for thread in threads:
            thread.join(_END_SECONDS)
        if self._made is not None:
            shutil.rmtree(self._made)
            self._made = None

    def hang_up(self) -> None:
        """Closes the lines that are open now; new ones are taken."""
        with self._lock:
            talks = list(self._open.values())
        for talk in talks:
            talk.hang_up()

    def _make_certificate(self) -> None:
        self._made = Path(tempfile.mkdtemp(prefix="sandbox-"))
        made = certificates.make(self._made, self._scenario.certificate or certificates.TRUSTED)
        self.tls, self.authority = made.context, made.authority

    def _thread(self, number: int, target: Callable[[], None]) -> threading.Thread:
        self._threads[number] = threading.Thread(target=target, name=f"scripted-{number}", daemon=True)
        return self._threads[number]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed by `stop`
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._stopping.is_set():
                    _shut(client)
                    return
                connection = Connection(len(self.connections) + 1, len(self._open) + 1)
                self.connections.append(connection)
                self._open[connection.number] = talk = Talk(self, client, connection)
                self._thread(connection.number, lambda talk=talk: self._serve(talk)).start()

    def _serve(self, talk: Talk) -> None:
        connection = talk.connection
        try:
            talk.run()
        except (Gone, OSError) as ended:
            connection.ended = str(ended) or type(ended).__name__
        finally:
            with self._lock:
                del self._open[connection.number], self._threads[connection.number]
            _shut(talk.client)

    # What a conversation asks

    def now(self) -> float:
        """Seconds since this server began, by its clock."""
        return self._clock() - self._began

    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self._pause(seconds)

    def heard(self, connection: Connection, chunk: bytes) -> None:
        if self._tap is not None:
            self._tap(connection, chunk)

    def decide(self, step: str, argument: str, connection: Connection, sender: str) -> Answer | None:
        """The first rule's answer, None if none has one."""
        count, now = self._history.count(step), self.now()
        moment = Moment(step, argument, count, now, connection.place, connection.taken, sender, self._history)
        answers = (rule.answer(moment) for rule in self.rules)
        return next((answer for answer in answers if answer is not None), None)

    def knows(self, user: str, secret: str) -> bool:
        return logins.is_right(self._users, user, secret)

    def logged_in(self, login: Login) -> None:
        self.logins.append(login)

    def take(self, mail: mailbox.Mail) -> str:
        """Keeps the mail; gives the refusal if it cannot be kept, else nothing."""
        if self._folder is not None:
            (error,) = mailbox.keep(self._folder, [mail])
            if error is not None:
                return _refusal(error)
        self.delivered.append(mail)
        return ""


def _refusal(error: OSError) -> str:
    if error.errno in _FULL:
        return "452 4.3.1 Insufficient system storage"
    return f"451 4.3.0 The mailbox cannot be written ({error.strerror})"


def _shut(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()
