"""Files that parameters name, looked for before anything is started."""

from collections.abc import Iterable, Mapping

from notebooks.parameters.cell import Parameter
from store import places
from store.errors import Finding, StoreError


def missing(parameters: Iterable[Parameter], values: Mapping[str, object]) -> list[Finding]:
    """What is wrong with the paths that parameters were given."""
    found = (missing_file(parameter, values.get(parameter.name)) for parameter in parameters)
    return [finding for finding in found if finding]


def missing_file(parameter: Parameter, value: object) -> Finding | None:
    """What is wrong with the path that a parameter was given; None for none, and for a parameter that is no file's."""
    if not (parameter.is_file and isinstance(value, str) and value):
        return None
    name = parameter.name
    try:
        path = places.resolve(value)
        if path.is_file():
            return None
    except (StoreError, ValueError, OSError) as error:
        return Finding(f"parameters.{name}", f"{name}: {value[:80]!r} is no path ({error}).", "correct it.")
    there = "a folder" if path.is_dir() else "a pipe or a device" if path.exists() else "no file"
    # A file that was not delivered is missed where it is expected, and whoever is mailed of it sees no folder but this one.
    what = f"{name}: there is {there} at {str(path)[:200]}."
    hint = "" if value.startswith(("/", "~")) else " (without a / in front it is seen from the project's folder)"
    return Finding(f"parameters.{name}", what, f"put the file there, or give another path{hint}.")
