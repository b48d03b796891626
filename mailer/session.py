"""An open, secured and logged-in line to a mail server, phase by phase (RFC 5321). Sending over it is in `smtp`."""

import base64
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mailer.account import PLAIN, SSL, STARTTLS, Account
from mailer.errors import Failure, Refused
from mailer.replies import Reply
from mailer.wire import Wire, WireFault

_GOODBYE_SECONDS = 2.0


class Session:
    """One connection to the account's server. `open` it, use it, `close` it.

    `alive` is false before and after. `features` are the extensions offered, `size_limit` is bytes (0: unknown).
    `trace` gets one line a phase, without secrets or content.
    """

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], float] = time.monotonic,
        trace: Callable[[str], None] | None = None,
    ):
        self._account, self._clock, self._trace = account, clock, trace
        self._wire: Wire | None = None
        self._offers: dict[str, str] = {}
        self._secrets: tuple[str, ...] = ()
        self.pipelining = self.smtputf8 = self.alive = False
        self.size_limit = 0

    @property
    def features(self) -> frozenset[str]:
        return frozenset(self._offers)

    def __enter__(self) -> Self:
        return self if self.alive else self.open()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> Self:
        """Connects, secures and logs in, all within the account's deadline. Raises Refused; nothing stays open then."""
        ends_at = self._clock() + self._account.deadline
        try:
            self._connect(ends_at)
            self._expect("banner", self._read("banner", ends_at), 2)
            self._hello(ends_at)
            if self._account.security == STARTTLS:
                self._start_tls(ends_at)
            if self._account.user:
                self._log_in(ends_at)
        except BaseException:
            self._drop()
            raise
        self.alive = True
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

    def _connect(self, ends_at: float) -> None:
        account, until = self._account, self._until(ends_at)
        try:
            self._wire = Wire.connect(account.host, account.port, until, self._clock)
            self._note("connect", f"{account.host}:{account.port}")
            if account.security == SSL:
                self._note("connect", self._wire.start_tls(self._context(), account.host, until))
        except WireFault as fault:
            raise self._broken("connect", fault) from fault

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._account.ca_file)

    def _hello(self, ends_at: float) -> None:
        reply = self._ask("ehlo", f"EHLO {self._own_name()}".encode("ascii"), ends_at)
        self._expect("ehlo", reply, 2)
        self._offers = _offers(reply)
        self.pipelining, self.smtputf8 = "PIPELINING" in self._offers, "SMTPUTF8" in self._offers
        limit = self._offers.get("SIZE", "")
        self.size_limit = int(limit) if limit.isascii() and limit.isdigit() else 0

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
        try:
            version = self._wire.start_tls(self._context(), self._account.host, self._until(ends_at))
        except WireFault as fault:
            raise self._broken("starttls", fault) from fault
        self._note("starttls", version)
        # What was offered in the clear may have been forged (RFC 3207 section 4.2).
        self._hello(ends_at)

    def _log_in(self, ends_at: float) -> None:
        if self._account.security == PLAIN and not self._wire.peer_is_loopback:
            raise Refused(self._failure("auth", "no_starttls", text="a password is not sent in the clear"))
        offered = self._offers.get("AUTH", "").upper().split()
        user = self._account.user.encode("utf-8", "surrogateescape")
        password = self._account.password.get_secret_value().encode("utf-8", "surrogateescape")
        if "PLAIN" in offered:
            answers = [b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password)]
        elif "LOGIN" in offered:
            answers = [b"AUTH LOGIN", base64.b64encode(user), base64.b64encode(password)]
        else:
            raise Refused(self._failure("auth", "no_auth", text=f"offered: {' '.join(offered) or 'nothing'}"))
        self._secrets = (self._account.password.get_secret_value(), *(answer.decode("ascii") for answer in answers))
        for answer in answers[:-1]:
            self._expect("auth", self._ask("auth", answer, ends_at), 3)
        self._expect("auth", self._ask("auth", answers[-1], ends_at), 2)

    def _ask(self, phase: str, command: bytes, ends_at: float) -> Reply:
        self._write(phase, command + b"\r\n", ends_at)
        return self._read(phase, ends_at)

    def _write(self, phase: str, data: bytes, ends_at: float) -> None:
        try:
            self._wire.write(data, self._until(ends_at))
        except WireFault as fault:
            raise self._broken(phase, fault) from fault

    def _read(self, phase: str, ends_at: float) -> Reply:
        # RFC 5321 section 4.5.3.2.6: giving up early on the reply after the final dot makes duplicates.
        until = ends_at if phase == "dot" else self._until(ends_at)
        try:
            reply = self._wire.read_reply(until)
            if phase == "auth":
                reply = reply.without(self._secrets)
        except WireFault as fault:
            raise self._broken(phase, fault) from fault
        if self._trace is not None:
            self._note(phase, reply.line)
        return reply

    def _until(self, ends_at: float) -> float:
        return min(self._clock() + self._account.timeout, ends_at)

    def _expect(self, phase: str, reply: Reply, first_digit: int) -> None:
        if reply.code // 100 != first_digit:
            raise Refused(self._replied(phase, reply))

    def _replied(self, phase: str, reply: Reply) -> Failure:
        return self._failure(phase, "reply", code=reply.code, enhanced=reply.enhanced, text=reply.text)

    def _broken(self, phase: str, fault: WireFault) -> Refused:
        return Refused(self._failure(phase, fault.kind, text=fault.text))

    def _failure(self, phase: str, kind: str, **said: object) -> Failure:
        account = self._account
        return Failure(phase, kind, host=account.host, port=account.port, security=account.security, **said)

    def _note(self, phase: str, said: object) -> None:
        if self._trace is not None:
            self._trace(f"{phase}: {said}")

    def _drop(self) -> None:
        self.alive = False
        if self._wire is not None:
            self._wire.close()


def _offers(reply: Reply) -> dict[str, str]:
    """Extensions and their parameters; the old form AUTH=... counts as AUTH."""
    offers: dict[str, str] = {}
    for line in reply.words.upper().split("\n")[1:]:
        keyword, _, parameters = line.replace("AUTH=", "AUTH ", 1).strip().partition(" ")
        if keyword:
            offers[keyword] = f"{offers.get(keyword, '')} {parameters}".strip()
    return offers
