"""Starting and ending the portal: ready, told to end, or one line that says why it cannot start."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from store import places

PORTAL = [sys.executable, str(places.ROOT / "portal.py")]
pytestmark = pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)


def refused(environment, **changes):
    """How a portal that cannot start ends: its exit code and what it says."""
    child = subprocess.run(
        PORTAL, env=environment | changes, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
    )
    assert "READY" not in child.stdout
    return child.returncode, child.stderr


@pytest.mark.parametrize(("variable", "value", "words"), [
    ("PORTAL_PORT", "{used}", "cannot listen at 127.0.0.1"), ("PORTAL_PORT", "99999", "PORTAL_PORT"),
    ("PORTAL_HOST", "203.0.113.1", "cannot listen"), ("DATABASE_URL", "sqlite:///{folder}", "is a folder"),
    ("SESSION_KEY_RING", "{folder}/file", "key ring"), ("SESSION_KEY_RING", "{folder}/none.json", "missing"),
])  # fmt: skip
def test_what_keeps_the_portal_from_starting_is_one_line_with_a_fix(environment, tmp_path, variable, value, words):
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as used:
        given = value.format(folder=tmp_path, used=used.getsockname()[1])
        code, said = refused(environment, **{variable: given})
    assert (code, said.count("\n")) == (2, 1), said
    assert said.startswith("portal: ")
    assert words in said
    assert "To fix:" in said


@pytest.mark.parametrize("end", ["told", "its parent is gone"])
def test_a_ready_portal_answers_and_ends_cleanly(environment, end):
    child = subprocess.Popen(
        [*PORTAL, "--with-parent"], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    address = child.stdout.readline().removeprefix("READY ").strip()
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
        assert answer.status == 200
    if end == "told":
        child.send_signal(signal.SIGTERM)
    else:
        child.stdin.close()
    assert child.wait(30) == 0
    child.stdin.close()
    child.stdout.close()
