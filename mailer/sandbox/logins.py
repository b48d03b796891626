"""Logging in at the scripted server: PLAIN, LOGIN (RFC 4954), XOAUTH2 and OAUTHBEARER (RFC 7628)."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping

from pydantic import SecretStr

WRONG = "535 5.7.8 Username and Password not accepted"
MALFORMED = "501 5.5.2 That is no answer of this mechanism"
_TOKEN_ERROR = json.dumps({"status": "401", "schemes": "bearer", "scope": "https://mail.google.com/"})
TOKEN_CHALLENGE = "334 " + base64.b64encode(_TOKEN_ERROR.encode()).decode()
BY_TOKEN = ("XOAUTH2", "OAUTHBEARER")


class Malformed(Exception):
    """What the client said is no answer of the mechanism."""


def read(mechanism: str, initial: str, ask: Callable[[str], str]) -> tuple[str, str]:
    """User and secret; `ask` says a challenge and gives what the client answers. Raises Malformed."""
    if mechanism == "LOGIN":
        user = _decoded(initial or ask("334 VXNlcm5hbWU6"))
        return user, _decoded(ask("334 UGFzc3dvcmQ6"))
    answer = _decoded(initial or ask("334 "))
    if mechanism == "PLAIN":
        _, user, password = _parts(answer, "\0", 3)
        return user, password
    return _bearer(answer)


def is_right(users: Mapping[str, SecretStr] | None, user: str, secret: str) -> bool:
    """Whether this user has this password or token; everybody is right where no users are named."""
    if users is None:
        return True
    return user in users and users[user].get_secret_value() == secret


def _bearer(answer: str) -> tuple[str, str]:
    """XOAUTH2's user=..., or OAUTHBEARER's n,a=...,; then auth=Bearer and the token, all parted by 0x01."""
    fields = answer.split("\1")
    token = next((field for field in fields if field.lower().startswith("auth=bearer ")), "")
    user = fields[0].partition("user=")[2] or fields[0].partition("a=")[2].rstrip(",")
    if not token or not user:
        raise Malformed
    return user, token.split(" ", 1)[1]


def _parts(answer: str, separator: str, count: int) -> list[str]:
    parts = answer.split(separator)
    if len(parts) != count:
        raise Malformed
    return parts


def _decoded(answer: str) -> str:
    try:
        return base64.b64decode(answer, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Malformed from error
