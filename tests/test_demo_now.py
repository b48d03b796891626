"""`make demo-now` in a terminal: the link that it prints opens, whoever has its port."""

import http.client
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from store import places

RUN = "import sys; from notebooks import demo, demo_now; given = dict(pair.split('=', 1) for pair in sys.argv[2:]);"
RUN += "sys.exit(demo_now.main(int(sys.argv[1]), demo.ENVIRONMENT | given))"


@pytest.fixture
def demo_of(_sqlite_template, tmp_path):
    """Starts the demonstration in a terminal at a port, with a record of its own; gives all it says until the link."""
    record = shutil.copy(_sqlite_template, tmp_path / "record.db")
    own = {
        "DATABASE_URL": f"sqlite:///{record}",
        "SESSION_KEY_RING": tmp_path / "ring",
        "SANDBOX_MAILBOX": tmp_path / "box",
    }
    screen, terminal = pty.openpty()
    started = []

    def demo_of(port):
        command = [sys.executable, "-c", RUN, str(port), *(f"{name}={value}" for name, value in own.items())]
        started.append(subprocess.Popen(command, cwd=places.ROOT, stdout=terminal, stderr=terminal))
        said = ""
        while "Ctrl-C" not in said and "To fix" not in said:
            said += os.read(screen, 4096).decode()
        return said

    demo_of.started = started
    yield demo_of
    for process in started:
        process.kill()
        process.wait()
    os.close(screen)
    os.close(terminal)


@pytest.fixture
def used():
    """A port that another program listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def opened(said):
    """The port of the printed link, and what its server answers to it."""
    link = urlsplit(re.search(r"http://\S+session_key=\S+", said)[0])
    connection = http.client.HTTPConnection(link.hostname, link.port, timeout=10)
    connection.request("GET", f"/?{link.query}", headers={"Host": link.netloc})
    answer = connection.getresponse()
    connection.close()
    return link.port, answer.status, answer.headers["Location"]


def test_the_link_leads_to_a_free_port_where_the_usual_one_is_taken(demo_of, used):
    said = demo_of(used)
    port, *answer = opened(said)
    assert answer == [303, "/interview"]
    assert port != used
    assert f"Another program has port {used}, so the portal takes {port}." in said
    assert f"The portal runs at http://127.0.0.1:{port}." in said


def test_the_link_leads_to_the_usual_port_where_it_is_free_and_an_interrupt_ends_all(demo_of):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    said = demo_of(free)
    assert opened(said) == (free, 303, "/interview")
    assert "Another program" not in said
    demo_of.started[0].send_signal(signal.SIGINT)
    assert demo_of.started[0].wait(30) == 0
    with pytest.raises(ConnectionRefusedError):
        opened(said)


def test_a_link_is_printed_to_a_terminal_only():
    done = subprocess.run(
        [sys.executable, "-m", "notebooks.demo_now"], cwd=places.ROOT, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "To fix: run make demo-now in one." in done.stderr
