"""One form for values that mean the same, so that a job is known again however it was written. Only its key is made of it."""

import os
from collections.abc import Mapping, Sequence

from notebooks.parameters import kinds
from notebooks.parameters.cell import Parameter
from store import places
from store.errors import StoreError


def canonical(known: Sequence[Parameter], values: Mapping[str, object]) -> dict[str, object]:
    """The values of these parameters, a number as its kind has it, a path as the real one.

    What a notebook gets and a record shows stays as it was written. An empty path stays empty: what it stands for, the
    notebook alone knows.
    """
    by_name = {parameter.name: parameter for parameter in known}
    return {name: _one_form(by_name[name], value) for name, value in values.items()}


def _one_form(parameter: Parameter, value: object) -> object:
    if isinstance(value, int | float) and kinds.inner(parameter.kind) is float:
        # There is no -0.0 then.
        return float(value) + 0.0
    return _real(value) if isinstance(value, str) and value and parameter.is_path else value


def _real(path: str) -> str:
    """The path behind all links; seen from the project's root if it is inside, for other machines have it elsewhere."""
    try:
        return places.shown(os.path.realpath(places.resolve(path)))
    except StoreError:
        # The notebook will refuse it; its text tells it from others.
        return path
