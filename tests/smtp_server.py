"""The product's scripted SMTP server, scripted by a dictionary for tests; and accounts and letters to try it."""

import shutil
import ssl
from collections import defaultdict
from pathlib import Path
from typing import Self

import pytest
from conftest import need

from mailer.account import PLAIN, SMTP, SSL, STARTTLS, Account
from mailer.errors import Refused
from mailer.sandbox import certificates
from mailer.sandbox.answers import Answer, Drop, Say, Silence
from mailer.sandbox.records import Connection
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.scripted import ScriptedServer
from mailer.smtp import Conversation, Letter

DROP, SILENCE = Drop(), Silence()
FROM = "interviews@acme.example"
BODY = b"Subject: x\r\n\r\nhello\r\n"
EXTENSIONS = ("PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8")


def After(text: str, seconds: float) -> Say:  # noqa: N802
    """An answer sent whole, `seconds` late."""
    return Say(text, wait=seconds)


def Drip(text: str, gap: float) -> Say:  # noqa: N802
    """An answer sent byte by byte with `gap` seconds between."""
    return Say(text, gap=gap)


class SmtpServer:
    """Answers as `script` says, and else as a good server does.

    It maps a step (BANNER, a verb, HANDSHAKE, CONTENT, ".") to an answer, or to a function of the command's argument
    and of how often the step came, which gives the answer or None for the usual one. `reads` are each connection's
    bytes as they came, `delivered` sender, recipient and content of each mail.
    """

    def __init__(self, script: dict | None = None, *, extensions=EXTENSIONS, tls: ssl.SSLContext | None = None,
                 implicit=False, mechanisms="", **given):  # fmt: skip
        security = PLAIN if tls is None else SSL if implicit else STARTTLS
        played = Scenario("scripted", "As the test says.", (self,), extensions=extensions, security=security,
                          mechanisms=mechanisms)  # fmt: skip
        self.script = script or {}
        self.reads: dict[int, list[bytes]] = defaultdict(list)
        self.playing = ScriptedServer(played, tls=tls, tap=self._read, **given)
        self.port, self.connections = self.playing.port, self.playing.connections

    def __enter__(self) -> Self:
        self.playing.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.playing.stop()

    def answer(self, moment) -> Answer | None:
        scripted = self.script.get(moment.step)
        return scripted(moment.argument, moment.count) if callable(scripted) else scripted

    def _read(self, connection: Connection, chunk: bytes) -> None:
        self.reads[connection.number].append(chunk)

    def offer(self, mechanisms: str) -> None:
        """From now on these mechanisms of login are offered."""
        self.playing.mechanisms = mechanisms

    @property
    def delivered(self) -> list[tuple[str, str, bytes]]:
        return [(mail.sender, mail.recipients[-1], mail.content) for mail in self.playing.delivered]

    @property
    def logins(self) -> list[tuple[str, str]]:
        return [(login.user, login.secret.get_secret_value()) for login in self.playing.logins]

    @property
    def commands(self) -> list[str]:
        return [command for connection in self.connections for command in connection.commands]

    def recipients(self) -> list[str]:
        return [recipient for _, recipient, _ in self.delivered]


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate for `name`: a server's context, and the file that a client may trust."""
    need(shutil.which("openssl"), "openssl is not installed")
    made = certificates.self_signed(folder, name)
    return made.context, made.authority


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
