"""What is wrong with a setting, in plain words: what was given, where it stands, and what to write."""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from store.errors import Finding

_LONGEST_SHOWN = 9
_WRITE = "in .env or the environment"
_NO_NUMBER = ("int_", "greater_than", "less_than")


def wrong(problem: dict[str, Any], field: FieldInfo | None) -> Finding:
    """A problem that pydantic found, told to ops. The value of a secret setting is never in it."""
    name = ".".join(str(part) for part in problem["loc"]).upper() or "SETTINGS"
    about = f"settings.{name.lower()}"
    if field is not None and field.annotation is int and problem["type"].startswith(_NO_NUMBER):
        bounds = _bounds(field)
        what = f"{name}{_given(str(problem['input']))} is not a whole number {bounds}."
        return Finding(about, what, f"write {name}={field.default}, or another whole number {bounds}, {_WRITE}.")
    said = problem["msg"].removeprefix("Value error, ")
    return Finding(about, f"{name}: {said}.".replace("..", "."), f"correct {name} {_WRITE}.")


def _given(text: str) -> str:
    # What is longer than any of these numbers may be a password on the wrong line.
    return f"={text!r}" if len(text) <= _LONGEST_SHOWN else f" (a text of {len(text)} characters)"


def _bounds(field: FieldInfo) -> str:
    least = next((rule.ge for rule in field.metadata if hasattr(rule, "ge")), 0)
    most = next((rule.le for rule in field.metadata if hasattr(rule, "le")), None)
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def unreadable(path: Path | str | None, error: Exception) -> Finding:
    """A file of settings that is no text or cannot be opened; nothing of it is shown, for it may be a password."""
    if isinstance(error, UnicodeDecodeError) and path is not None:
        line = _undecodable_line(Path(path).read_bytes())
        fix = f"type line {line} anew, or save .env as UTF-8 in your editor."
        return Finding("settings.env_file", f".env, line {line} has a sign that is not UTF-8 text.", fix)
    why = getattr(error, "strerror", None) or type(error).__name__
    return Finding("settings.env_file", f".env cannot be read: {why}.", "make .env a file that this user may read.")


def _undecodable_line(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        # The position in a stream counts from its last piece, so it is looked for in the whole.
        return content.count(b"\n", 0, error.start) + 1
    return content.count(b"\n") + 1
