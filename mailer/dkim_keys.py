"""A DKIM key as DNS publishes it (RFC 6376 section 3.6.1): which kind, how long, whether it can be used."""

from base64 import b64decode
from dataclasses import dataclass

SHORTEST_BITS, GOOD_BITS = 1024, 2048
"""RFC 8301 section 3.2: verifiers refuse shorter RSA keys than the first, signers should have the second."""
_BIT_STRING, _INTEGER, _SEQUENCE = 0x03, 0x02, 0x30
_ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """`fault` says why it cannot be used, empty if it can. `modulus` is that of an RSA key, else 0."""

    fault: str = ""
    revoked: bool = False
    kind: str = "rsa"
    modulus: int = 0
    testing: bool = False

    @property
    def bits(self) -> int:
        return self.modulus.bit_length()

    def __str__(self) -> str:
        return f"{self.bits} bit RSA" if self.kind == "rsa" else self.kind


def tags(text: str) -> dict[str, str] | None:
    """A tag list (RFC 6376 section 3.2), names in lower case; None if the text is none or names a tag twice."""
    found: dict[str, str] = {}
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if not piece.strip():
            continue
        if not equals or not name or name in found:
            return None
        found[name] = value.strip()
    return found


def read_key(text: str) -> PublishedKey:
    """The key of one TXT record at a selector."""
    given = tags(text)
    if given is None or "p" not in given or given.get("v", "DKIM1") != "DKIM1":
        return PublishedKey("it is no DKIM key (it must hold p=)")
    kind, testing = given.get("k", "rsa").lower(), "y" in _flags(given.get("t", ""))
    if not "".join(given["p"].split()):
        return PublishedKey("it is revoked (p= is empty)", revoked=True, kind=kind)
    if kind not in ("rsa", "ed25519"):
        return PublishedKey(f"its kind k={kind[:20]} is not known", kind=kind)
    if "h" in given and "sha256" not in _flags(given["h"]):
        return PublishedKey(f"it does not allow sha256 (h={given['h'][:20]})", kind=kind)
    if not {"*", "email"} & _flags(given.get("s", "*")):
        return PublishedKey(f"it is not for mail (s={given['s'][:20]})", kind=kind)
    return _with_octets(given["p"], kind, testing)


def _flags(value: str) -> set[str]:
    return {flag.strip().lower() for flag in value.split(":")}


def _with_octets(value: str, kind: str, testing: bool) -> PublishedKey:
    try:
        octets = b64decode("".join(value.split()), validate=True)
        modulus = _modulus(octets) if kind == "rsa" else 0
    except (ValueError, IndexError):
        return PublishedKey("its p= cannot be read (a part of it may be missing)", kind=kind)
    if kind == "ed25519" and len(octets) != _ED25519_BYTES:
        return PublishedKey("its p= cannot be read (a part of it may be missing)", kind=kind)
    key = PublishedKey(kind=kind, modulus=modulus, testing=testing)
    if kind == "rsa" and key.bits < SHORTEST_BITS:
        return PublishedKey(f"it has {key.bits} bits, and at least {SHORTEST_BITS} are needed", modulus=modulus)
    return key


def _modulus(octets: bytes) -> int:
    """Of an RSA key in DER, bare (RFC 8017 A.1.1) or inside SubjectPublicKeyInfo. Raises ValueError or IndexError."""
    content = _content(octets, _SEQUENCE)[0]
    if content[0] == _SEQUENCE:
        bits = _content(_content(content, _SEQUENCE)[1], _BIT_STRING)[0]
        content = _content(bits[1:], _SEQUENCE)[0]
    return int.from_bytes(_content(content, _INTEGER)[0], "big")


def _content(octets: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the element that the octets begin with, and what follows it."""
    if octets[0] != tag:
        raise ValueError("another element was expected")
    size, start = octets[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(octets[2:start], "big")
    if len(octets) < start + size:
        raise ValueError("it ends early")
    return octets[start : start + size], octets[start + size :]
