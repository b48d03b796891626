"""Hundreds of clients that never end their requests, and one that does."""

import contextlib
import resource
import socket
import time

import pytest

pytestmark = pytest.mark.audit

HALF_OPEN = 900
HALF = b"GET /interview HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Any: "


@pytest.fixture
def half_open(portal):
    """As many connections to the portal, each with half a request sent; opened in less time than the portal's patience."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(HALF_OPEN):
            connections.append(stack.enter_context(socket.create_connection(("127.0.0.1", portal.port), timeout=5)))
            connections[-1].sendall(HALF)
        yield connections


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True


def test_900_half_sent_requests_keep_nobody_waiting(half_open, portal):
    began = time.monotonic()
    answer = portal.ask("GET", "/")
    assert answer.status == 200
    assert time.monotonic() - began < 1
    assert sum(map(is_open, half_open)) == HALF_OPEN
