"""Lengths of time as the schedule writes them: 45m, 1h30m, 90s."""

import re

_SPAN = re.compile(r"(?=.)(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?", re.ASCII)


def seconds(text: str) -> int:
    """The seconds that a text means. Raises ValueError for another text."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(text)
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + rest


def text(length: float) -> str:
    """The shortest text for so many whole seconds."""
    whole = round(length)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
