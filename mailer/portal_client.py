"""Opening a candidate's link at a running portal, over one kept connection. `proof` says what the page must say."""

import http.client
import io
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from mailer.errors import MailerError
from mailer.wire import WireFault, connected

TIMEOUT = 10.0
"""Seconds for a whole request, from the look-up of the name to the last byte of the answer."""

ANSWER_BYTES = 1_048_576
LOST_IN_A_ROW = 3
"""After so many links in a row without any answer, the portal counts as gone: the others are not tried."""

START_ONE = "start one with `make portal` (or `python portal.py`), then prove again."
_SAME_RECORD = "start the portal with this DATABASE_URL, or give the address of the portal that has it."
_SAME_RING = "run the portal with the SESSION_KEY_RING that the links were made with, then prove again."
_LOOK = "look at what the portal prints, then prove again."
_BROKEN = (OSError, http.client.HTTPException)


def spelling_fix(setting: str) -> str:
    """What to do about an address, named by its setting, whose name is not found: a half sentence."""
    return f"correct the spelling of {setting}, or have the name entered in DNS"


class PortalUnusable(MailerError):
    """No link can be opened: no portal answers, or it is another database's."""


class NotOpened(MailerError):
    """One link did not lead to a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an interview's page tells whoever checks it; `references` and the like hold every one found."""

    state: str
    references: tuple[str, ...]
    candidates: tuple[str, ...]
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    html: str = field(default="", repr=False)


class _Answer(NamedTuple):
    status: int
    location: str
    cookie: str
    body: bytes


class PortalClient:
    """The portal at `address` (scheme, host and port); `host` is a name that it must answer for, BACKEND_URL's.

    Nothing is asked before the first call.
    """

    def __init__(self, address: str, host: str):
        self.address, self.host = address.rstrip("/"), host
        self._connection: _Connection | None = None
        self._lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def check(self, database_id: str) -> None:
        """Returns only if a portal that serves this database answers. Raises PortalUnusable."""
        try:
            answer = self._get("/healthz", {})
            if answer.status == 421:  # it listens for others too, so it takes no loopback name
                answer = self._get("/healthz", {"Host": self.host})
        except NotOpened as error:
            raise PortalUnusable(str(error), error.fix) from error
        served = _database_of(answer.body) if answer.status == 200 else ""
        if not served:
            raise PortalUnusable(f"What answers at {self.address} is no healthy portal ({answer.status}).", START_ONE)
        if served != database_id:
            raise PortalUnusable(f"The portal at {self.address} serves another database.", _SAME_RECORD)

    def open(self, link: str, proof: str) -> Page:
        """The page that a link leads to. Raises NotOpened; PortalUnusable once the portal counts as gone.

        The link's path and query are asked for with its own host as `Host`, wherever the portal listens. The visit
        is marked with `proof`, so that it is not taken for the candidate's.
        """
        if self._lost >= LOST_IN_A_ROW:
            raise PortalUnusable(f"The portal at {self.address} has stopped answering.", START_ONE)
        parts = urlsplit(link)
        host = {"Host": parts.netloc}
        entered = self._get(f"{parts.path}?{parts.query}", host | {"X-Interview-Proof": proof})
        if entered.status != 303:
            raise _refused(entered.status, parts.hostname or "")
        if entered.location != "/interview" or not entered.cookie:
            raise NotOpened("The portal did not lead from the link to the interview's page.", _LOOK)
        shown = self._get("/interview", host | {"Cookie": entered.cookie})
        if shown.status != 200:
            raise _refused(shown.status, parts.hostname or "")
        return _read(shown.body)

    def _get(self, target: str, headers: dict[str, str]) -> _Answer:
        until = time.monotonic() + TIMEOUT
        try:
            answer = self._asked(target, headers, until)
        except (WireFault, *_BROKEN) as error:
            self.close()
            self._lost += 1
            raise self._unanswered(error) from None
        except ValueError:
            raise PortalUnusable(f"{self.address!r} is no web address of a portal.", START_ONE) from None
        self._lost = 0
        return answer

    def _unanswered(self, error: Exception) -> NotOpened:
        if isinstance(error, TimeoutError) or getattr(error, "kind", "") == "timeout":
            return NotOpened(f"The portal at {self.address} did not answer in {TIMEOUT:.0f} seconds.", _LOOK)
        reason = getattr(error, "text", None) or getattr(error, "strerror", None) or type(error).__name__
        if getattr(error, "kind", "") == "dns":
            name = urlsplit(self.address).hostname
            setting = "BACKEND_URL" if name == self.host else "the portal's address"
            what = f"The name {name} of {setting} ({self.address}) is not found: {reason}"
            return NotOpened(f"{what.rstrip('.')}.", f"{spelling_fix(setting)}; then prove again.")
        return NotOpened(f"No portal answers at {self.address} ({reason}).", START_ONE)

    def _asked(self, target: str, headers: dict[str, str], until: float) -> _Answer:
        if self._connection is not None:
            try:
                return self._ask(target, headers, until)
            except TimeoutError:
                raise
            except _BROKEN:  # a server may close a kept connection at any moment (RFC 9112 section 9.3.1)
                self.close()
        return self._ask(target, headers, until)

    def _ask(self, target: str, headers: dict[str, str], until: float) -> _Answer:
        if self._connection is None:
            self._connection = _connection_to(self.address)
        self._connection.hold_to(until)
        self._connection.request("GET", target, headers=headers)
        with self._connection.getresponse() as response:
            body = response.read(ANSWER_BYTES)
            if not response.isclosed():  # more than was asked for: the rest would be taken for the next answer
                self.close()
            cookie = response.getheader("Set-Cookie", "").partition(";")[0]
            return _Answer(response.status, response.getheader("Location", ""), cookie, body)


