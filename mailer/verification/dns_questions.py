"""Questions to a name server, bounded in time. What the answers mean for mail is in `dns_checks`."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from mailer.account import NameServer

QUESTION_SECONDS = 5.0
TOTAL_SECONDS = 15.0
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NoSuchName(Exception):
    """The name does not exist (NXDOMAIN), or cannot be one."""


class Unanswered(Exception):
    """No usable answer. `silent` says that nothing came back, so that asking further would only take time."""

    def __init__(self, message: str, *, silent: bool):
        super().__init__(message)
        self.silent = silent


class Questions:
    """Asks one name server, or the system's. All questions together take `total` seconds at most.

    Every look-up raises Unanswered where there is no answer in time, or none that can be used.
    """

    def __init__(
        self,
        name_server: NameServer | None = None,
        *,
        seconds: float = QUESTION_SECONDS,
        total: float = TOTAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.who = _named(name_server)
        self.is_system = name_server is None
        self._server, self._seconds, self._total, self._clock = name_server, seconds, total, clock
        self._resolver: dns.resolver.Resolver | None = None
        self._left = total

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, each joined from its strings (RFC 7208 section 3.3); empty if there is none."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._found(name, "TXT")]

    def mail_exchangers(self, name: str) -> list[tuple[int, str]]:
        """Preference and host of each MX record, best first; the host is empty for a null MX (RFC 7505)."""
        records = self._found(name, "MX")
        return sorted((record.preference, _text(record.exchange)) for record in records)

    def addresses(self, name: str) -> list[Address]:
        """The addresses of a host, of both families. Raises NoSuchName."""
        found = [*self._found(name, "A"), *self._found(name, "AAAA")]
        return [ipaddress.ip_address(record.address) for record in found]

    def texts_or_none(self, name: str) -> list[str]:
        """As `texts`, empty too where the name does not exist."""
        try:
            return self.texts(name)
        except NoSuchName:
            return []

    def _found(self, name: str, kind: str) -> list:
        return [] if (answer := self._ask(name, kind)) is None else list(answer)

    def _ask(self, name: str, kind: str) -> Iterable | None:
        began = self._clock()
        try:
            return self._answer(name, kind)
        finally:
            self._left -= self._clock() - began

    def _answer(self, name: str, kind: str) -> Iterable | None:
        if self._left <= 0:
            raise Unanswered(f"{self.who} took more than {self._total:g} s for all questions", silent=True)
        seconds = min(self._seconds, self._left)
        try:
            answer = self._opened().resolve(_absolute(name), kind, lifetime=seconds, raise_on_no_answer=False)
            return answer.rrset
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchName(name) from error
        except dns.resolver.LifetimeTimeout as error:
            raise Unanswered(f"{self.who} did not answer within {seconds:.0f} s", silent=True) from error
        except dns.resolver.NoResolverConfiguration as error:
            raise Unanswered("this machine has no name server set (/etc/resolv.conf)", silent=True) from error
        except (dns.exception.DNSException, OSError) as error:
            what = f"{self.who} has no usable answer for {name} ({type(error).__name__})"
            raise Unanswered(what, silent=False) from error

    def _opened(self) -> dns.resolver.Resolver:
        if self._resolver is None:
            self._resolver = dns.resolver.Resolver(configure=self._server is None)
            if self._server is not None:
                self._resolver.nameservers = [self._server.address]
                self._resolver.port = self._server.port
            # What an answer over UDP may hold without being cut on its way.
            self._resolver.use_edns(0, 0, 1232)
        return self._resolver


def _named(server: NameServer | None) -> str:
    return "this machine's name server" if server is None else f"the name server {server.address} port {server.port}"


def _absolute(name: str) -> dns.name.Name:
    try:
        return dns.name.from_text(name)
    except (dns.exception.DNSException, ValueError) as error:
        raise NoSuchName(name) from error


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else ""


def resolved(host: str, seconds: float = QUESTION_SECONDS) -> list[Address]:
    """The addresses of a host as a connection will find them. Raises OSError: gaierror, or TimeoutError after so long.

    The system's call has no time-out of its own, so it runs beside, and is left alone when it takes too long.
    """
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_resolve, args=(host, answer), daemon=True).start()
    try:
        return answer.result(seconds)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "it is no host name") from error
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def _resolve(host: str, answer: "Future[list[Address]]") -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)
    else:
        answer.set_result([ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found])
