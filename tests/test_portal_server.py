"""The portal's server: where it cannot listen, clients that dawdle, and what is no request at all."""

import contextlib
import errno
import socket
import threading
import time

import pytest

import portal_server
from portal_server import AT_ONCE, HEADERS, READING, WRITING, Lanes, ListenError, Server, guarded, listen
from store.settings import Settings

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BIG = ASK.replace(b"/ ", b"/big ")


LANES = {"/reads": READING, "/waits": WRITING}
ENOUGH = threading.Event()


def answers(environ, start_response):
    """A small application: /big answers with 200 kB, /broken breaks, /slow takes 50 ms, /waits until it is ENOUGH."""
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("canary")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    if environ["PATH_INFO"] == "/waits":
        ENOUGH.wait(10)
    body = b"x" * 200_000 if environ["PATH_INFO"] == "/big" else b"well"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


class Served:
    """A server in a thread, and connections to it."""

    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address, self.connections = listener.getsockname(), []
        lanes = Lanes(lambda method, path, query: LANES.get(path, AT_ONCE))
        self.server = Server(guarded(answers, HEADERS), listener, HEADERS, lanes)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    def connect(self, sent=b""):
        connection = socket.create_connection(self.address, timeout=5)
        self.connections.append(connection)
        connection.sendall(sent)
        return connection

    def answer(self, sent):
        """Everything that the server says until it closes."""
        connection, said = self.connect(sent), b""
        while part := connection.recv(65_536):
            said += part
        return said.decode("latin-1")

    def stop(self):
        for connection in self.connections:
            connection.close()
        ENOUGH.set()
        self.server.stop()
        self.thread.join(10)
        self.server.close()


@pytest.fixture
def serving(monkeypatch):
    """Starts a server with limits of the test's own."""
    started = []
    ENOUGH.clear()

    def serving(**limits):
        for name, value in limits.items():
            monkeypatch.setattr(portal_server, name, value)
        started.append(Served())
        return started[0]

    yield serving
    started[0].stop()
    assert not started[0].thread.is_alive()


def is_answered(connection):
    """Whether the small answer arrives whole before the connection is closed, within its 5 seconds a read."""
    said = b""
    while not said.endswith(b"well") and (part := connection.recv(65_536)):
        said += part
    return said.endswith(b"well")


def seconds_until_closed(connection, drip=b""):
    """How long the server bears with a client that sends `drip` byte by byte; fails after 5 seconds."""
    began, left = time.monotonic(), iter(drip)
    connection.settimeout(0.1)
    while (passed := time.monotonic() - began) < 5:
        try:
            if connection.recv(1) == b"":
                return passed
        except TimeoutError:
            connection.sendall(bytes([next(left)]) if drip else b"")
        except ConnectionError:
            return passed
    pytest.fail("the server still waits after 5 seconds")


@pytest.mark.parametrize(("sent", "drip"), [
    (b"", b""), (b"", b"GET / HTTP/1.1\r\nX-Any: " + b"a" * 99), (b"GET / HTTP/1.1\r\n", b"X-Any: " + b"a" * 99),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", b"a" * 99), (b"\r\n", b"a" * 99),
], ids=["silent", "request line", "header", "body", "blank line first"])  # fmt: skip
def test_a_client_that_takes_too_long_for_a_request_is_closed_though_it_sends(serving, sent, drip):
    served = serving(REQUEST_SECONDS=0.5)
    assert 0.4 < seconds_until_closed(served.connect(sent), drip) < 4


@pytest.mark.parametrize("lane", [AT_ONCE, READING, WRITING])
def test_a_client_that_never_reads_its_answers_stops_nobody_and_is_closed(serving, lane, monkeypatch):
    monkeypatch.setitem(LANES, "/big", lane)
    served = serving(REQUEST_SECONDS=0.5)
    for _ in range(6):
        served.connect(BIG * 250)
    assert is_answered(served.connect(ASK))
    until = time.monotonic() + 5
    while len(served.server.active_channels) > 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(served.server.active_channels) <= 1


@pytest.mark.parametrize("path", [b"/", b"/reads"])
def test_reads_do_not_wait_for_writes(serving, path):
    served = serving()
    for _ in range(Lanes.writers + 2):
        served.connect(ASK.replace(b"/ ", b"/waits "))
    assert is_answered(served.connect(ASK.replace(b"/ ", path + b" ")))


