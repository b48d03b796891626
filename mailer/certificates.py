"""Whom a secured line trusts, and what it shows of itself: version, cipher, and the other end's verified certificate."""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailer.replies import cleaned
from store import times

_HOST_KINDS = ("DNS", "IP Address")


@dataclass(frozen=True, slots=True)
class Encryption:
    """A line that is encrypted and whose certificate was verified. `names` are those that the certificate is for."""

    version: str
    cipher: str
    names: tuple[str, ...]
    issuer: str
    expires_at: datetime


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verification by this machine's authorities, and by those of the file as well. Nothing is ever left unverified."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def encryption_of(secured: ssl.SSLSocket) -> Encryption:
    """The facts of a socket after its handshake with verification."""
    certificate = secured.getpeercert()
    # Other kinds (a directory's name, an address of a person) are compared with no host, and are no text.
    names = tuple(cleaned(value) for kind, value in certificate.get("subjectAltName", ()) if kind in _HOST_KINDS)
    subject, issuer = _fields(certificate["subject"]), _fields(certificate["issuer"])
    by = " ".join(filter(None, (issuer.get("organizationName"), issuer.get("commonName"))))
    return Encryption(
        version=secured.version() or "",
        cipher=(secured.cipher() or ("",))[0],
        names=names or (cleaned(subject.get("commonName", "")),),
        issuer=cleaned(by or "no name"),
        expires_at=times.from_epoch(ssl.cert_time_to_seconds(certificate["notAfter"])),
    )


def _fields(name: tuple[tuple[tuple[str, str], ...], ...]) -> dict[str, str]:
    return dict(pair for part in name for pair in part)
