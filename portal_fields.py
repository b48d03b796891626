"""What a JSON body may hold: each field's rule, and an answer 400 that names the field. Knows no route."""

import re
from collections.abc import Callable

from bottle import HTTPResponse

from portal_site import json_answer, json_body
from store.holds import PAGE

_NAME = re.compile(r"[a-z_]{1,40}")  # what is echoed can be no key
LARGEST_SEQUENCE, LARGEST_REVISION, LARGEST_ID = 2**53, 2**31 - 1, 2**63 - 1

Rule = Callable[[object], bool]


class FieldRefused(Exception):
    """A field is missing, unknown or malformed. `answer` is the response that says so."""

    def __init__(self, field: str, code: str = "value_invalid"):
        super().__init__(field)
        self.field, self.code = field, code

    @property
    def answer(self) -> HTTPResponse:
        return json_answer(400, {"error": self.code, "field": self.field})


def read(optional: tuple[str, ...] = (), **rules: Rule) -> dict[str, object]:
    """The body's fields, each let pass by its rule; the `optional` ones are None where they are left out.

    Raises FieldRefused for the first that is missing, unknown or malformed.
    """
    data = json_body()
    for field in rules:
        if field not in data and field not in optional:
            raise FieldRefused(field, "value_missing")
        if field in data and not rules[field](data[field]):
            raise FieldRefused(field)
    for field in data:
        if field not in rules:
            raise FieldRefused(field if _NAME.fullmatch(field) else "", "unknown_field")
    return {field: data.get(field) for field in rules}


def page(value: object) -> bool:
    return isinstance(value, str) and PAGE.fullmatch(value) is not None


def truth(value: object) -> bool:
    return isinstance(value, bool)


def text(value: object) -> bool:
    return isinstance(value, str)


def text_or_nothing(value: object) -> bool:
    return value is None or isinstance(value, str)


def whole(least: int, largest: int) -> Rule:
    """A whole number from `least` to `largest`."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= largest


def whole_or_nothing(least: int, largest: int) -> Rule:
    return lambda value: value is None or whole(least, largest)(value)
