"""Name servers on loopback for tests: dnsmasq with given records, and one that is slow or says nothing."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import dns.exception
import dns.message
import dns.query
from conftest import need

from mailer.account import NameServer

_HERE, _SECONDS, _STARTS = "127.0.0.1", 10.0, 3
_QUIET = ("no-resolv", "no-hosts", "bind-interfaces", f"listen-address={_HERE}", "cache-size=0")


def txt(name: str, text: str) -> str:
    """A TXT record of plain ASCII, cut into strings of 255 octets as the protocol wants."""
    strings = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return f"txt-record={name},{','.join(json.dumps(string) for string in strings)}"


def mx(name: str, host: str, preference: int = 10) -> str:
    return f"mx-host={name},{host},{preference}"


def null_mx(name: str) -> str:
    return f"dns-rr={name},15,000000"


def host(name: str, *addresses: str) -> str:
    return f"host-record={name},{','.join(addresses)}"


@contextmanager
def dnsmasq(folder: Path, *records: str, refuses: bool = False) -> Iterator[NameServer]:
    """A name server that knows these records and no other name; one that `refuses` has no answer for the others."""
    program = shutil.which("dnsmasq", path=f"{os.environ['PATH']}:/usr/sbin")
    need(program, "dnsmasq is not installed (apt install dnsmasq-base)")
    lines = [*_QUIET, *([] if refuses else ["local=/#/"]), *records]
    child, server = _started(program, folder / "dnsmasq.conf", lines)
    try:
        yield server
    finally:
        child.terminate()
        child.communicate(timeout=_SECONDS)


def _started(program: str, file: Path, lines: list[str]) -> tuple[subprocess.Popen, NameServer]:
    command = [program, "--keep-in-foreground", f"--conf-file={file}", "--pid-file=", "--user=", "--log-facility=-"]
    for _ in range(_STARTS):
        server = NameServer(_HERE, _free_port())
        file.write_text("\n".join([*lines, f"port={server.port}"]) + "\n")
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if _answers(server, child):
            return child, server
        # Somebody else may have taken the port between the choice and the start.
        child.kill()
        said, _ = child.communicate(timeout=_SECONDS)
    raise AssertionError(f"dnsmasq did not start: {said}")


def _answers(server: NameServer, child: subprocess.Popen) -> bool:
    until, question = time.monotonic() + _SECONDS, dns.message.make_query("ready.example", "A")
    while time.monotonic() < until and child.poll() is None:
        with contextlib.suppress(dns.exception.Timeout):
            dns.query.udp(question, server.address, timeout=0.1, port=server.port)
            return True
    return False


def _free_port() -> int:
    """A port that is free for UDP and for TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((_HERE, 0))
            with contextlib.suppress(OSError):
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]


class SlowServer:
    """Answers each question after `delay` seconds that there is no such record, or never."""

    def __init__(self, delay: float | None = None):
        self.delay, self.asked = delay, 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_HERE, 0))
        self.name_server = NameServer(_HERE, self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty packet wakes the thread, which then ends.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            if not packet:
                return
            self.asked += 1
            if self.delay is not None:
                time.sleep(self.delay)
                answer = dns.message.make_response(dns.message.from_wire(packet))
                self._socket.sendto(answer.to_wire(), client)
