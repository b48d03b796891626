"""The portal's HTTP server: its socket, its patience with slow clients, the headers of every answer. Knows no route.

A client that asks properly, again and again, on hundreds of connections is not bounded here: a proxy in front must
limit connections per client (nginx: `limit_conn`).
"""

import errno
import socket
import time
from collections.abc import Callable
from typing import Self

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask

from store.errors import StoreError
from store.redaction import RedactedStream
from store.settings import Settings

BODY_BYTES, HEADER_BYTES = 262_144, 32_768
CONNECTIONS = 1000
REQUEST_SECONDS, FULL_SECONDS = 10.0, 2.0
"""A silent connection and a request under way are closed after so many seconds; the second while all are taken."""

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
     " connect-src 'self'; form-action 'self'; media-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()"),
)  # fmt: skip
HTTPS_ONLY = (("Strict-Transport-Security", "max-age=31536000"),)

Headers = tuple[tuple[str, str], ...]

_NOT_OURS = "set PORTAL_HOST to an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."
_FIXES = {
    errno.EADDRINUSE: "end the program that uses this address, or set PORTAL_PORT to a free port.",
    errno.EADDRNOTAVAIL: _NOT_OURS,
    errno.EAFNOSUPPORT: _NOT_OURS,
    errno.EACCES: "set PORTAL_PORT to 1024 or more (ports below need special rights) and put a proxy in front.",
}


class ListenError(StoreError):
    """The portal cannot listen at PORTAL_HOST and PORTAL_PORT."""

    @classmethod
    def of(cls, host: str, port: int, error: OSError | UnicodeError) -> Self:
        """The refusal for what the system said; a host that no name server knows is an error without a number."""
        number = None if isinstance(error, socket.gaierror | UnicodeError) else error.errno
        said = "no such host name" if isinstance(error, UnicodeError) else error.strerror or error
        what = f"it cannot listen at {host} port {port}: {said}."
        return cls(what, _NOT_OURS if number is None else _FIXES.get(number, "set another PORTAL_HOST or PORTAL_PORT."))


def listen(settings: Settings) -> socket.socket:
    """A socket bound to PORTAL_HOST and PORTAL_PORT. Raises ListenError."""
    host, port = settings.portal_host, settings.portal_port
    try:
        return _bound(host.strip("[]"), port)
    except (OSError, UnicodeError) as error:
        raise ListenError.of(host, port, error) from error


def _bound(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def is_https(settings: Settings) -> bool:
    return settings.backend_url.startswith("https:")


def headers_for(settings: Settings) -> Headers:
    """What every answer carries, whoever gives it."""
    return HEADERS + (HTTPS_ONLY if is_https(settings) else ())


def guarded(app: Callable, fixed: Headers) -> Callable:
    """The WSGI application with `fixed` headers on every answer, and no key in its error stream."""

    def answering(environ: dict, start_response: Callable) -> object:
        environ["wsgi.errors"] = RedactedStream(environ["wsgi.errors"])

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> object:
            given = {name.lower() for name, _ in headers}
            return start_response(status, headers + [pair for pair in fixed if pair[0].lower() not in given], exc_info)

        return app(environ, start)

    return answering


class Unreadable(ErrorTask):
    """The answer to what is no request, or too large: the same headers, and nothing of what was sent."""

    def execute(self) -> None:
        error = self.request.error
        body = f"{error.reason}\n".encode()
        self.status, self.content_length = f"{error.code} {error.reason}", len(body)
        self.response_headers += [("Content-Type", "text/plain; charset=utf-8"), *self.channel.server.headers]
        self.set_close_on_finish()
        self.write(body)


class Channel(HTTPChannel):
    """A connection that knows when the request it is sending began."""

    error_task_class = Unreadable
    began = 0.0

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        if self.request is not before:
            self.began = time.time()
        return taken

    def waits_since(self) -> float:
        """Epoch seconds. A byte now and then does not count as activity: only a whole request or answer does."""
        return self.last_activity if self.request is None else self.began


class Server(TcpWSGIServer):
    """waitress, bounding how long a client may take for one request."""

    channel_class = Channel

    def __init__(self, app: Callable, listener: socket.socket, headers: Headers):
        self.headers = headers
        at = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, _sock=listener, bind_socket=False, sockinfo=at, threads=8, connection_limit=CONNECTIONS,
            cleanup_interval=1, backlog=1024, ident=None, max_request_body_size=BODY_BYTES,
            max_request_header_size=HEADER_BYTES, asyncore_use_poll=True,
        )  # fmt: skip

    def maintenance(self, now: float) -> None:
        """Closes what waits too long for its client, be it to write or to read."""
        patience = FULL_SECONDS if self.in_connection_overflow else REQUEST_SECONDS
        for channel in self.active_channels.values():
            if not channel.requests and channel.waits_since() < now - patience:
                # Not while the loop collects what to wait for, and not only once the client reads again.
                self.trigger.pull_trigger(channel.handle_close)


def serve(app: Callable, listener: socket.socket, headers: Headers) -> None:
    """Serves until SIGTERM, SIGINT or SystemExit. Prints READY and the address once requests are taken."""
    server = Server(app, listener, headers)
    host, port = listener.getsockname()[:2]
    print(f"READY http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    server.run()
    server.close()
