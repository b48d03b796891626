"""A notebook's own cells, run one after the other in this process: what they show, and the error that ended them.

Real kernels are in test_notebooks.py and in tests/notebooks/; here the claim is what the cells do with their parameters.
"""

import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from store import places

NOTEBOOKS = places.ROOT / "notebooks"


@dataclass(frozen=True, slots=True)
class Executed:
    """What the cells printed and showed, as one text, and the error of the one that failed (none: empty)."""

    shown: str
    error: str
    log: Path

    @property
    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def texts(self) -> list[str]:
        """Everything that is written or told."""
        return [self.shown, self.error, self.logged]


def execute(folder: Path, notebook: str, **parameters: object) -> Executed:
    """Runs the notebook of that name with these parameters; its log goes into the folder."""
    log, printed, names, error = folder / "out.log", io.StringIO(), {"__name__": "__main__"}, ""
    given = {"log_file": str(log), **parameters}
    hook = sys.excepthook
    try:
        with contextlib.redirect_stdout(printed):
            for statements in cells(NOTEBOOKS / f"{notebook}.ipynb", given):
                _run_cell(statements, names)
    except Exception as raised:  # noqa: BLE001 - looked at by the test
        error = f"{type(raised).__name__}: {raised}"
    finally:
        sys.excepthook = hook
        _close(names)
    return Executed(printed.getvalue(), error, log)


def cells(path: Path, given: Mapping[str, object]) -> Iterator[ast.Module]:
    """The code cells as statements; after the parameters cell come the given values, as papermill gives them."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield ast.parse("".join(cell["source"]), path.name)
        if "parameters" in cell["metadata"].get("tags", ()):
            yield ast.parse("\n".join(f"{name} = {value!r}" for name, value in given.items()))


def _run_cell(cell: ast.Module, names: dict[str, object]) -> None:
    last = cell.body.pop() if cell.body and isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, "<cell>", "exec"), names)
    if last is not None:
        _show(eval(compile(ast.Expression(last.value), "<cell>", "eval"), names))


def _show(value: object) -> None:
    if value is not None:
        print(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))


def _close(names: Mapping[str, object]) -> None:
    # A run that failed on the way still holds its record and its log.
    if "run" in names:
        names["run"].close()
