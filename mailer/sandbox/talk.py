"""One client's conversation with the scripted server: the usual course of SMTP, with each answer up to the rules."""

import contextlib
import socket
import ssl
from typing import Protocol

from pydantic import SecretStr

from mailer.account import SSL
from mailer.mailbox import Mail
from mailer.sandbox import logins
from mailer.sandbox.answers import Answer, Drop, Endless, Say, Silence, takes_mail, words_of
from mailer.sandbox.moments import AUTH, BANNER, CONTENT, DATA, DOT, EHLO, HANDSHAKE, MAIL, RCPT, STARTTLS
from mailer.sandbox.records import CLIENT, SERVER, Connection, Login

LIMIT = 16 * 1024 * 1024
"""Bytes that a mail or a command may have before the line is cut."""
USUAL = {
    STARTTLS: "220 2.0.0 Ready to start TLS",
    AUTH: "235 2.7.0 Accepted",
    MAIL: "250 2.1.0 OK",
    RCPT: "250 2.1.5 OK",
    DATA: "354 End data with <CR><LF>.<CR><LF>",
    DOT: "250 2.0.0 queued",
    "RSET": "250 2.0.0 OK",
    "NOOP": "250 2.0.0 OK",
    "VRFY": "252 2.5.0 Send some mail and see",
    "QUIT": "221 2.0.0 Bye",
}


class Gone(Exception):
    """The connection is over."""


class Host(Protocol):
    """What a conversation asks of the server that it belongs to."""

    tls: ssl.SSLContext | None
    security: str
    mechanisms: str
    login_needed: bool
    extensions: tuple[str, ...]
    greeting: str

    def now(self) -> float: ...
    def pause(self, seconds: float) -> None: ...
    def heard(self, connection: Connection, chunk: bytes) -> None: ...
    def decide(self, step: str, argument: str, connection: Connection, sender: str) -> Answer | None: ...
    def knows(self, user: str, secret: str) -> bool: ...
    def logged_in(self, login: Login) -> None: ...
    def take(self, mail: Mail) -> str: ...


