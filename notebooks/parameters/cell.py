"""A notebook's parameters cell: what may be given to it, read without running anything.

A text whose name ends in `_csv`, `_file` or `_path` is the path of a file, one in `_folder` or `_dir` that of a folder.
"""

import ast
import io
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from notebooks.parameters import kinds
from notebooks.parameters.secret_names import is_secret
from store import places
from store.errors import StoreError

TAG = "parameters"
REQUIRED = ...
"""The default that is none: `name: str = ...` must be given."""
_FILE, _FOLDER = re.compile(r"_(?:csv|file|path)$"), re.compile(r"_(?:folder|dir)$")
_CHOICES = re.compile(r"\bone of: ([^;]+)$")
_LINE = "write each line as name: type = value  # meaning (such as days: int = 30  # how far to look back)"


class CellRefused(StoreError):
    """A notebook whose parameters cell cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of the cell. `default` is REQUIRED where a value must be given."""

    name: str
    kind: Any
    default: object
    meaning: str

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    @property
    def is_file(self) -> bool:
        """Whether it is the path of a file, told by its name: `batch_csv`."""
        return self._is_text_named(_FILE)

    @property
    def is_path(self) -> bool:
        """Whether it is the path of a file or a folder, told by its name."""
        return self.is_file or self._is_text_named(_FOLDER)

    def _is_text_named(self, ending: re.Pattern[str]) -> bool:
        return kinds.inner(self.kind) is str and ending.search(self.name) is not None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A notebook as its reader sees it before it runs: title, purpose (the rest of its first text) and parameters."""

    name: str
    title: str
    purpose: str
    parameters: tuple[Parameter, ...]


_CELLS = ("markdown", "code", "raw")


def read_notebook(path: Path) -> Sheet:
    """The notebook's sheet. Raises CellRefused for one that is no notebook, or whose cell cannot be read."""
    place = places.shown(path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise ValueError
        cells = notebook["cells"]
        if not all(cell["cell_type"] in _CELLS for cell in cells):
            raise ValueError
        texts = [(cell["cell_type"], cell["metadata"].get("tags", ()), "".join(cell["source"])) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{place} cannot be read as a notebook ({type(error).__name__})."
        raise CellRefused(what, f"restore {place} from the repository.") from error
    about = next((text for kind, _, text in texts if kind == "markdown"), "")
    title, _, purpose = about.strip().partition("\n")
    tagged = [text for kind, tags, text in texts if kind == "code" and TAG in tags]
    if len(tagged) > 1:
        raise CellRefused(f"{place} has {len(tagged)} cells tagged {TAG}.", "leave the tag on one of them.")
    return Sheet(path.stem, title.lstrip("# "), purpose.strip(), read_cell(tagged[0], place) if tagged else ())


def read_cell(source: str, place: str = "the notebook") -> tuple[Parameter, ...]:
    """The parameters of a cell's source, in order. Raises CellRefused, naming the line."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        # Python up to 3.11.3 tells a zero byte as a ValueError, without its line.
        raise _refused(place, getattr(error, "lineno", None) or 1, "is no Python") from None
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in statements:
        if _is_import(statement):
            continue
        parameter = _parameter(statement, comments.get(statement.end_lineno or 0, ""), place)
        if parameter.name in found:
            raise _refused(place, statement.lineno, f"gives {parameter.name} a second time")
        found[parameter.name] = parameter
    return tuple(found.values())


def _comments(source: str) -> dict[int, str]:
    """The comment of each line; a `#` inside a text is none."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


def _is_import(statement: ast.stmt) -> bool:
    # Without it the kernel does not know Literal.
    return isinstance(statement, ast.ImportFrom) and statement.module == "typing"


def _parameter(statement: ast.stmt, meaning: str, place: str) -> Parameter:
    line = statement.lineno
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
            if is_secret(name):
                raise _refused(place, line, f"{name} looks like a secret", "set it in .env instead")
            kind, default = _kind(annotation, meaning, place, line), _default(value, place, line)
            if default is not REQUIRED and not kinds.fits(kind, default):
                raise _refused(place, line, f"the default of {name} is not {kinds.words(kind)}")
            return Parameter(name, kind, default, meaning)
    raise _refused(place, line, "is no parameter")


def _kind(annotation: ast.expr, meaning: str, place: str, line: int) -> Any:
    try:
        kind = kinds.kind_of(annotation)
    except (ValueError, TypeError):
        fix = "use str, int, float, bool, Literal[...], or one of them | None"
        raise _refused(place, line, f"the type {ast.unparse(annotation)[:60]} is not known", fix) from None
    listed = _CHOICES.search(meaning)
    return Literal[tuple(choice.strip() for choice in listed[1].split(","))] if listed and kind is str else kind


def _default(value: ast.expr, place: str, line: int) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        raise _refused(
            place, line, "the default is computed", "write it out, or ... for one that must be given"
        ) from None


def _refused(place: str, line: int, what: str, fix: str = _LINE) -> CellRefused:
    return CellRefused(f"Parameters cell of {place}, line {line}: {what}.", f"{fix}.")
