"""Certificates of the scripted server, good and bad ones, made by the openssl program for one run."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mailer.sandbox.listener import HOST, SandboxFailed

TRUSTED, EXPIRED, SELF_SIGNED, OTHER_NAME = "trusted", "expired", "self_signed", "other_name"
_OTHER = "mail.elsewhere.example"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's side of TLS, and the file of the authority that a client trusts; a self-signed one is its own."""

    context: ssl.SSLContext
    authority: Path


def make(folder: Path, kind: str, name: str = HOST) -> Certificate:
    """A certificate for `name`, a host name or an IP address, with its files in `folder`. Raises SandboxFailed.

    Kinds: trusted, expired and other_name are signed by an authority made for them; self_signed is not.
    """
    if kind == SELF_SIGNED:
        return self_signed(folder, name)
    _openssl("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=Authority of the sandbox",
             "-keyout", folder / "authority.key", "-out", folder / "authority.pem")  # fmt: skip
    request, names, key, file = (folder / f"server.{ending}" for ending in ("request", "names", "key", "pem"))
    names.write_text(f"subjectAltName={_alternative(_OTHER if kind == OTHER_NAME else name)}\n", encoding="ascii")
    _openssl("req", *_NEW_KEY, "-subj", "/CN=sandbox", "-keyout", key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", folder / "authority.pem", "-CAkey", folder / "authority.key",
             "-CAcreateserial", "-days", "-1" if kind == EXPIRED else "2", "-extfile", names, "-out", file)  # fmt: skip
    return Certificate(_context(file, key), folder / "authority.pem")


def self_signed(folder: Path, name: str = HOST) -> Certificate:
    """A certificate for `name` that nobody has signed but itself. Raises SandboxFailed."""
    key, file = folder / f"{name}.key", folder / f"{name}.pem"
    _openssl("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
             "-addext", f"subjectAltName={_alternative(name)}", "-keyout", key, "-out", file)  # fmt: skip
    return Certificate(_context(file, key), file)


def _alternative(name: str) -> str:
    return f"{'IP' if name[0].isdigit() else 'DNS'}:{name}"


def _context(file: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise SandboxFailed("The program openssl is not installed.", "install it (Debian: apt-get install openssl).")
    run = subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=_SECONDS, check=False)
    if run.returncode:
        said = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SandboxFailed(f"openssl {arguments[0]} failed: {' '.join(said)}", "run it by hand and look.")
