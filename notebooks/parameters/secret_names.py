"""Which names speak of a secret: a notebook is passed around, so it takes none of them as a parameter."""

import re

_SECRET = re.compile(r"password|passwd|secret|token|session_key|api_?key|credential", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a value of this name must not be a parameter, nor be shown."""
    return _SECRET.search(name) is not None
