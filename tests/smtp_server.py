"""A scripted SMTP server for tests, misbehaving as asked on loopback sockets; and accounts and letters to try it."""

import base64
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from conftest import need

from mailer.account import PLAIN, SMTP, Account
from mailer.errors import Refused
from mailer.smtp import Conversation, Letter

DROP, SILENCE = "<drop>", "<silence>"
FROM = "interviews@acme.example"
BODY = b"Subject: x\r\n\r\nhello\r\n"
EXTENSIONS = ("PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8")
DEFAULTS = {
    "BANNER": "220 test ESMTP",
    "STARTTLS": "220 2.0.0 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
    ".": "250 2.0.0 queued",
}
Answer = Callable[[str, int], str | None]


@dataclass(frozen=True)
class Drip:
    """An answer sent byte by byte with `gap` seconds between."""

    text: str
    gap: float


@dataclass(frozen=True)
class After:
    """An answer sent whole, `seconds` late."""

    text: str
    seconds: float


@dataclass
class Connection:
    """What one client did: the bytes of each read, the commands, the mails whose final dot came."""

    chunks: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    secured: bool = False
    quit: bool = False
    ended: str = ""

    @property
    def bytes(self) -> bytes:
        return b"".join(self.chunks)


class _Gone(Exception):
    """The connection is over."""


