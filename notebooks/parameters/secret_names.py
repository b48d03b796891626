"""Which names speak of a secret: a notebook is passed around, so it takes none of them as a parameter."""

import re

_SECRET = re.compile(
    r"passw(?:or)?d|pass_?(?:word|phrase|code)|pwd|secret|token|credential|bearer|cookie|authorization|jwt"
    r"|session_?key|api_?key|[a-z0-9]_key$|(?:database|db|conn\w*)_?(?:url|uri|string)"
    r"|(?:^|_)(?:auth|otp|pin|dsn)(?:_|$)|(?:^|_|user|db)(?:pass|pw)\d*$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a value of this name must not be a parameter, nor be shown."""
    return _SECRET.search(name) is not None
