"""Which names speak of a secret: a notebook is passed around, so it takes none of them as a parameter."""

import re

_SECRET = re.compile(
    r"passw(?:or)?d|pass_?(?:word|phrase|code)|pwd|secret|token|credential|bearer|cookie"
    r"|(?:session|api|access|private|signing|encryption|ssh|dkim)_?key|database_?url|(?:^|_)(?:pass|dsn|pin)$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a value of this name must not be a parameter, nor be shown."""
    return _SECRET.search(name) is not None
