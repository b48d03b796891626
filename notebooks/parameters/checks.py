"""The parameters of a run, checked against the types that the notebook's own parameters cell gives them.

In a notebook `check` looks at its namespace; before a kernel starts `given` reads the command line's texts.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from notebooks.parameters import injected, kinds
from notebooks.parameters.cell import REQUIRED, Parameter
from notebooks.parameters.secret_names import is_secret
from store.errors import Finding, SettingsError
from store.plain_text import quoted
from store.redaction import beginning

LOG_FILE = "log_file"
"""What the runner itself gives to every notebook that takes it."""
_FIXES = {
    bool: "give True or False (papermill: -p {name} True).",
    int: "give a whole number.",
    float: "give a number.",
    str: "give a text (papermill: -r {name} TEXT keeps it as it is).",
}


def check(names: Mapping[str, object]) -> dict[str, object]:
    """The parameters and their values out of a notebook's namespace (`globals()`).

    A parameter is what the parameters cell annotates (`name: type = value  # meaning`). papermill writes its own values
    over them without a check, so this is done after it. Raises SettingsError with one finding per wrong parameter, and
    per name that papermill was given and no parameter has: papermill itself only warns of it.
    """
    types = {name: kind for name, kind in names.get("__annotations__", {}).items() if not name.startswith("_")}
    values = {name: names[name] for name in types}
    findings = [_wrong(name, kind, values[name]) for name, kind in types.items() if not kinds.fits(kind, values[name])]
    given_names = injected.names(names.get("In"), types)
    findings += [
        _secret(name)
        for name in names
        if is_secret(name) and not name.startswith("_") and (isinstance(names[name], str) or name in given_names)
    ]
    findings += [_unknown(name, types) for name in given_names if name not in types and not is_secret(name)]
    if findings:
        raise SettingsError(findings)
    return values


def _wrong(name: str, kind: Any, value: object) -> Finding:
    if value is REQUIRED:
        return _missing(name, "give it a value in the cell above.")
    text = "***" if is_secret(name) else beginning(repr(value), 60)
    told = _FIXES.get(kind, f"give {kinds.words(kind)}.").format(name=name)
    return Finding(f"parameters.{name}", f"{name} = {text} is not {kinds.words(kind)}.", told)


def _secret(name: str) -> Finding:
    what = f"{name} looks like a secret; a notebook is passed around."
    return Finding(f"parameters.{name}", what, "set it in .env instead.")


def _unknown(name: str, known: Iterable[str]) -> Finding:
    shown = _shown(name)
    takes = [other for other in known if other != LOG_FILE]
    near = difflib.get_close_matches(name.lower(), takes, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(takes) or 'none'}."
    return Finding(f"parameters.{shown}", f"{shown} is no parameter of this notebook.", hint)


def _shown(name: str) -> str:
    name = beginning(name, 40)
    return name if name.isprintable() else repr(name)


def _missing(name: str, told: str) -> Finding:
    return Finding(f"parameters.{name}", f"{name} is not given, and has no default.", told)


def given(known: Sequence[Parameter], texts: Iterable[str]) -> dict[str, object]:
    """Every parameter's value, defaults included, from texts `name=value`.

    Nothing is guessed. Raises SettingsError with one finding per thing that is wrong, found in one pass.
    """
    by_name = {parameter.name: parameter for parameter in known}
    values: dict[str, object] = {}
    findings: list[Finding] = []
    for text in texts:
        name, is_pair, value = text.partition("=")
        if trouble := _misplaced(name, bool(is_pair), by_name, values):
            findings.append(trouble)
            continue
        try:
            values[name] = kinds.read(by_name[name].kind, value)
        except ValueError:
            findings.append(_unread(by_name[name], value))
            # So that it is not told to be missing, too.
            values[name] = None
    needed = (one for one in known if one.is_required and one.name not in values)
    findings += [_missing(one.name, f"add {one.name}=VALUE ({kinds.words(one.kind)}).") for one in needed]
    if findings:
        raise SettingsError(findings)
    return {parameter.name: values.get(parameter.name, parameter.default) for parameter in known}


def _misplaced(
    name: str, is_pair: bool, known: Mapping[str, Parameter], before: Mapping[str, object]
) -> Finding | None:
    """What is wrong with a parameter before its value is looked at; the value is never repeated."""
    if is_secret(name):
        return _secret(_shown(name))
    if not is_pair and name in known:
        return Finding(f"parameters.{name}", f"{name} has no value.", f"write {name}=VALUE.")
    if not is_pair:
        return Finding("parameters", f"{_shown(name)!r} is no parameter.", "write name=value.")
    if name == LOG_FILE:
        return Finding(
            f"parameters.{name}", f"{name} is given by the runner.", "leave it out; the log lies beside the run."
        )
    if name not in known:
        return _unknown(name, known)
    if name in before:
        return Finding(f"parameters.{name}", f"{name} is given twice.", "leave one of them out.")
    return None


def _unread(parameter: Parameter, text: str) -> Finding:
    what = f"{parameter.name}={quoted(text)} is not {kinds.words(parameter.kind)}."
    return Finding(f"parameters.{parameter.name}", what, kinds.fix(parameter.kind))
