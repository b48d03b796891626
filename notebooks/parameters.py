"""The parameters of a notebook, checked against the types its own parameters cell gives them."""

import re
from collections.abc import Mapping

from store.errors import Finding, SettingsError

_SECRET = re.compile(r"password|passwd|secret|token|session_key|api_?key|credential", re.IGNORECASE)
_FIXES = {
    bool: "give True or False (papermill: -p {name} True).",
    int: "give a whole number.",
    float: "give a number.",
    str: "give a text (papermill: -r {name} TEXT keeps it as it is).",
}
_TAKEN = {float: (float, int)}
"""papermill and people write 8 for 8.0; nothing else is taken for another type."""


def check(names: Mapping[str, object]) -> dict[str, object]:
    """The parameters and their values out of a notebook's namespace (`globals()`).

    A parameter is what the parameters cell annotates (`name: type = value  # meaning`). papermill writes its own values
    over them without a check, so this is done after it. Raises SettingsError with one finding per wrong parameter.
    """
    types = {name: kind for name, kind in names.get("__annotations__", {}).items() if not name.startswith("_")}
    values = {name: names[name] for name in types}
    findings = [
        Finding(f"parameters.{name}", f"{name} = {_shown(name, values[name])} is not {kind.__name__}.",
                _FIXES.get(kind, "correct it.").format(name=name))
        for name, kind in types.items() if type(values[name]) not in _TAKEN.get(kind, (kind,))
    ]  # fmt: skip
    findings += [
        Finding(
            f"parameters.{name}", f"{name} looks like a secret; a notebook is passed around.", "set it in .env instead."
        )
        for name in names
        if _SECRET.search(name) and not name.startswith("_") and isinstance(names[name], str)
    ]
    if findings:
        raise SettingsError(findings)
    return values


def _shown(name: str, value: object) -> str:
    return "***" if _SECRET.search(name) else repr(value)[:60]
