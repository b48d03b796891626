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
LONG_PART = 40
"""So many signs without a space are no word of a server that answers a login."""
_PART = re.compile(r"[A-Za-z0-9._~+/=-]{8,}", re.ASCII)
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


def without_parts(words: str, secrets: Iterable[str], longest: int = LONG_PART) -> str:
    """A server's words without anything that is a part of what we said, or `longest` enough to be one in any form."""
    known = tuple(secrets)

    for part in _PART.findall(words):
        if len(part) >= longest or any(part in secret for secret in known):
            words = words.replace(part, HIDDEN)
    return words


def complaint(challenge: str) -> str:
    """Why a server says that it refuses a token, from its base64 JSON; empty if it says nothing that can be read."""
    try:
        told = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    return ", ".join(f"{name} {told[name]}" for name in _TOLD if isinstance(told.get(name), (str, int)))
