"""The logins that are spoken (PLAIN of RFC 4616, LOGIN, XOAUTH2, OAUTHBEARER of RFC 7628), and their words."""

import base64
import binascii
import json
import re
from collections.abc import Iterable

from mailer.account import PASSWORD, XOAUTH2
from store.redaction import HIDDEN

PLAIN, LOGIN, TOKEN, BEARER = "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"
SPOKEN = {PASSWORD: (PLAIN, LOGIN), XOAUTH2: (TOKEN, BEARER)}
"""By the account's way to log in, the best first."""
FINISHED = {TOKEN: b"", BEARER: b"AQ=="}
"""What a server that explains its refusal waits for before it refuses."""
_PART, _LONG_PART = re.compile(r"[A-Za-z0-9._~+/=-]{8,}", re.ASCII), 40
_TOLD = ("status", "scope", "error", "error_description")


def answers(mechanism: str, user: str, secret: str, host: str, port: int) -> list[bytes]:
    """The AUTH command, and what answers each question of the server after it."""
    name, word = user.encode("utf-8", "surrogateescape"), secret.encode("utf-8", "surrogateescape")
    if mechanism == LOGIN:
        return [b"AUTH LOGIN", base64.b64encode(name), base64.b64encode(word)]
    return [b"AUTH %s %s" % (mechanism.encode("ascii"), base64.b64encode(_response(mechanism, name, word, host, port)))]


def _response(mechanism: str, user: bytes, secret: bytes, host: str, port: int) -> bytes:
    if mechanism == PLAIN:
        return b"\0%s\0%s" % (user, secret)
    if mechanism == TOKEN:
        return b"user=%s\x01auth=Bearer %s\x01\x01" % (user, secret)
    name = user.replace(b"=", b"=3D").replace(b",", b"=2C")
    place = b"host=%s\x01port=%d" % (host.encode("ascii", "ignore"), port)
    return b"n,a=%s,\x01%s\x01auth=Bearer %s\x01\x01" % (name, place, secret)


def without_parts(words: str, secrets: Iterable[str]) -> str:
    """A server's words without anything that is a part of what we said, or long enough to be one in another form."""
    known = tuple(secrets)

    def hidden(found: re.Match[str]) -> str:
        part = found.group()
        return HIDDEN if len(part) >= _LONG_PART or any(part in secret for secret in known) else part

    return _PART.sub(hidden, words)


def complaint(challenge: str) -> str:
    """Why a server says that it refuses a token, from its base64 JSON; empty if it says nothing that can be read."""
    try:
        told = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    return ", ".join(f"{name} {told[name]}" for name in _TOLD if isinstance(told.get(name), (str, int)))