class SmtpServer:
    """Answers as `script` says, and else as a good server does.

    It maps a verb (BANNER, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, ".", RSET) to an answer, or to a function of the
    command's argument and of how often the verb came, which gives the answer or None for the usual one.
    """

    def __init__(self, script: dict | None = None, *, extensions=EXTENSIONS, tls=None, implicit=False, mechanisms=""):
        self.script, self.extensions, self.tls = script or {}, extensions, tls
        self.implicit, self.mechanisms = implicit, mechanisms
        self.connections: list[Connection] = []
        self.delivered: list[tuple[str, str, bytes]] = []
        self.logins: list[tuple[str, str]] = []
        self._counts: dict[str, int] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for open_socket in (self._listener, *self._sockets):
            _shut(open_socket)
        for thread in list(self._threads):
            thread.join(5)

    @property
    def commands(self) -> list[str]:
        return [command for connection in self.connections for command in connection.commands]

    def recipients(self) -> list[str]:
        return [recipient for _, recipient, _ in self.delivered]

    def _start(self, target: Callable, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(client)
            self.connections.append(Connection())
            self._start(self._serve, client, self.connections[-1])

    def _serve(self, client: socket.socket, connection: Connection) -> None:
        talk = _Talk(self, client, connection)
        try:
            talk.run()
        except (_Gone, OSError) as ended:
            connection.ended = repr(ended)
        finally:
            _shut(talk.client)

    def answer_to(self, verb: str, argument: str) -> object:
        self._counts[verb] = count = self._counts.get(verb, 0) + 1
        scripted = self.script.get(verb)
        if callable(scripted):
            scripted = scripted(argument, count)
        return scripted


class _Talk:
    def __init__(self, server: SmtpServer, client: socket.socket, connection: Connection):
        self.server, self.client, self.connection = server, client, connection
        self.buffer, self.sender, self.recipient = b"", "", ""

    def run(self) -> None:
        if self.server.implicit:
            self._secure()
        self._say(self._answer("BANNER", ""))
        while not self.connection.quit:
            line = self._line()
            self.connection.commands.append(line)
            self._command(line)

    def _command(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        if verb == "EHLO":
            self._say(self.server.script.get("EHLO") or self._features())
            return
        answer = self._login(argument) if verb == "AUTH" else self._answer(verb, argument)
        text = getattr(answer, "text", answer)
        self._say(answer)
        if verb == "STARTTLS" and text.startswith("220"):
            self._secure()
        elif verb == "MAIL" and text.startswith("250"):
            self.sender = argument.partition("<")[2].partition(">")[0]
        elif verb == "RCPT" and text.startswith("250"):
            self.recipient = argument.partition("<")[2].partition(">")[0]
        elif verb == "DATA" and text.startswith("354"):
            self._message()
        elif verb == "RSET":
            self.sender = self.recipient = ""
        self.connection.quit = verb == "QUIT"

    def _answer(self, verb: str, argument: str) -> object:
        scripted = self.server.answer_to(verb, argument)
        missing = {"MAIL": self.sender, "RCPT": not self.sender, "DATA": not self.recipient}.get(verb)
        usual = "503 5.5.1 bad sequence" if missing else DEFAULTS.get(verb, "502 5.5.1 what?")
        return usual if scripted is None else scripted

    def _message(self) -> None:
        while not self.buffer.startswith(b".\r\n") and b"\r\n.\r\n" not in self.buffer:
            self._more()
        if self.buffer.startswith(b".\r\n"):
            body, self.buffer = b"", self.buffer[3:]
        else:
            body, _, self.buffer = self.buffer.partition(b"\r\n.\r\n")
            body += b"\r\n"
        data = (b"\r\n" + body).replace(b"\r\n..", b"\r\n.")[2:]
        answer = self._answer(".", self.recipient)
        text = getattr(answer, "text", answer)
        if text.startswith("250") or text in (DROP, SILENCE):
            self.server.delivered.append((self.sender, self.recipient, data))
        self.sender = self.recipient = ""
        self._say(answer)

    def _features(self) -> str:
        offers = [offer for offer in self.server.extensions if offer]
        if self.server.tls and not self.server.implicit and not self.connection.secured:
            offers.append("STARTTLS")
        if self.server.mechanisms:
            offers.append(f"AUTH {self.server.mechanisms}")
        lines = ["test", *offers]
        return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)

    def _login(self, argument: str) -> object:
        mechanism, _, initial = argument.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            self._say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self._line()).decode()
            self._say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self._line()).decode()
        self.server.logins.append((user, password))
        return self._answer("AUTH", argument)

    def _say(self, answer: object) -> None:
        if answer == DROP:
            raise _Gone
        if answer == SILENCE:
            self.server._stopping.wait(30)
            raise _Gone
        if isinstance(answer, Drip):
            for character in answer.text:
                self.client.sendall(character.encode())
                time.sleep(answer.gap)
            return
        if isinstance(answer, After):
            time.sleep(answer.seconds)
            answer = answer.text
        self.client.sendall(answer.encode("utf-8") + (b"" if answer.endswith("\n") else b"\r\n"))

    def _secure(self) -> None:
        self.client = self.server.tls.wrap_socket(self.client, server_side=True)
        self.server._sockets.append(self.client)
        self.connection.secured, self.buffer = True, b""

    def _line(self) -> str:
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def _more(self) -> None:
        chunk = self.client.recv(65536)
        if not chunk:
            raise _Gone
        self.connection.chunks.append(chunk)
        self.buffer += chunk


def _shut(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate for `name`: a server's context, and the file that a client may trust."""
    openssl = shutil.which("openssl")
    need(openssl, "openssl is not installed")
    key, file = folder / f"{name}.key", folder / f"{name}.pem"
    kind = "IP" if name[0].isdigit() else "DNS"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context, file


def account(server, **changes):
    facts = {"timeout": 2.0, "deadline": 4.0, "from_address": FROM, "security": PLAIN, **changes}
    return Account(backend=SMTP, host=facts.pop("host", "127.0.0.1"), port=server.port, **facts)


def letters(*names, data=BODY, before_dot=None):
    return [Letter(name, FROM, f"{name}@cand.example", data, before_dot) for name in names]


def sent(server, *names, **changes):
    """Opens, sends one letter to each name, closes; gives the outcomes."""
    with Conversation(account(server, **changes)) as conversation:
        return list(conversation.send(letters(*names)))


def refusal(server, **changes):
    """The failure that opening ends with."""
    with pytest.raises(Refused) as refused:
        Conversation(account(server, **changes)).open()
    return refused.value.failure
