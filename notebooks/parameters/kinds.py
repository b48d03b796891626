"""What a parameter may be: a text, a whole number, a number, true or false, one of some values, and each of them or None.

A kind is what stands behind the colon in the parameters cell, as Python has it: `str`, `int | None`, `Literal["a", "b"]`.
"""

import ast
import re
import sys
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

BASIC = {"str": str, "int": int, "float": float, "bool": bool}
_LENIENT = {float: (float, int)}
"""papermill and people write 8 for 8.0; nothing else is taken for another type."""
# Without signs that Python would take besides: 1_000, leading zeros, digits of other scripts, inf, nan.
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
# Bytes that are no UTF-8 arrive as surrogates, which no notebook can hold; no command line can hold a zero.
_UNFIT = re.compile("[\0\ud800-\udfff]")
_TRUTH = {"true": True, "false": False}
_WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}
_FIXES = {
    bool: "write true or false.",
    int: "write a whole number of at most 18 digits, without leading zeros.",
    float: "write a number such as 7.5, without leading zeros.",
    str: "write a text that is valid UTF-8, without zero bytes.",
}


def kind_of(annotation: ast.expr) -> Any:
    """The kind that an annotation means. Raises ValueError or TypeError for one that is not known."""
    match annotation:
        case ast.Name(id=name) if name in BASIC:
            return BASIC[name]
        case ast.BinOp(left=inner, op=ast.BitOr(), right=ast.Constant(value=None)) if not isinstance(inner, ast.BinOp):
            return kind_of(inner) | None
        case ast.Subscript(value=ast.Name(id="Literal"), slice=listed):
            return Literal[_listed(listed)]
    raise ValueError(ast.unparse(annotation))


def _listed(node: ast.expr) -> tuple[object, ...]:
    values = [ast.literal_eval(item) for item in (node.elts if isinstance(node, ast.Tuple) else [node])]
    if not values or any(type(value) not in (str, int) for value in values):
        raise ValueError(ast.unparse(node))
    return tuple(values)


def shown(kind: Any) -> str:
    """The kind as people read it: `int`, `int or None`, `one of 'a', 'b'`."""
    if isinstance(kind, UnionType) or NoneType in get_args(kind):
        return f"{shown(inner(kind))} or None"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    return getattr(kind, "__name__", str(kind))


def words(kind: Any) -> str:
    """The kind in a sentence for people who do not program: `a whole number`, `True or False, or None`."""
    wanted = inner(kind)
    if wanted is not kind:
        return f"{words(wanted)}{',' if wanted is bool else ''} or None"
    return _WORDS.get(wanted) or shown(kind)


def inner(kind: Any) -> Any:
    """The kind without its `| None`."""
    rest = [part for part in get_args(kind) if part is not NoneType]
    return rest[0] if len(rest) == 1 and get_origin(kind) is not Literal else kind


def fits(kind: Any, value: object) -> bool:
    """Whether a value is of the kind; True is no number, and a number is no text."""
    if value is None:
        return inner(kind) is not kind
    wanted = inner(kind)
    if get_origin(wanted) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(wanted))
    return type(value) in _LENIENT.get(wanted, (wanted,)) and _can_be_written(wanted, value)


def _can_be_written(wanted: Any, value: Any) -> bool:
    """Whether `read` could give this value of a type: no infinite number, no text that a command line cannot take."""
    if wanted is float:
        return abs(value) <= sys.float_info.max
    return wanted is not str or _UNFIT.search(value) is None


def fix(kind: Any) -> str:
    """What to write for a value of the kind on a command line."""
    wanted = inner(kind)
    if get_origin(wanted) is Literal:
        said = "write one of: " + ", ".join(str(choice) for choice in get_args(wanted)) + "."
    else:
        said = _FIXES[wanted]
    return said if wanted is kind else f"{said[:-1]}, or None."


def read(kind: Any, text: str) -> object:
    """The value that a text of the command line means; nothing is guessed. Raises ValueError."""
    wanted = inner(kind)
    if wanted is not kind and text == "None":
        return None
    if get_origin(wanted) is Literal:
        return _read_choice(get_args(wanted), text)
    if wanted is bool:
        return _read_truth(text)
    if wanted is int and _WHOLE.fullmatch(text):
        return int(text)
    if wanted is float and _NUMBER.fullmatch(text) and _can_be_written(float, float(text)):
        return float(text)
    if wanted is str and _can_be_written(str, text):
        return text
    raise ValueError(text)


def text(value: object) -> str:
    """A value as the command line takes it; `read` reads it back."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


def _read_choice(choices: tuple[object, ...], text: str) -> object:
    for choice in choices:
        if str(choice) == text:
            return choice
    raise ValueError(text)
