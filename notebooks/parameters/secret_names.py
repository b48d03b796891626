"""Which names speak of a secret: a notebook is passed around, so it takes none of them as a parameter."""

import re

_SECRET = re.compile(
    r"passw(?:or)?d|pass_?(?:word|phrase|code)|pwd|secret|token|credential|bearer|cookie|authorization|jwt"
    r"|session_?key|(?:api|access|client|private|signing|encryption|master|secret|ssh|dkim|account|storage)_?key"
    r"|(?:database|db|conn\w*)_?(?:url|uri|string)|(?:^|_)(?:auth|dsn)(?:_|$)|(?:^|_)(?:otp|pin)$"
    r"|(?<!first)(?<!second)(?<!last)(?<!max)(?:^|_|mail|smtp|imap|db|user|login|account)(?:pass|pw)\d*$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a value of this name must not be a parameter, nor be shown."""
    return _SECRET.search(name) is not None
