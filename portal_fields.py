"""What a JSON body and a query may hold: each field's rule, and an answer 400 that names it. Knows no route."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bottle import HTTPResponse, request

from portal_site import json_answer, json_body
from store.errors import Refusal
from store.holds import PAGE

_NAME = re.compile(r"[a-z_]{1,40}|[A-Za-z0-9_.-]{1,19}")
"""What is echoed of a request: names as people give them. No session_key or cookie is so short, nor is OPS_TOKEN."""
LARGEST_SEQUENCE, LARGEST_REVISION, LARGEST_ID = 2**53, 2**31 - 1, 2**63 - 1


class FieldRefused(Refusal):
    """A field is missing, unknown or malformed. `answer` is the response that says so, and never shows a value."""

    def __init__(self, field: str, message: str, fix: str, code: str = "value_invalid"):
        super().__init__(message, fix)
        self.field, self.code = field, code

    @property
    def answer(self) -> HTTPResponse:
        return json_answer(400, {"error": self.code, "field": self.field, "message": str(self), "fix": self.fix})


@dataclass(frozen=True, slots=True)
class Rule:
    """Which values are let pass, and in words what to give instead of others."""

    takes: Callable[[object], bool]
    fix: str

    def __call__(self, value: object) -> bool:
        return self.takes(value)


page = Rule(
    lambda value: isinstance(value, str) and PAGE.fullmatch(value) is not None,
    "give 16 to 43 letters, digits, - and _, the same ones as long as the page is open.",
)
truth = Rule(lambda value: isinstance(value, bool), "give true or false.")
text = Rule(lambda value: isinstance(value, str), "give a text.")
text_or_nothing = Rule(lambda value: value is None or isinstance(value, str), "give a text, or null.")


def whole(least: int, largest: int) -> Rule:
    """A whole number from `least` to `largest`."""
    return Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= largest,
        f"give a whole number from {least} to {largest}.",
    )


def whole_or_nothing(least: int, largest: int) -> Rule:
    number = whole(least, largest)
    return Rule(lambda value: value is None or number(value), f"{number.fix.rstrip('.')}, or null.")


def read(optional: tuple[str, ...] = (), **rules: Rule) -> dict[str, object]:
    """The body's fields, each let pass by its rule; the `optional` ones are None where they are left out.

    Raises FieldRefused for the first that is missing, unknown or malformed.
    """
    data = json_body()
    for field, rule in rules.items():
        if field not in data and field not in optional:
            raise FieldRefused(field, f"{field} is missing.", rule.fix, "value_missing")
        if field in data and not rule(data[field]):
            raise _malformed(field, rule)
    refuse_unknown(data, rules, "field")
    return {field: data.get(field) for field in rules}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number that a query may hold, from `least` to LARGEST_ID unless it says otherwise."""

    default: int | None
    least: int = 0
    largest: int = LARGEST_ID


def query(**numbers: Number) -> dict[str, int | None]:
    """What the address asks for after its `?`, by name; a number's default where it is left out.

    Raises FieldRefused for what is unknown, given twice or malformed.
    """
    given: dict[str, list[str]] = request.query.dict
    refuse_unknown(given, numbers, "parameter")
    return {name: _number(name, given.get(name), number) for name, number in numbers.items()}


def _number(name: str, texts: list[str] | None, number: Number) -> int | None:
    if texts is None:
        return number.default
    if len(texts) > 1:
        raise FieldRefused(name, f"{name} is given {len(texts)} times.", "give it once.")
    value = int(texts[0]) if re.fullmatch("[0-9]{1,19}", texts[0]) else None
    rule = whole(number.least, number.largest)
    if not rule(value):
        raise _malformed(name, rule)
    return value


def _malformed(field: str, rule: Rule) -> FieldRefused:
    return FieldRefused(field, f"{field} is malformed, or out of range.", rule.fix)


def refuse_unknown(given: Iterable[str], known: Iterable[str], kind: str) -> None:
    """Raises FieldRefused if there is more than is known, naming all of it that may be echoed.

    `kind` is what the code says is unknown: a field or a parameter.
    """
    unknown = [name for name in given if name not in known]
    if not unknown:
        return
    named = [name for name in unknown if _NAME.fullmatch(name)]
    others = [f"{len(unknown) - len(named)} too long or too strange to show"] if len(unknown) > len(named) else []
    fix = f"give only {', '.join(known)}." if list(known) else "give none."
    first = named[0] if named else ""
    raise FieldRefused(first, f"Unknown: {', '.join(named + others)}.", fix, f"unknown_{kind}")
