"""The mail server that tests of the sandbox share: a real child process, raw conversations with it, and its mailbox."""

import smtplib
import socket

import pytest

from mailer import sandbox
from mailer.mailbox import Mailbox

OPS, ASHA = "ops@example.com", "asha@example.com"
ENVELOPE = b"MAIL FROM:<ops@example.com>\r\nRCPT TO:<asha@example.com>\r\nDATA\r\n"


def content(number: object = 1, body: str = "Hello\r\n") -> bytes:
    return f"Message-ID: <{number}@x.example>\r\nSubject: s\r\n\r\n{body}".encode()


def sent_of(folder, number: object = 1) -> bytes:
    (mail,) = Mailbox(folder).find(f"<{number}@x.example>")
    return mail.sent


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One sandbox for all tests that leave it as it was."""
    with sandbox.start(tmp_path_factory.mktemp("shared") / "mailbox") as running:
        yield running


@pytest.fixture
def server(shared):
    yield shared
    for path in (shared.mailbox / "new").iterdir():
        path.unlink()


@pytest.fixture
def mortal(tmp_path):
    """A sandbox of the test's own, to be ended by it."""
    with sandbox.start(tmp_path / "mailbox") as running:
        yield running


@pytest.fixture
def folder(request, tmp_path):
    """The mailbox of the test's sandbox; a new one where the test starts its own."""
    for name in ("server", "mortal"):
        if name in request.fixturenames:
            return request.getfixturevalue(name).mailbox
    return tmp_path / "mailbox"


@pytest.fixture
def client(server):
    with smtplib.SMTP(server.host, server.port, timeout=10) as connection:
        connection.ehlo()
        yield connection


@pytest.fixture
def line(server):
    """A raw conversation, greeted: `say` writes bytes, `hear` gives the codes of the next replies."""
    with Line(server.port) as raw:
        yield raw


class Line:
    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        self.hear(1)
        self.say(b"EHLO test\r\n")
        self.hear(1)

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self, count: int) -> list[int]:
        codes: list[int] = []
        while len(codes) < count:
            reply = self._file.readline()
            if not reply:
                raise ConnectionError(f"closed after {codes}")
            if reply[3:4] == b" ":
                codes.append(int(reply[:3]))
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()
