"""The socket under a conversation: bytes out, whole replies in, each within a deadline. It knows no SMTP commands."""

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Self

from mailer.certificates import Encryption, encryption_of
from mailer.errors import MailerError
from mailer.replies import Reply, cleaned

_REPLY_BYTES, _REPLY_LINES, _CHUNK = 65536, 100, 65536
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*?))?\r?\n", re.DOTALL)
_USUAL_BYTES = 80  # a server's everyday replies are shorter; only these are remembered


class WireFault(MailerError):
    """The line failed. `kind` is timeout, dropped, refused, dns, certificate, tls or protocol (see `Failure`)."""

    def __init__(self, kind: str, text: str):
        self.kind, self.text = kind, cleaned(text)
        super().__init__(f"{kind}: {self.text}")


class Wire:
    """One connection. Every `until` is an instant of `clock`, in seconds; WireFault is raised when it is reached.

    `begun` counts the bytes of the last write that may have gone out, whatever happened then.
    """

    def __init__(self, connected: socket.socket, clock: Callable[[], float]):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._clock, self._buffer = connected, clock, b""
        self.begun = 0

    @classmethod
    def connect(cls, host: str, port: int, until: float, clock: Callable[[], float]) -> Self:
        """Tries each address of the host, each with its share of the time left."""
        return cls(connected(host, port, until, clock), clock)

    @property
    def local_address(self) -> str:
        return self._socket.getsockname()[0]

    @property
    def peer_address(self) -> str:
        return self._socket.getpeername()[0]

    @property
    def peer_is_loopback(self) -> bool:
        """Whether the other end is this machine, whatever its name says."""
        return ipaddress.ip_address(self.peer_address.partition("%")[0]).is_loopback

    @property
    def encryption(self) -> Encryption | None:
        """What is known of the encrypted line; None in the clear."""
        return encryption_of(self._socket) if isinstance(self._socket, ssl.SSLSocket) else None

    def start_tls(self, context: ssl.SSLContext, host: str, until: float) -> str:
        """Turns to TLS, verified by `context`, and returns the protocol's version.

        Bytes that already wait were sent in the clear by somebody who hopes that they pass for the secured server's.
        """
        if self._buffer:
            raise WireFault("protocol", "the server sent more than its answer before TLS began")
        try:
            self._socket.settimeout(self._left(until))
            self._socket = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
            self._socket.do_handshake()
        except TimeoutError as error:
            raise WireFault("timeout", "no answer to the TLS handshake") from error
        except ssl.SSLCertVerificationError as error:
            raise WireFault("certificate", error.verify_message or str(error)) from error
        except (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError) as error:
            raise WireFault("dropped", "closed during the TLS handshake") from error
        except ssl.SSLError as error:
            raise WireFault("tls", error.reason or str(error)) from error
        except OSError as error:
            raise WireFault("dropped", error.strerror or str(error)) from error
        return self._socket.version() or ""

    def write(self, data: bytes, until: float) -> None:
        self.begun, at, view = 0, 0, memoryview(data)
        while at < len(view):
            chunk = view[at : at + _CHUNK]
            left = self._left(until)
            self.begun = at + len(chunk)
            try:
                self._socket.settimeout(left)
                at += self._socket.send(chunk)
            except TimeoutError as error:
                raise WireFault("timeout", "the server takes no more bytes") from error
            except OSError as error:
                raise WireFault("dropped", error.strerror or str(error)) from error

    def read_reply(self, until: float) -> Reply:
        """One whole reply, its lines bounded in number and bytes (RFC 5321 section 4.2)."""
        line = self._read_line(until)
        if len(line) <= _USUAL_BYTES and (usual := _usual_reply(line)) is not None:
            return usual
        code, words, size = b"", [], 0
        while True:
            found = _LINE.fullmatch(line)
            size += len(line)
            if found is None or (code and found[1] != code):
                raise WireFault("protocol", f"not a reply: {line.decode('utf-8', 'replace')}")
            code = found[1]
            words.append((found[3] or b"").decode("utf-8", "replace"))
            if found[2] != b"-":
                return Reply(int(code), "\n".join(words))
            if len(words) >= _REPLY_LINES or size >= _REPLY_BYTES:
                raise WireFault("protocol", "the reply does not end")
            line = self._read_line(until)

    def close(self) -> None:
        self._socket.close()

    def cut(self) -> None:
        """Ends the line for another thread that waits on it: that has WireFault, `dropped`, at once."""
        with suppress(OSError):
            # Not what TLS makes of it: that would take the encryption away from under the other thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _read_line(self, until: float) -> bytes:
        end = self._buffer.find(b"\n")
        while end < 0:
            if len(self._buffer) >= _REPLY_BYTES:
                raise WireFault("protocol", "the reply's line does not end")
            self._buffer += self._receive(until)
            end = self._buffer.find(b"\n")
        line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return line

    def _receive(self, until: float) -> bytes:
        left = self._left(until)
        try:
            self._socket.settimeout(left)
            received = self._socket.recv(_CHUNK)
        except TimeoutError as error:
            raise WireFault("timeout", "no answer in time") from error
        except OSError as error:
            raise WireFault("dropped", error.strerror or str(error)) from error
        if not received:
            raise WireFault("dropped", "the server closed the connection")
        return received

    def _left(self, until: float) -> float:
        left = until - self._clock()
        if left <= 0:
            raise WireFault("timeout", "no answer in time")
        return left


@lru_cache(maxsize=64)
def _usual_reply(line: bytes) -> Reply | None:
    """The reply that this one line makes, or None. A server says the same few lines to every mail."""
    found = _LINE.fullmatch(line)
    if found is None or found[2] == b"-":
        return None
    return Reply(int(found[1]), (found[3] or b"").decode("utf-8", "replace"))


def connected(host: str, port: int, until: float, clock: Callable[[], float]) -> socket.socket:
    """A connection to the first address of the host that answers, each tried with its share of the time left.

    Raises WireFault: dns, refused or timeout.
    """
    places = _places(host, port, until - clock())
    fault = WireFault("dns", "the name has no address")
    for index, (family, kind, protocol, _, address) in enumerate(places):
        try:
            return _dial(family, kind, protocol, address, (until - clock()) / (len(places) - index))
        except WireFault as error:
            fault = error
    raise fault


def _places(host: str, port: int, seconds: float) -> list[tuple]:
    """The addresses of a host. The system's look-up knows no time-out, so a thread that may be left behind asks."""
    found: list[tuple] = []
    faults: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            faults.append(error)

    asking = threading.Thread(target=ask, name="host look-up", daemon=True)
    asking.start()
    asking.join(max(seconds, 0))
    if faults:
        raise WireFault("dns", getattr(faults[0], "strerror", None) or str(faults[0])) from faults[0]
    if asking.is_alive():
        raise WireFault("dns", "the name server does not answer in time")
    return found


def _dial(family: int, kind: int, protocol: int, address: tuple, seconds: float) -> socket.socket:
    if seconds <= 0:
        raise WireFault("timeout", "no connection in time")
    try:
        dialled = socket.socket(family, kind, protocol)
    except OSError as error:
        raise WireFault("refused", error.strerror or str(error)) from error
    try:
        dialled.settimeout(seconds)
        dialled.connect(address)
    except TimeoutError as error:
        dialled.close()
        raise WireFault("timeout", "no connection in time") from error
    except OSError as error:
        dialled.close()
        raise WireFault("refused", error.strerror or str(error)) from error
    return dialled
