"""One process's HTTP server: the shared socket, its patience with slow clients, every answer's headers. Knows no route.

It is waitress, but what never waits is answered in its own loop, without waking a thread, and what reads has threads apart
from what writes: a record that is busy with a batch makes changes wait, never the pages.

A client that asks properly, again and again, on hundreds of connections is not bounded here: a proxy in front must
limit connections per client (nginx: `limit_conn`).
"""

import errno
import gc
import logging
import resource
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from waitress import wasyncore
from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from store.errors import StoreError
from store.redaction import RedactedStream
from store.settings import Settings

BODY_BYTES, HEADER_BYTES = 262_144, 32_768
CONNECTIONS = 1000
"""Of one process."""
AT_ONCE, READING, WRITING = "at once", "reading", "writing"
"""Who answers a request: the server's own loop, for what never waits, or one of the threads kept for its kind."""
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


@dataclass(frozen=True)
class Lanes:
    """Who answers: `of` says AT_ONCE, READING or WRITING by method, path and query; the others are numbers of threads."""

    of: Callable[[str, str, str], str]
    readers: int = 4
    writers: int = 4


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

    named = [(pair[0].lower(), pair) for pair in fixed]

    def answering(environ: dict, start_response: Callable) -> object:
        environ["wsgi.errors"] = RedactedStream(environ["wsgi.errors"])

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> object:
            given = {name.lower() for name, _ in headers}
            return start_response(status, headers + [pair for name, pair in named if name not in given], exc_info)

        return app(environ, start)

    return answering


class Answer(WSGITask):
    """An answer whose head leaves together with the first bytes of its body."""

    def build_response_header(self) -> bytes:
        # What every answer has is written once for all; the rest, waitress puts into shape for each.
        lines = self.channel.server.lines
        ready = b"".join([lines[pair] for pair in self.response_headers if pair in lines])
        self.response_headers = [pair for pair in self.response_headers if pair not in lines]
        self.channel.head = super().build_response_header().removesuffix(b"\r\n") + ready + b"\r\n"
        return b""

    def finish(self) -> None:
        super().finish()
        self.channel.write_soon(b"", is_last=True)


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
    """A connection that knows when the request it is sending began, and which answers its client has yet to take."""

    task_class, error_task_class = Answer, Unreadable
    began = 0.0
    head = b""
    is_held = False
    """Its next request waits until the client has taken the answers before."""

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        if self.request is not before:
            self.began = time.time()
        return taken

    def write_soon(self, data: bytes | ReadOnlyFileBasedBuffer, is_last: bool = False) -> int:
        if isinstance(data, ReadOnlyFileBasedBuffer):
            self.write_soon(b"", is_last=True)
            return super().write_soon(data)
        if self.head and (data or is_last):
            data, self.head = self.head + data, b""
            # The client's time to take it begins now, however long it took to answer.
            self.last_activity = time.time()
        return super().write_soon(data)

    def handle_write(self) -> None:
        super().handle_write()
        if self.is_held and self.connected and not self.total_outbufs_len:
            self.is_held = False
            self.server.ready.append(self)

    def is_overdue(self, since: float) -> bool:
        """Whether the client has not sent a whole request, or not taken a byte of an answer, since that epoch second."""
        if self.total_outbufs_len:
            return self.last_activity < since
        # A byte now and then does not count as activity: only a whole request or answer does.
        return not self.requests and (self.last_activity if self.request is None else self.began) < since


class Server(TcpWSGIServer):
    """waitress with a bound on how long a client may take for one request, and a short way for what only reads."""

    channel_class = Channel
    is_stopping = False

    def __init__(self, app: Callable, listener: socket.socket, headers: Headers, lanes: Lanes):
        self.headers, self.lanes = headers, lanes
        self.lines = {pair: "{}: {}\r\n".format(*pair).encode("latin-1") for pair in headers}
        self.ready: deque[Channel] = deque()
        self.loop_thread = 0
        self.readers = ThreadedTaskDispatcher()
        at = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, _sock=listener, bind_socket=False, sockinfo=at, threads=lanes.writers, connection_limit=CONNECTIONS,
            cleanup_interval=1, backlog=1024, ident=None, max_request_body_size=BODY_BYTES,
            max_request_header_size=HEADER_BYTES, asyncore_use_poll=True,
        )  # fmt: skip
        self.readers.set_thread_count(lanes.readers)

    def add_task(self, task: Channel) -> None:
        asked = task.requests[0]
        lane = AT_ONCE if asked.error else self.lanes.of(asked.command, asked.path, asked.query)
        if lane == AT_ONCE:
            self.ready.append(task)
        else:
            (self.readers if lane == READING else self.task_dispatcher).add_task(task)

    def pull_trigger(self) -> None:
        if threading.get_ident() != self.loop_thread:
            super().pull_trigger()

    def run(self) -> None:
        """Serves until `stop`; what threads are answering then is finished, within 5 seconds."""
        self.loop_thread = threading.get_ident()
        while not self.is_stopping:
            wasyncore.poll2(0 if self.ready else 1, self._map)
            self._answer_ready()
        self.readers.shutdown()
        self.task_dispatcher.shutdown()
        for channel in list(self.active_channels.values()):
            channel.handle_close()

    def stop(self) -> None:
        """Ends `run` soon. Signal handlers and other threads may call it; again after that it does nothing."""
        if not self.is_stopping:
            self.is_stopping = True
            super().pull_trigger()

    def _answer_ready(self) -> None:
        # One request of each connection a turn: a client that sends a hundred at once is not answered a hundred first.
        for _ in range(len(self.ready)):
            channel = self.ready.popleft()
            if channel.total_outbufs_len:
                # waitress would wait for this client to read, and everybody else with it.
                channel.is_held = True
            else:
                channel.service()

    def maintenance(self, now: float) -> None:
        """Closes what waits too long for its client, be it to write or to read."""
        patience = FULL_SECONDS if self.in_connection_overflow else REQUEST_SECONDS
        for channel in self.active_channels.values():
            if channel.is_overdue(now - patience):
                # Not while the loop collects what to wait for, and not only once the client reads again.
                self.trigger.pull_trigger(channel.handle_close)


class ParentWatch(wasyncore.file_dispatcher):
    """Stops a server when a descriptor ends: the other end of this pipe is its parent's."""

    def __init__(self, lives: int, server: Server):
        super().__init__(lives, map=server._map)
        self.server = server

    def writable(self) -> bool:
        return False

    def handle_close(self) -> None:
        self.server.stop()


def serve(app: Callable, listener: socket.socket, headers: Headers, lanes: Lanes, on_ready: Callable[[], None],
          lives: int) -> None:  # fmt: skip
    """Serves until SIGTERM or the end of the descriptor `lives`. Calls `on_ready` once requests are taken."""
    # A line for each request that waits for a thread would fill the log when it is needed most.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Answers leave hardly any circles behind, and looking for them took a twelfth of a page's time.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    _allow_files()
    server = Server(app, listener, headers, lanes)
    ParentWatch(lives, server)
    signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
    on_ready()
    server.run()
    server.close()


def _allow_files() -> None:
    # A connection is a file, and systems start programs with 1024 of them allowed, the record's included.
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 256 if most == resource.RLIM_INFINITY else min(CONNECTIONS + 256, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def address_of(listener: socket.socket) -> str:
    """Where requests are taken, as http://127.0.0.1:8000."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
