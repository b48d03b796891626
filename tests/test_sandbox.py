"""The sandbox: a real child process on loopback, real SMTP conversations, mail that outlives every kind of end."""

import contextlib
import os
import resource
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from mailbox import Maildir

import psutil
import pytest

from mailer import sandbox
from mailer.mailbox import Mailbox

OPS, ASHA = "ops@example.com", "asha@example.com"
ENVELOPE = b"MAIL FROM:<ops@example.com>\r\nRCPT TO:<asha@example.com>\r\nDATA\r\n"
COMMAND = [sys.executable, "-m", "mailer", "sandbox"]


def content(number: object = 1, body: str = "Hello\r\n") -> bytes:
    return f"Message-ID: <{number}@x.example>\r\nSubject: s\r\n\r\n{body}".encode()


def sent_of(folder, number: object = 1) -> bytes:
    (mail,) = Mailbox(folder).find(f"<{number}@x.example>")
    return mail.sent


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One sandbox for all tests that leave it as it was."""
    with sandbox.start(tmp_path_factory.mktemp("shared") / "mailbox") as running:
        yield running


@pytest.fixture
def server(shared):
    yield shared
    for path in (shared.mailbox / "new").iterdir():
        path.unlink()


@pytest.fixture
def mortal(tmp_path):
    """A sandbox of the test's own, to be ended by it."""
    with sandbox.start(tmp_path / "mailbox") as running:
        yield running


@pytest.fixture
def folder(request, tmp_path):
    """The mailbox of the test's sandbox; a new one where the test starts its own."""
    for name in ("server", "mortal"):
        if name in request.fixturenames:
            return request.getfixturevalue(name).mailbox
    return tmp_path / "mailbox"


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


@pytest.fixture
def client(server):
    with smtplib.SMTP(server.host, server.port, timeout=10) as connection:
        connection.ehlo()
        yield connection


@pytest.fixture
def line(server):
    """A raw conversation, greeted: `say` writes bytes, `hear` gives the codes of the next replies."""
    with Line(server.port) as raw:
        yield raw


class Line:
    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        self.hear(1)
        self.say(b"EHLO test\r\n")
        self.hear(1)

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self, count: int) -> list[int]:
        codes: list[int] = []
        while len(codes) < count:
            reply = self._file.readline()
            if not reply:
                raise ConnectionError(f"closed after {codes}")
            if reply[3:4] == b" ":
                codes.append(int(reply[:3]))
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()


