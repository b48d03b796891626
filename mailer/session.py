"""An open, secured and logged-in line to a mail server, phase by phase (RFC 5321). Sending over it is in `smtp`."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from mailer import sasl
from mailer.account import PLAIN, SSL, STARTTLS, Account
from mailer.certificates import Encryption, trusting
from mailer.errors import Failure, Refused
from mailer.replies import SHOWN_CHARS, Reply, cleaned, harmless, without_controls
from mailer.tokens import TokenRefused
from mailer.wire import Wire, WireFault
from store.known_secrets import HIDDEN, KnownSecrets

_GOODBYE_SECONDS = 2.0
_GO_ON, _TOLD_CHARS = 334, 120
_SIZE_DIGITS = 20  # RFC 1870 section 3
_KEYWORD = re.compile(r"[A-Z0-9][A-Z0-9-]{0,63}", re.ASCII)


class Session:
    """One connection to the account's server. `open` it, use it, `close` it.

    `alive` is false before and after. `features` are the extensions offered, `size_limit` is bytes (0: unknown).
    `trace` gets one line a phase, `transcript` each line of both sides (`C:` is ours), without secrets or content.
    Whoever walks the phases one by one calls connect, then greet and secure (with ssl: secure and greet), then log_in;
    `ends_at` is the instant of `clock` when it must be done. A phase that fails raises Refused and leaves nothing open.
    """

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], float] = time.monotonic,
        trace: Callable[[str], None] | None = None,
        transcript: Callable[[str], None] | None = None,
    ):
        self._account, self._clock, self._trace, self._transcript = account, clock, trace, transcript
        self._wire: Wire | None = None
        self._offers: dict[str, str] = {}
        self._known, self._parts = KnownSecrets(), ()
        # Servers say the same few lines to every mail.
        self._shown = lru_cache(maxsize=64)(self._made_harmless)
        self._keep_secret(account.password.get_secret_value())
        self.pipelining = self.smtputf8 = self.alive = False
        self.size_limit = 0
        self.banner = ""

    @property
    def features(self) -> frozenset[str]:
        return frozenset(self._offers)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The logins that the server offers and that this account can use, the best first."""
        offered = self._offers.get("AUTH", "").split()
        return tuple(name for name in sasl.SPOKEN.get(self._account.auth, ()) if name in offered)

    @property
    def peer(self) -> str:
        """The address that answers."""
        return self._wire.peer_address

    @property
    def tls(self) -> Encryption | None:
        """The encryption of the line, None in the clear."""
        return self._wire.encryption

    def __enter__(self) -> Self:
        return self if self.alive else self.open()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> Self:
        """Connects, secures and logs in, all within the account's deadline. Raises Refused; nothing stays open then."""
        ends_at = self._clock() + self._account.deadline
        self.connect(ends_at)
        phases = (self.secure, self.greet) if self._account.security == SSL else (self.greet, self.secure)
        for phase in phases:
            phase(ends_at)
        if self._account.user:
            self.log_in(ends_at)
        return self

    def close(self) -> None:
        """Says goodbye within two seconds, and closes in any case."""
        if self.alive:
            until = self._clock() + min(_GOODBYE_SECONDS, self._account.timeout)
            try:
                self._wire.write(b"QUIT\r\n", until)
                self._note("quit", self._wire.read_reply(until).code)
            except WireFault as fault:
                self._note("quit", fault.kind)
        self._drop()

    def cut(self) -> None:
        """Ends the line, from another thread: whoever waits there for an answer is told that the line is lost."""
        if self._wire is not None:
            self._wire.cut()

    def connect(self, ends_at: float) -> None:
        """Connects to the first address that answers."""
        account = self._account
        with self._or_dropped():
            try:
                self._wire = Wire.connect(account.host, account.port, self._until(ends_at), self._clock)
            except WireFault as fault:
                raise self._broken("connect", fault) from fault
            self._note("connect", f"{account.host}:{account.port}")
            self._say(f"-- connected to {account.host}:{account.port}")

    def greet(self, ends_at: float) -> None:
        """Reads the server's greeting and says hello."""
        with self._or_dropped():
            reply = self._read("banner", ends_at)
            self._expect("banner", reply, 2)
            self.banner = reply.text
            self._hello(ends_at)
        self.alive = True

    def secure(self, ends_at: float) -> None:
        """Turns the line to verified TLS, at once or by STARTTLS; a plain account's stays as it is."""
        with self._or_dropped():
            if self._account.security == SSL:
                self._handshake("connect", ends_at)
            elif self._account.security == STARTTLS:
                self._start_tls(ends_at)

    def log_in(self, ends_at: float, mechanism: str = "") -> None:
        """Logs in by `mechanism`, or by the best that both sides speak. A refused token is fetched anew once."""
        with self._or_dropped():
            if self._account.security == PLAIN and not self._wire.peer_is_loopback:
                raise Refused(self._failure("auth", "no_starttls", text="a password is not sent in the clear"))
            chosen = mechanism or next(iter(self.mechanisms), "")
            if not chosen:
                offered = self._offers.get("AUTH") or "nothing"
                raise Refused(self._failure("auth", "no_auth", text=f"{self._account.auth}; offered: {offered}"))
            if self._account.token is None:
                self._answer(chosen, self._account.password, ends_at)
            else:
                self._log_in_by_token(chosen, ends_at)

    def command(self, phase: str, text: str, ends_at: float) -> Reply:
        """Says one line and gives the reply, which must be positive. A refusal leaves the line open. Raises Refused."""
        with self._or_dropped():
            reply = self._ask(phase, text.encode(), ends_at)
        self._expect(phase, reply, 2)
        return reply

    def _keep_secret(self, secret: str, *said: str) -> None:
        """From now on nothing that the server says shows this, whatever it is that it answers."""
        self._known.add((secret, *said))
        self._parts = tuple(filter(None, (secret, *said)))
        self._shown.cache_clear()

    def _context(self) -> ssl.SSLContext:
        return trusting(self._account.ca_file)

    def _hello(self, ends_at: float) -> None:
        reply = self._ask("ehlo", f"EHLO {self._own_name()}".encode("ascii"), ends_at)
        self._expect("ehlo", reply, 2)
        self._offers = _offers(reply)
        self.pipelining, self.smtputf8 = "PIPELINING" in self._offers, "SMTPUTF8" in self._offers
        limit = self._offers.get("SIZE", "")
        digits = limit.isascii() and limit.isdigit() and len(limit) <= _SIZE_DIGITS
        self.size_limit = int(limit) if digits else 0

    def _own_name(self) -> str:
        name = socket.gethostname()
        if "." in name and name.isascii() and all(char.isalnum() or char in ".-" for char in name):
            return name
        address = self._wire.local_address.partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def _start_tls(self, ends_at: float) -> None:
        if "STARTTLS" not in self._offers:
            raise Refused(self._failure("starttls", "no_starttls"))
        self._expect("starttls", self._ask("starttls", b"STARTTLS", ends_at), 2)
        self._handshake("starttls", ends_at)
        # What was offered in the clear may have been forged (RFC 3207 section 4.2).
        self._hello(ends_at)

    def _handshake(self, phase: str, ends_at: float) -> None:
        try:
            version = self._wire.start_tls(self._context(), self._account.host, self._until(ends_at))
        except WireFault as fault:
            raise self._broken(phase, fault) from fault
        self._note(phase, version)
        self._say(f"-- secured: {version}")

    def _log_in_by_token(self, mechanism: str, ends_at: float) -> None:
        token = self._token(ends_at)
        try:
            self._answer(mechanism, token, ends_at)
        except Refused as refused:
            if refused.failure.kind != "reply" or refused.failure.code // 100 != 5:
                raise
            self._account.token.reject(token)
            fresh = self._token(ends_at)
            if fresh == token:
                raise
            self._answer(mechanism, fresh, ends_at)

    def _token(self, ends_at: float) -> SecretStr:
        try:
            return self._account.token.token(max(self._until(ends_at) - self._clock(), 0))
        except TokenRefused as refused:
            kind = "token_passing" if refused.passing else "token"
            raise Refused(self._failure("auth", kind, text=str(refused), fix=refused.fix)) from refused

    def _answer(self, mechanism: str, secret: SecretStr, ends_at: float) -> None:
        account, word = self._account, secret.get_secret_value()
        answers = sasl.answers(mechanism, account.user, word, account.host, account.port)
        said = (answer.decode("ascii").rpartition(" ")[2] for answer in answers)
        self._keep_secret(word, *(one for one in said if one != mechanism))
        for answer in answers[:-1]:
            self._expect("auth", self._ask("auth", answer, ends_at), 3)
        self._write("auth", answers[-1] + b"\r\n", ends_at)
        heard, told = self._heard("auth", ends_at), ""
        reply = self._shown("auth", heard)
        if reply.code == _GO_ON and mechanism in sasl.FINISHED:
            told = self._shown("auth", Reply(_GO_ON, sasl.complaint(heard.words))).words
            reply = self._ask("auth", sasl.FINISHED[mechanism], ends_at)
        if reply.code // 100 != 2 and mechanism in sasl.FINISHED:
            reply = _marked(reply, mechanism, told)
        self._expect("auth", reply, 2)

    def _ask(self, phase: str, command: bytes, ends_at: float) -> Reply:
        self._write(phase, command + b"\r\n", ends_at)
        return self._read(phase, ends_at)

    def _write(self, phase: str, data: bytes, ends_at: float) -> None:
        if self._transcript is not None:
            self._transcribe(phase, data)
        try:
            self._wire.write(data, self._until(ends_at))
        except WireFault as fault:
            raise self._broken(phase, fault) from fault

    def _read(self, phase: str, ends_at: float) -> Reply:
        """The server's reply, with nothing in it that must not be seen."""
        return self._shown(phase, self._heard(phase, ends_at))

    def _heard(self, phase: str, ends_at: float) -> Reply:
        """The server's reply as it came; only the trace and the transcript get it made harmless."""
        # RFC 5321 section 4.5.3.2.6: giving up early on the reply after the final dot makes duplicates.
        until = ends_at if phase == "dot" else self._until(ends_at)
        try:
            reply = self._wire.read_reply(until)
        except WireFault as fault:
            raise self._broken(phase, fault) from fault
        if self._trace is not None or self._transcript is not None:
            shown = self._shown(phase, reply)
            self._note(phase, shown.line)
            self._say(f"S: {shown.line}")
        return reply

    def _until(self, ends_at: float) -> float:
        return min(self._clock() + self._account.timeout, ends_at)

    def _expect(self, phase: str, reply: Reply, first_digit: int) -> None:
        if reply.code // 100 != first_digit:
            raise Refused(self._replied(phase, reply))

    def _replied(self, phase: str, reply: Reply) -> Failure:
        return self._failure(phase, "reply", code=reply.code, enhanced=reply.enhanced, text=reply.text)

    def _made_harmless(self, phase: str, reply: Reply) -> Reply:
        """The reply without what we said or sent, in case that the server gives it back whole or in part."""
        words = harmless(self._known.hide(without_controls(reply.words)))
        longest = sasl.LONG_PART if phase == "auth" else SHOWN_CHARS
        return Reply(reply.code, sasl.without_parts(words, self._parts, longest) if self._parts else words)

    def _broken(self, phase: str, fault: WireFault) -> Refused:
        failure = self._failure(phase, fault.kind, text=self._shown(phase, Reply(0, fault.text)).words)
        self._say(f"-- {failure}")
        return Refused(failure)

    def _failure(self, phase: str, kind: str, **said: object) -> Failure:
        account = self._account
        return Failure(phase, kind, host=account.host, port=account.port, security=account.security, **said)

    def _note(self, phase: str, said: object) -> None:
        if self._trace is not None:
            self._trace(f"{phase}: {said}")

    def _transcribe(self, phase: str, data: bytes) -> None:
        """What we say, command by command; a login by its mechanism only, a mail by its size."""
        if phase == "auth":
            command, mechanism, *_ = (*data.split(), b"", b"")
            self._say(f"C: AUTH {mechanism.decode('ascii')} {HIDDEN}" if command == b"AUTH" else f"C: {HIDDEN}")
        elif phase == "data" and data != b"DATA\r\n":
            self._say(f"C: ({len(data)} bytes of mail)")
        else:
            for line in data.decode("utf-8", "replace").split("\r\n")[:-1]:
                self._say(f"C: {cleaned(line)}")

    def _say(self, line: str) -> None:
        if self._transcript is not None:
            self._transcript(line)

    @contextmanager
    def _or_dropped(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        self.alive = False
        if self._wire is not None:
            self._wire.close()


def _marked(reply: Reply, mechanism: str, told: str) -> Reply:
    """A refusal that names the login: what is to be done about the same words depends on it."""
    words = reply.words.removeprefix(reply.enhanced).lstrip()
    mark = f"({mechanism}: {cleaned(told)[:_TOLD_CHARS]})" if told else f"({mechanism})"
    return Reply(reply.code, f"{reply.enhanced} {mark} {words}".lstrip())


def _offers(reply: Reply) -> dict[str, str]:
    """Extensions and their parameters; the old form AUTH=... counts as AUTH."""
    offers: dict[str, str] = {}
    for line in reply.words.upper().split("\n")[1:]:
        keyword, _, parameters = line.replace("AUTH=", "AUTH ", 1).strip().partition(" ")
        if _KEYWORD.fullmatch(keyword):
            offers[keyword] = f"{offers.get(keyword, '')} {parameters}".strip()
    return offers
