"""The sandbox starts and ends: one line where it cannot, and mail that outlives every kind of end."""

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
import sandbox_room
from sandbox_room import ASHA, ENVELOPE, OPS, Line, content, sent_of

from mailer import sandbox
from mailer.mailbox import Mailbox
from mailer.sandbox import child

COMMAND = [sys.executable, "-m", "mailer", "sandbox"]
shared, server, mortal, folder = sandbox_room.shared, sandbox_room.server, sandbox_room.mortal, sandbox_room.folder
client = sandbox_room.client


@pytest.fixture
def run_by_hand(folder):
    """Starts the command as a shell would; whatever becomes of the test, the process does not outlive it."""
    with contextlib.ExitStack() as ending:

        def start(stdin: int) -> subprocess.Popen[bytes]:
            outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = subprocess.Popen([*COMMAND, "--mailbox", folder], stdin=stdin, **outputs)
            ending.enter_context(process)
            ending.callback(process.kill)
            return process

        yield start


def ended(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


# Starting


def test_sandbox_listens_on_loopback_only_and_apart_from_our_interrupts(server):
    listening = [at.laddr for at in psutil.Process(server.pid).net_connections() if at.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", server.port)]
    assert os.getpgid(server.pid) != os.getpgid(0)


def test_two_sandboxes_may_share_a_mailbox(folder, client):
    with sandbox.start(folder) as second, smtplib.SMTP(second.host, second.port) as other:
        client.sendmail(OPS, [ASHA], content(1))
        other.sendmail(OPS, [ASHA], content(2))
    assert sorted(Mailbox(folder).index()) == ["<1@x.example>", "<2@x.example>"]


def test_port_in_use_is_one_clear_line_with_a_fix(folder, server):
    with pytest.raises(sandbox.SandboxFailed, match=f"port {server.port} .*in use") as refusal:
        sandbox.start(folder, port=server.port)
    assert "--port" in refusal.value.fix
    assert "exit code 2" in str(refusal.value)


def test_file_in_place_of_the_mailbox_is_one_clear_line_with_a_fix(folder, capsys):
    folder.write_bytes(b"")
    assert child.main(["--mailbox", str(folder)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (said,) = output.err.splitlines()
    assert str(folder) in said
    assert "To fix: move that file away" in said


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--port", "x"], ["--mailbox", " "], ["--host", "0.0.0.0"]])
def test_wrong_arguments_are_refused_before_anything_is_made(wrong, capsys):
    with pytest.raises(SystemExit) as ending:
        child.main(wrong)
    assert ending.value.code == 2
    assert wrong[0] in capsys.readouterr().err.splitlines()[-1]


def test_sandbox_that_is_not_ready_in_time_is_given_up_and_ended(folder):
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(sandbox.SandboxFailed, match="not ready within 0.01 seconds"):
        sandbox.start(folder, seconds=0.01)
    assert {child.pid for child in psutil.Process().children()} == before


def test_mailbox_comes_from_the_settings_when_none_is_named(folder, monkeypatch):
    monkeypatch.setenv("SANDBOX_MAILBOX", str(folder))
    run = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=10)
    assert run.stdout.startswith(b"READY")
    assert (folder / "new").is_dir()


# Every kind of end


def test_kill_loses_no_mail_that_was_answered_and_shows_no_half_one(folder, mortal):
    answered: list[str] = []

    def send(worker: int) -> None:
        with contextlib.suppress(smtplib.SMTPException, OSError), smtplib.SMTP(mortal.host, mortal.port) as connection:
            for number in range(10_000):
                connection.sendmail(OPS, [ASHA], content(f"{worker}.{number}", "x\r\n" * 2000))
                answered.append(f"<{worker}.{number}@x.example>")

    workers = [threading.Thread(target=send, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    os.kill(mortal.pid, signal.SIGKILL)
    for worker in workers:
        worker.join()
    box = Mailbox(folder)
    index = box.index()
    assert answered
    assert set(answered) <= index.keys()
    assert box.faults == []
    assert all(mail.sent.endswith(b"x\r\n" * 2000) for mails in index.values() for mail in mails)


def test_stop_answers_the_mail_under_way_and_then_says_goodbye(folder, mortal):
    with Line(mortal.port) as line, Line(mortal.port) as idle:
        line.say(ENVELOPE + b"Message-ID: <1@x.example>\r\n")
        assert line.hear(3) == [250, 250, 354]
        os.kill(mortal.pid, signal.SIGTERM)
        assert idle.hear(1) == [421]
        line.say(b"\r\nHello\r\n.\r\n")
        assert line.hear(2) == [250, 421]
    assert mortal.stop() == 0
    assert sent_of(folder) == b"Message-ID: <1@x.example>\r\n\r\nHello\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_come_all_the_time_do_not_change_how_it_ends(mortal, number):
    while mortal._process.poll() is None:
        mortal._process.send_signal(number)
    assert mortal.stop() == 0


def test_mail_that_never_ends_does_not_hold_the_stop_up(folder, mortal):
    with Line(mortal.port) as line:
        line.say(ENVELOPE + b"Subject: for ever\r\n")
        line.hear(3)
        begun = time.monotonic()
        assert mortal.stop() == 0
    assert time.monotonic() - begun < 5
    assert Mailbox(folder).index() == {}


def test_stop_may_be_called_again_and_says_how_it_ended(mortal):
    os.kill(mortal.pid, signal.SIGKILL)
    assert mortal.stop() == mortal.stop() == -signal.SIGKILL


def test_sandbox_ends_when_its_parent_closes_the_pipe(run_by_hand):
    process = run_by_hand(subprocess.PIPE)
    assert process.stdout.readline().startswith(b"READY 127.0.0.1 ")
    process.stdin.close()
    assert process.wait(20) == 0
    assert process.stdout.read() == process.stderr.read() == b""


def test_sandbox_ends_when_its_parent_is_killed(folder):
    code = "import sys, time; from pathlib import Path; from mailer import sandbox\n"
    code += "s = sandbox.start(Path(sys.argv[1])); print(s.pid, s.port, flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    pid, port = map(int, parent.stdout.readline().split())
    parent.kill()
    parent.communicate()
    assert ended(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_sandbox_without_a_parents_pipe_runs_until_it_is_told_to_end(folder, run_by_hand):
    process = run_by_hand(subprocess.DEVNULL)
    port = int(process.stdout.readline().split()[2])
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as connection:
        connection.sendmail(OPS, [ASHA], content())
    process.terminate()
    assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 0
    assert sent_of(folder) == content()
