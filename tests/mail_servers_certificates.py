"""A private authority of the tests, and the good and bad certificates of the mail servers. Needs openssl."""

import shutil
import subprocess
from pathlib import Path

from conftest import need

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_all(folder: Path, address: str) -> Path:
    """The authority's file. Beside it are server, expired, self_signed and other_name .pem, each key and chain."""
    _openssl("req", "-x509", *_NEW_KEY, "-days", "90", "-subj", "/CN=Authority of the tests",
             "-keyout", folder / "authority.key", "-out", folder / "authority.pem")  # fmt: skip
    own = f"IP:{address},DNS:localhost"
    _signed(folder, "server", own, days=90)
    _signed(folder, "expired", own, days=-1)
    _signed(folder, "other_name", "DNS:mail.elsewhere.example", days=90)
    _openssl("req", "-x509", *_NEW_KEY, "-days", "90", "-subj", "/CN=localhost", "-addext", f"subjectAltName={own}",
             "-keyout", folder / "self_signed.key", "-out", folder / "self_signed.crt")  # fmt: skip
    _join(folder, "self_signed")
    return folder / "authority.pem"


def _signed(folder: Path, name: str, names: str, *, days: int) -> None:
    request, extension = folder / f"{name}.request", folder / f"{name}.names"
    extension.write_text(f"subjectAltName={names}\n")
    _openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", folder / "authority.pem", "-CAkey", folder / "authority.key",
             "-CAcreateserial", "-days", str(days), "-extfile", extension, "-out", folder / f"{name}.crt")  # fmt: skip
    _join(folder, name)


def _join(folder: Path, name: str) -> None:
    chain = folder / f"{name}.pem"
    chain.touch(mode=0o600)
    chain.write_bytes((folder / f"{name}.key").read_bytes() + (folder / f"{name}.crt").read_bytes())


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    need(program, "openssl is not installed")
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=30)