@pytest.mark.parametrize("lane", [AT_ONCE, READING, WRITING])
def test_requests_sent_without_waiting_are_answered_in_their_order(serving, lane, monkeypatch):
    monkeypatch.setitem(LANES, "/big", lane)
    connection = serving().connect((ASK + BIG) * 60 + ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    # So that more is to be sent than a system holds for a client who does not read.
    time.sleep(0.2)
    said = b"".join(iter(lambda: connection.recv(65_536), b""))
    lengths = [int(head.partition(b"\r\n")[0]) for head in said.split(b"Content-Length: ")[1:]]
    assert lengths == [4, 200_000] * 60 + [4]


def test_a_client_that_asks_a_hundred_times_at_once_does_not_delay_others(serving):
    served = serving()
    busy = served.connect(ASK.replace(b"/ ", b"/slow ") * 100)
    assert busy.recv(1) == b"H"
    began = time.monotonic()
    assert is_answered(served.connect(ASK))
    assert time.monotonic() - began < 3


def test_many_connections_that_send_half_a_request_do_not_stop_a_whole_one(serving):
    served = serving()
    for _ in range(300):
        served.connect(ASK[:20])
    began = time.monotonic()
    assert is_answered(served.connect(ASK))
    assert time.monotonic() - began < 5


def test_a_request_that_is_being_answered_when_the_server_stops_is_answered(serving):
    served = serving()
    connection = served.connect(ASK.replace(b"/ ", b"/waits "))
    until = time.monotonic() + 5
    while not any(channel.requests for channel in list(served.server.active_channels.values())):
        assert time.monotonic() < until
    served.server.stop()
    ENOUGH.set()
    assert is_answered(connection)


def test_a_request_in_pieces_after_a_pause_is_answered(serving):
    served = serving(REQUEST_SECONDS=1.5)
    connection = served.connect(ASK)
    assert is_answered(connection)
    time.sleep(1)
    connection.sendall(ASK[:9])
    time.sleep(0.8)
    connection.sendall(ASK[9:])
    assert is_answered(connection)


def test_a_server_full_of_dawdling_clients_soon_answers_again(serving):
    served = serving(CONNECTIONS=40, REQUEST_SECONDS=60, FULL_SECONDS=0.3)
    dawdling = [served.connect(b"GET / HTTP/1.1\r\nX-Any: ") for _ in range(60)]
    ended = threading.Event()

    def drip():
        while not ended.wait(0.05):
            for connection in dawdling:
                # Those that are closed already are what the test is about.
                with contextlib.suppress(ConnectionError):
                    connection.send(b"a")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        # Within the connection's 5 seconds, though the others have 60.
        assert is_answered(served.connect(ASK))
    finally:
        ended.set()
        dripping.join()


@pytest.mark.parametrize(("sent", "status"), [
    (b"canary / HTTP/1.1\r\n\r\n", "400 Bad Request"), (b"GET / HTTP/1.1\r\ncanary\r\n\r\n", "400 Bad Request"),
    ((b"GET / HTTP/1.1\r\nX-Any: " + b"canary" * 6000)[:32_768], "431 Request Header Fields Too Large"),
    (b"POST / HTTP/1.1\r\nContent-Length: 262145\r\n\r\n", "413 Request Entity Too Large"),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: canary\r\n\r\n", "501 Not Implemented"),
    (b"GET /broken HTTP/1.1\r\nConnection: close\r\n\r\n", "500 Internal Server Error"),
])  # fmt: skip
def test_what_is_no_request_is_answered_with_the_safe_headers_and_without_an_echo(serving, sent, status):
    head, _, body = serving().answer(sent).partition("\r\n\r\n")
    assert head.splitlines()[0].partition(" ")[2] == status
    assert {f"{name}: {value}" for name, value in HEADERS} <= set(head.splitlines())
    assert body == f"{status[4:]}\n"
    assert "canary" not in head


@pytest.mark.parametrize(("error", "words", "fix"), [
    (OSError(errno.EADDRINUSE, "Address already in use"), "Address already in use", "end the program that uses"),
    (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "Cannot assign", "set PORTAL_HOST to an address of this machine"),
    (PermissionError(errno.EACCES, "Permission denied"), "Permission denied", "set PORTAL_PORT to 1024 or more"),
    (socket.gaierror(socket.EAI_NONAME, "Name not known"), "Name not known", "set PORTAL_HOST to an address"),
    (OSError(errno.ENOBUFS, "No buffer space"), "No buffer space", "set another PORTAL_HOST or PORTAL_PORT"),
])  # fmt: skip
def test_each_reason_not_to_listen_has_its_own_fix(error, words, fix):
    refusal = ListenError.of("portal.example", 80, error)
    assert f"it cannot listen at portal.example port 80: {words}." in refusal.line()
    assert refusal.fix.startswith(fix)


@pytest.mark.parametrize("host", ["fe80::1%nosuch", "nowhere..example", "203.0.113.1"])
def test_a_host_that_is_not_this_machines_is_not_told_to_end_a_program(host):
    with pytest.raises(ListenError) as refusal:
        listen(Settings(portal_host=host, portal_port=0))
    assert refusal.value.fix.startswith("set PORTAL_HOST to an address of this machine")


def test_an_address_in_use_is_told_so():
    with socket.create_server(("127.0.0.1", 0)) as used, pytest.raises(ListenError, match="in use") as refusal:
        listen(Settings(portal_host="127.0.0.1", portal_port=used.getsockname()[1]))
    assert refusal.value.fix.startswith("end the program that uses this address")


def test_an_address_in_brackets_is_understood():
    with listen(Settings(portal_host="[127.0.0.1]", portal_port=0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_server_that_has_ended_may_be_told_to_stop_once_more():
    served = Served()
    served.stop()
    served.server.close()
    served.server.stop()