class _Connection(http.client.HTTPConnection):
    """A connection of which everything ends by one instant, however slowly the bytes come."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None):
        super().__init__(host, port)
        self._context, self._until = context, 0.0

    def hold_to(self, until: float) -> None:
        """All that follows is over at this instant of the monotonic clock; TimeoutError and WireFault are raised."""
        self._until = until
        if self.sock is not None:
            self.sock.settimeout(self.left())

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def connect(self) -> None:
        self.sock = connected(self.host, self.port, self._until, time.monotonic)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(self.left())
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def response_class(self, sock: socket.socket, **given: object) -> http.client.HTTPResponse:
        """The answer, each of its reads with no more than the time that is left."""
        response = http.client.HTTPResponse(sock, **given)
        response.fp = io.BufferedReader(_Incoming(self, sock, response.fp.detach()))
        return response


class _Incoming(io.RawIOBase):
    """What a socket receives. The socket's own file knows a time-out for each read alone."""

    def __init__(self, connection: _Connection, sock: socket.socket, file: io.RawIOBase):
        self._connection, self._socket, self._file = connection, sock, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int | None:
        self._socket.settimeout(self._connection.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _connection_to(address: str) -> _Connection:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path:
        raise ValueError
    secured = parts.scheme == "https"
    port = parts.port or (http.client.HTTPS_PORT if secured else http.client.HTTP_PORT)
    return _Connection(parts.hostname, port, ssl.create_default_context() if secured else None)


def _database_of(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("database_id", "")) if isinstance(told, dict) else ""


def _refused(status: int, host: str) -> NotOpened:
    if status == 404:
        return NotOpened("The portal does not know the booked link.", _SAME_RING)
    if status == 403:
        return NotOpened("The portal does not take this visit for a proof.", _SAME_RING)
    if status == 421:
        fix = f"start the portal with BACKEND_URL as it was when the mail went out, or add {host} to PORTAL_HOSTS."
        return NotOpened(f"The portal does not answer for {host}, which the link names.", fix)
    if status == 429:
        return NotOpened("The portal has seen too many wrong links from here.", "wait ten minutes, then prove again.")
    return NotOpened(f"The portal answers the booked link with an error ({status}).", _LOOK)


def _read(body: bytes) -> Page:
    reader, source = _Reader(), body.decode("utf-8", "replace")
    reader.feed(source)
    reader.close()
    found = reader.found
    return Page(
        "".join(found["state"]),
        tuple(found["data-reference"]),
        tuple(" ".join(name.split()) for name in found["data-candidate"]),
        tuple(found["data-start"]),
        tuple(found["data-end"]),
        source,
    )


class _Reader(HTMLParser):
    """Collects what the portal marks for checking."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {
            name: [] for name in ("state", "data-reference", "data-candidate", "data-start", "data-end")
        }
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("name") == "interview-state":
            self.found["state"].append(given.get("content", ""))
        for name in ("data-start", "data-end"):
            if tag == "time" and name in given:
                self.found[name].append(given.get("datetime", ""))
        for name in ("data-reference", "data-candidate"):
            if name in given:
                self._open = (tag, name)
                self.found[name].append("")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.found[self._open[1]][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if self._open is not None and tag == self._open[0]:
            self._open = None
