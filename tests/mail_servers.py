"""Real mail servers on loopback for tests: Postfix and Dovecot, and by name each way in which they can be wrong."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import mail_servers_certificates as certificates
import mail_servers_texts as texts
import pytest
from conftest import need

from mailer.config import Checked, MailSettings, check
from store.settings import Settings

_INNER = ("imap", "imaps", "lmtp", "sasl", "quota")
_STARTS, _SECONDS = 3, 10
_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
_FOLDERS = (
    *((f"queue/{name}", "postfix", "root", 0o700) for name in _QUEUES),
    ("queue", "root", "root", 0o755),
    ("queue/pid", "root", "root", 0o755),
    ("queue/public", "postfix", "postdrop", 0o710),
    ("queue/maildrop", "postfix", "postdrop", 0o1730),
    ("data", "postfix", "postfix", 0o700),
    ("homes", "nobody", "nogroup", 0o700),
    ("sieve", "nobody", "nogroup", 0o700),
    ("postfix", "root", "root", 0o755),
)


class MailServers:
    """Postfix and Dovecot as children in a folder of their own. `ports` are by service (see `texts.SERVICES`)."""

    def __init__(self, folder: Path):
        self.folder, self.ports = folder, {}
        self._children: list[subprocess.Popen] = []
        self._key = os.urandom(32)

    def __enter__(self) -> Self:
        self.authority = certificates.make_all(self.folder, texts.HOST)
        closed, silent = self._sockets = socket.socket(), socket.create_server((texts.HOST, 0))
        closed.bind((texts.HOST, 0))  # and never listens
        self.others = {"closed": closed.getsockname()[1], "silent": silent.getsockname()[1]}
        for start in range(_STARTS):
            try:
                self._start()
                return self
            except _NotStarted:
                # Somebody else took one of the ports between the choice and the start.
                self._stop()
                if start == _STARTS - 1:
                    raise
        raise AssertionError("unreachable")

    def __exit__(self, *_: object) -> None:
        self._stop()
        for each in self._sockets:
            each.close()

    def _start(self) -> None:
        self.ports = _free_ports(*_INNER, *texts.SERVICES) | self.others
        folder, ports = str(self.folder), self.ports
        self._make_folders()
        written = {
            "postfix/main.cf": texts.main(folder, ports), "postfix/master.cf": texts.master(folder, ports),
            "dovecot.conf": texts.dovecot(folder, ports), "users": texts.users(), "oauth2.conf": texts.oauth2(folder),
            "sieve/spam.sieve": texts.SIEVE, **{f"{name}.rules": rule for name, (_, rule) in texts.RULES.items()},
        }  # fmt: skip
        for name, text in written.items():
            (self.folder / name).write_text(text)
        # Postfix's master itself: the script around it looks at every file of the installation first.
        master = Path(_said("postconf", "-c", self.folder / "postfix", "-h", "daemon_directory")) / "master"
        self._children = [
            _child(_found("dovecot"), "-F", "-c", self.folder / "dovecot.conf"),
            _child(master, "-c", self.folder / "postfix", "-d"),
        ]
        until = time.monotonic() + _SECONDS
        # The last ports that each of the two opens.
        for name in ("imaps", "lmtp", "sasl", "quota", list(texts.SERVICES)[-1]):
            self._await(self.ports[name], until)

    def _make_folders(self) -> None:
        for path, owner, group, mode in _FOLDERS:
            folder = self.folder / path
            folder.mkdir(parents=True, exist_ok=True)
            shutil.chown(folder, owner, group)
            folder.chmod(mode)
        # Where Dovecot looks for the key of tokens: by client, algorithm and key.
        place = self.folder / "keys" / "default" / "HS256"
        place.mkdir(parents=True, exist_ok=True)
        (place / "default").write_bytes(base64.b64encode(self._key))

    def _await(self, port: int, until: float) -> None:
        while True:
            try:
                socket.create_connection((texts.HOST, port), 1).close()
                return
            except OSError as error:
                ended = [child.args[0] for child in self._children if child.poll() is not None]
                if ended or time.monotonic() > until:
                    raise _NotStarted(f"{ended or 'nothing'} ended, port {port} is closed: {self.log()}") from error
                time.sleep(0.02)

    def _stop(self) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait(_SECONDS)
        self._children = []

    def environment(self, breakage: str = "") -> dict[str, str]:
        """The settings of a sender and of the mailbox that is read back; right, but for that one breakage."""
        ports = {name: str(port) for name, port in self.ports.items()}
        settings = texts.SETTINGS | {"EMAIL_CA_FILE": str(self.authority)} | texts.BREAKAGES.get(breakage, {})
        return {name: value.format(**ports) for name, value in settings.items()}

    def checked(self, breakage: str = "", **changes: str) -> Checked:
        """What the mailer makes of these settings. `changes` are settings in lower case."""
        given = {name.lower(): value for name, value in self.environment(breakage).items()}
        return check(MailSettings(**given | changes), Settings(backend_url=texts.SITE))

    def log(self) -> str:
        """What the servers wrote so far."""
        files = (self.folder / "dovecot.log", self.folder / "postfix.log")
        return "".join(file.read_text() for file in files if file.exists())

    def release(self) -> None:
        """Lets the mails go that the port `held` keeps back."""
        _said("postsuper", "-c", self.folder / "postfix", "-H", "ALL")
        _said("postqueue", "-c", self.folder / "postfix", "-f")

    def token(self, address: str = texts.OPS, seconds: float = 3600) -> str:
        """A token that Dovecot takes for so many seconds from now (RFC 7519)."""
        claims = {"email": address, "sub": address, "iat": int(time.time()) - 60, "exp": int(time.time() + seconds)}
        unsigned = b".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return (unsigned + b"." + _base64(hmac.digest(self._key, unsigned, hashlib.sha256))).decode()


class _NotStarted(Exception):
    """A server ended, or did not open its ports in time."""


def _base64(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def _free_ports(*names: str) -> dict[str, int]:
    with ExitStack() as open_sockets:
        chosen = {name: open_sockets.enter_context(closing(socket.socket())) for name in names}
        for each in chosen.values():
            each.bind((texts.HOST, 0))
        return {name: each.getsockname()[1] for name, each in chosen.items()}


def _child(*command: object) -> subprocess.Popen:
    # A session of its own: Postfix ends its whole process group when it is ended.
    return subprocess.Popen([*map(str, command)], start_new_session=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def _said(program: str, *arguments: object) -> str:
    command = [_found(program), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS, text=True).stdout.strip()


def _found(program: str) -> str:
    """The program, also where the path of a person who is not root does not lead."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") or ""


@contextmanager
def running() -> Iterator[MailServers]:
    """Postfix and Dovecot, running. Skips the test where they cannot."""
    need(hasattr(os, "geteuid") and os.geteuid() == 0, "Postfix can be started by root only")
    for program, package in (("postfix", "postfix"), ("dovecot", "dovecot-imapd dovecot-lmtpd dovecot-sieve")):
        need(_found(program), f"{program} is not installed (apt install {package})")
    # Not pytest's own folder: the servers' users must be able to pass through it, and sockets have short names.
    with tempfile.TemporaryDirectory(prefix="mail-servers-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with MailServers(Path(folder)) as servers:
            yield servers


@pytest.fixture(scope="module")
def mail_servers() -> Iterator[MailServers]:
    """Postfix and Dovecot, running for all tests of a file."""
    with running() as servers:
        yield servers


if __name__ == "__main__":
    # For what is no test of its own: python -m mail_servers COMMAND runs it with the settings of a right set-up.
    with running() as right:
        given = right.environment() | {"LIVE_EMAIL_TO": texts.CANDIDATE}
        sys.exit(subprocess.run(sys.argv[1:], env=os.environ | given, check=False).returncode)