def ended(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


# Receiving


def test_mail_is_kept_as_it_was_sent_with_its_envelope(folder, client):
    client.sendmail(OPS, [ASHA], content())
    (mail,) = Mailbox(folder).find("<1@x.example>")
    assert mail.sent == content()
    assert mail.recipient_envelope == ASHA
    assert Maildir(folder, create=False).popitem()[1]["Return-Path"] == f"<{OPS}>"


def test_lines_of_dots_arrive_as_they_were_written(folder, client):
    body = ".\r\n..\r\n.hidden\r\nmiddle.\r\n\r\n...\r\n"
    client.sendmail(OPS, [ASHA], content(1, body))
    assert sent_of(folder) == content(1, body)


def test_eight_bit_bytes_and_bare_line_feeds_are_not_touched(folder, line):
    body = b"Message-ID: <1@x.example>\r\n\r\n\xff\xfe\x00 gr\xc3\xbc\xc3\x9fe\n.\nstill the same mail\r\n"
    line.say(ENVELOPE + body + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert sent_of(folder) == body


def test_extensions_that_delivery_uses_are_offered(client):
    assert {"pipelining", "8bitmime", "smtputf8"} <= client.esmtp_features.keys()
    assert client.esmtp_features["size"] == str(10 * 1024 * 1024)


def test_pipelined_mails_are_answered_in_order(folder, line):
    mails = [ENVELOPE + content(number) + b".\r\n" for number in range(5)]
    line.say(b"".join(mails) + b"RCPT TO:<late@example.com>\r\nNOOP\r\nQUIT\r\n")
    assert line.hear(23) == [250, 250, 354, 250] * 5 + [503, 250, 221]
    assert sorted(Mailbox(folder).index()) == [f"<{number}@x.example>" for number in range(5)]


def test_each_recipient_gets_their_own_copy_and_the_same_one_only_once(folder, client):
    client.sendmail(OPS, [ASHA, "b@example.com", ASHA], content())
    found = Mailbox(folder).find("<1@x.example>")
    assert [mail.recipient_envelope for mail in found] == [ASHA, "b@example.com"]


def test_non_ascii_recipient_needs_smtputf8(folder, line):
    line.say(b"MAIL FROM:<ops@example.com>\r\n" + "RCPT TO:<ü@example.com>\r\n".encode())
    assert line.hear(2) == [250, 553]
    line.say(b"RSET\r\nMAIL FROM:<ops@example.com> SMTPUTF8\r\n" + "RCPT TO:<ü@example.com>\r\n".encode())
    line.say(b"DATA\r\n" + content() + b".\r\n")
    assert line.hear(5) == [250, 250, 250, 354, 250]
    assert [mail.recipient_envelope for mail in Mailbox(folder).find("1@x.example")] == ["ü@example.com"]


@pytest.mark.parametrize("address", [b'"a\rX-Evil: 1"@x.example', b'"a\x00b"@x.example', b'"\xff"@x.example'])
def test_address_with_control_characters_is_refused(line, address):
    line.say(b"MAIL FROM:<ops@example.com> SMTPUTF8\r\nRCPT TO:<" + address + b">\r\n")
    accepted, refused = line.hear(2)
    assert accepted == 250
    assert 500 <= refused < 600


def test_four_connections_at_once_lose_nothing(folder, server):
    def send(worker: int) -> None:
        with smtplib.SMTP(server.host, server.port, timeout=20) as connection:
            for number in range(50):
                connection.sendmail(OPS, [ASHA], content(f"{worker}.{number}"))

    workers = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    index = Mailbox(folder).index()
    assert index.keys() == {f"<{worker}.{number}@x.example>" for worker in range(4) for number in range(50)}
    assert all(mail.sent == content(mail_id[1:].split("@")[0]) for mail_id, (mail,) in index.items())


# Limits


def test_mail_announced_over_ten_megabytes_is_refused_at_once(line):
    line.say(b"MAIL FROM:<ops@example.com> SIZE=10485761\r\nMAIL FROM:<ops@example.com> SIZE=10485760\r\n")
    assert line.hear(2) == [552, 250]


def test_mail_that_grows_over_ten_megabytes_is_refused_and_the_conversation_goes_on(folder, line):
    line.say(ENVELOPE + b"x" * 900 + b"\r\n")
    line.say((b"y" * 998 + b"\r\n") * 10_486 + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 552]
    line.say(ENVELOPE + content() + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert list(Mailbox(folder).index()) == ["<1@x.example>"]


def test_mail_just_under_ten_megabytes_is_kept_whole(folder, line):
    body = content() + (b"y" * 998 + b"\r\n") * 10_485
    line.say(ENVELOPE + body + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert sent_of(folder) == body


def test_full_disk_refuses_for_now_and_half_keeps_nothing(folder, server, client):
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        client.sendmail(OPS, [ASHA, "b@example.com"], content(1, "x" * 70 + "\r\n" * 5000))
    assert refusal.value.smtp_code == 452
    assert refusal.value.smtp_error.startswith(b"4.3.1")
    assert os.listdir(folder / "new") == os.listdir(folder / "tmp") == []
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
    client.sendmail(OPS, [ASHA], content(2, "x\r\n" * 5000))
    assert sent_of(folder, 2) == content(2, "x\r\n" * 5000)


def test_mail_that_does_not_fit_is_refused_alone_among_those_that_came_with_it(folder, mortal):
    resource.prlimit(mortal.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    with contextlib.ExitStack() as opened:
        lines = [opened.enter_context(Line(mortal.port)) for _ in range(5)]
        for number, line in enumerate(lines):
            line.say(ENVELOPE + content(number, "x\r\n" * (5000 if number % 2 else 5)))
            line.hear(3)
        for line in lines:
            line.say(b".\r\n")
        assert [line.hear(1) for line in lines] == [[250], [452], [250], [452], [250]]
    assert sorted(Mailbox(folder).index()) == ["<0@x.example>", "<2@x.example>", "<4@x.example>"]


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
    assert process.wait(5) == 0
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
    assert process.communicate(timeout=5) == (b"", b"")
    assert process.returncode == 0
    assert sent_of(folder) == content()


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
    assert sandbox.main(["--mailbox", str(folder)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (said,) = output.err.splitlines()
    assert str(folder) in said
    assert "To fix: move that file away" in said


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--port", "x"], ["--mailbox", " "], ["--host", "0.0.0.0"]])
def test_wrong_arguments_are_refused_before_anything_is_made(wrong, capsys):
    with pytest.raises(SystemExit) as ending:
        sandbox.main(wrong)
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