class Talk:
    """Answers until the client says QUIT; raises Gone or OSError where the line breaks off before."""

    def __init__(self, host: Host, client: socket.socket, connection: Connection):
        self.host, self.client, self.connection = host, client, connection
        self._buffer = b""
        self._forget()

    def run(self) -> None:
        if self.host.security == SSL:
            self._secure()
        self._say(self._answer(BANNER, "", self.host.greeting))
        while not self.connection.quit:
            verb, _, argument = self._line().partition(" ")
            self._command(verb.upper(), argument)

    def hang_up(self) -> None:
        """Ends the conversation from another thread."""
        with contextlib.suppress(OSError):  # the other side was faster
            self.client.shutdown(socket.SHUT_RDWR)

    def _command(self, verb: str, argument: str) -> None:
        shown = argument.partition(" ")[0] if verb == AUTH else argument
        hidden = " ***" if shown != argument else ""
        self.connection.commands.append(f"{verb} {shown}{hidden}".rstrip())
        self._wrote(self.connection.commands[-1])
        if verb == AUTH:
            self._say(self._login(argument))
            return
        answer = self._answer(verb, argument, self._usual(verb))
        if verb == MAIL and words_of(answer).startswith("250"):
            self._forget(_address(argument))
        elif verb == RCPT and words_of(answer).startswith("250"):
            self._recipients.append(_address(argument))
        elif verb == "RSET":
            self._forget()
        self._say(answer)
        self._follow(verb, words_of(answer))

    def _follow(self, verb: str, said: str) -> None:
        """What comes after the answer to a command."""
        if verb == STARTTLS and said.startswith("220"):
            self._secure()
        elif verb == DATA and said.startswith("354"):
            self._message()
        self.connection.quit = verb == "QUIT"

    def _usual(self, verb: str) -> str:
        if verb in (EHLO, "HELO"):
            return self._features(verb)
        if verb == MAIL and self.host.login_needed and not self.connection.logged_in:
            return "530 5.7.0 Authentication required"
        if verb == STARTTLS and not self._may_secure:
            return "502 5.5.1 Command not implemented"
        missing = {MAIL: self._sender is not None, RCPT: self._sender is None, DATA: not self._recipients}.get(verb)
        return "503 5.5.1 Bad sequence of commands" if missing else USUAL.get(verb, "502 5.5.1 Command not known")

    def _features(self, verb: str) -> str:
        offers = [] if verb == "HELO" else [offer for offer in self.host.extensions if offer]
        if verb == EHLO and self._may_secure:
            offers.append(STARTTLS)
        if verb == EHLO and self.host.mechanisms:
            offers.append(f"{AUTH} {self.host.mechanisms}")
        lines = ["sandbox.localhost", *offers]
        return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)

    @property
    def _may_secure(self) -> bool:
        return self.host.tls is not None and self.host.security != SSL and not self.connection.secured

    def _answer(self, step: str, argument: str, usual: str) -> Answer:
        decided = self.host.decide(step, argument, self.connection, self._sender or "")
        return usual if decided is None else decided

    # A mail

    def _forget(self, sender: str | None = None) -> None:
        self._sender, self._recipients = sender, []

    def _message(self) -> None:
        content = self._content()
        mail = Mail(self._sender or "", tuple(dict.fromkeys(self._recipients)), content)
        self._wrote(f"({len(content)} bytes of a mail)")
        usual = USUAL[DOT] if mail.recipients else "554 5.5.1 No valid recipients"
        answer = self._answer(DOT, ",".join(mail.recipients), usual)
        self._forget()
        if takes_mail(answer):
            refusal = self.host.take(mail)
            self.connection.taken += not refusal
            answer = refusal or answer
        self._say(answer)

    def _content(self) -> bytes:
        """The mail without its dot stuffing (RFC 5321 section 4.5.2)."""
        while True:
            strange = self.host.decide(CONTENT, str(len(self._buffer)), self.connection, self._sender or "")
            if strange is not None:
                self._say(strange)
            if self._buffer.startswith(b".\r\n"):
                self._buffer = self._buffer[3:]
                return b""
            if b"\r\n.\r\n" in self._buffer:
                body, _, self._buffer = self._buffer.partition(b"\r\n.\r\n")
                return (b"\r\n" + body + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]
            self._more()

    # Login

    def _login(self, argument: str) -> Answer:
        mechanism, _, initial = argument.partition(" ")
        mechanism = mechanism.upper()
        self.connection.hide(initial)
        if mechanism not in self.host.mechanisms.split():
            return self._answer(AUTH, argument, "504 5.5.4 Unrecognized authentication type")
        try:
            user, secret = logins.read(mechanism, initial, self._ask)
        except logins.Malformed:
            return logins.MALFORMED
        self.connection.hide(secret)
        return self._logged_in(mechanism, user, secret, argument)

    def _logged_in(self, mechanism: str, user: str, secret: str, argument: str) -> Answer:
        right = self.host.knows(user, secret)
        answer = self._answer(AUTH, argument, USUAL[AUTH] if right else logins.WRONG)
        if answer == logins.WRONG and mechanism in logins.BY_TOKEN:
            answer = logins.TOKEN_CHALLENGE
        if words_of(answer).startswith("334"):
            self._say(answer)
            self._answer_hidden()
            answer = logins.WRONG
        self.connection.logged_in = words_of(answer).startswith("235")
        self.host.logged_in(Login(mechanism, user, SecretStr(secret), self.connection.logged_in))
        return answer

    def _ask(self, challenge: str) -> str:
        self._say(challenge)
        return self._answer_hidden()

    def _answer_hidden(self) -> str:
        answer = self._line()
        self.connection.hide(answer)
        self._wrote(answer)
        return answer

    # The line

    def _say(self, answer: Answer) -> None:
        if isinstance(answer, Drop):
            raise Gone("dropped by a rule")
        if isinstance(answer, Silence):
            self._stay_silent()
        elif isinstance(answer, Endless):
            self._repeat(answer.line)
        else:
            self._speak(Say(answer) if isinstance(answer, str) else answer)

    def _speak(self, said: Say) -> None:
        self.connection.note(self.host.now(), SERVER, said.text)
        self.host.pause(said.wait)
        data = said.text.encode("utf-8") + (b"" if said.text.endswith("\n") else b"\r\n")
        pieces = [data[at : at + 1] for at in range(len(data))] if said.gap else [data]
        for piece in pieces:
            self.client.sendall(piece)
            self.host.pause(said.gap)
        if said.closes:
            raise Gone("closed by a rule")

    def _stay_silent(self) -> None:
        while True:
            self._buffer = b""
            self._more()

    def _repeat(self, line: str) -> None:
        while True:
            self.client.sendall(f"{line}\r\n".encode())

    def _secure(self) -> None:
        strange = self.host.decide(HANDSHAKE, "", self.connection, "")
        if strange is not None:
            # Only after the client has begun: what came before would be words slipped in, not broken TLS.
            self._more()
            self._say(strange)
            raise Gone("no TLS by a rule")
        if self.host.tls is None:
            raise Gone("no TLS here")
        self._buffer = b""
        # In two steps, so that `hang_up` reaches the socket meanwhile.
        self.client = self.host.tls.wrap_socket(self.client, server_side=True, do_handshake_on_connect=False)
        self.client.do_handshake()
        self.connection.secured = True
        self._forget()

    def _wrote(self, text: str) -> None:
        self.connection.note(self.host.now(), CLIENT, text)

    def _line(self) -> str:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def _more(self) -> None:
        chunk = self.client.recv(65536)
        if not chunk:
            raise Gone("closed by the client")
        self.host.heard(self.connection, chunk)
        self._buffer += chunk
        if len(self._buffer) > LIMIT:
            raise Gone("too much")


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]
