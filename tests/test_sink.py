"""The benchmark's sink: it must count rightly, or no rate measured against it means anything."""

import socket
import subprocess
import sys
import time

import pytest

from store.places import ROOT

ENVELOPE = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
MAIL = ENVELOPE + b"Message-ID: <%d@x>\r\n\r\n..\r\n..stuffed\r\n.. \r\nend.\r\n.\r\n"


class Sink:
    def __init__(self, *arguments: str):
        command = [sys.executable, ROOT / "benchmarks" / "sink.py", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().split()[2])

    def converse(self, *chunks: bytes) -> list[int]:
        """The codes of all replies to these chunks, each sent and read by itself."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for chunk in (b"EHLO x\r\n", *chunks, b"QUIT\r\n"):
                line.sendall(chunk)
                time.sleep(0.005)
            replies = line.makefile("rb").read().splitlines()
        return [int(reply[:3]) for reply in replies if reply[3:4] == b" "][2:-1]

    def end(self) -> bytes:
        return self.process.communicate(timeout=20)[0].strip()


@pytest.fixture
def sink():
    running = Sink()
    yield running
    running.end()


def test_pipelined_mails_are_answered_in_order_and_counted(sink):
    assert sink.converse(b"".join(MAIL % number for number in range(100))) == [250, 250, 354, 250] * 100
    assert sink.end() == b"COUNT 100"


def test_final_dot_is_found_wherever_the_chunks_are_cut(sink):
    mail = MAIL % 1
    for cut in range(len(mail) - 12, len(mail)):
        assert sink.converse(mail[:cut], mail[cut:]) == [250, 250, 354, 250]
    assert sink.converse(*(mail[at : at + 1] for at in range(len(mail)))) == [250, 250, 354, 250]
    assert sink.end() == b"COUNT 13"


def test_empty_mail_ends_at_its_dot(sink):
    assert sink.converse(ENVELOPE + b".\r\n", b"NOOP\r\n") == [250, 250, 354, 250, 250]


def test_commands_out_of_order_are_refused(sink):
    assert sink.converse(b"RCPT TO:<b@x>\r\n", b"DATA\r\n") == [503, 503]
    assert sink.converse(b"MAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\nDATA\r\n") == [250, 503, 503]
    assert sink.converse(b"MAIL FROM:<a@x>\r\nRSET\r\nRCPT TO:<b@x>\r\nBDAT 3\r\n") == [250, 250, 503, 500]


def test_mail_that_breaks_off_is_not_counted(sink):
    with socket.create_connection(("127.0.0.1", sink.port)) as line:
        line.sendall(b"EHLO x\r\n" + (MAIL % 1).removesuffix(b".\r\n"))
    assert sink.converse(MAIL % 2) == [250, 250, 354, 250]
    assert sink.end() == b"COUNT 1"


def test_message_ids_are_written_when_asked(tmp_path):
    sink = Sink("--message-ids", str(tmp_path / "ids"))
    sink.converse(MAIL % 1, MAIL % 2, ENVELOPE + b"Subject: x\r\n\r\nMessage-ID: <body@x>\r\n.\r\n", MAIL % 2)
    assert sink.end() == b"COUNT 4"
    assert (tmp_path / "ids").read_bytes().splitlines() == [b"<1@x>", b"<2@x>", b"", b"<2@x>"]
