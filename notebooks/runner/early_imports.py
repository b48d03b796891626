"""What a notebook imports of the toolkit: its kernel imports that while papermill comes up, so that no cell waits for it."""

import ast
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

VARIABLE = "INTERVIEW_OPS_EARLY_IMPORTS"
"""How the kernel's process is told, as JSON: pairs of a module and the names that are taken from it."""
# Others' modules may print when they are imported, and that belongs into the cell.
_OURS = ("mailer", "notebooks", "store")


def of_notebook(source: Path) -> str:
    """The imports as VARIABLE holds them. Raises OSError, ValueError or LookupError for what is no notebook."""
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    codes = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return json.dumps(list(_first_imports(codes)))


def _first_imports(codes: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Those before the first statement that does something, which they might depend on."""
    for statement in _statements(codes):
        if _is_plain(statement):
            continue
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(statement, ast.Import):
            yield from ((alias.name, []) for alias in statement.names if _is_ours(alias.name))
        elif not statement.level and _is_ours(statement.module or ""):
            yield statement.module or "", [alias.name for alias in statement.names]


def _statements(codes: Iterable[str]) -> Iterator[ast.stmt]:
    for code in codes:
        try:
            yield from ast.parse(code).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # IPython's own signs (%, !), or a fault that its cell will tell, such as being too deep for the parser.
            return


def _is_plain(statement: ast.stmt) -> bool:
    """Whether it gives a name a value that is written out, as parameters have one."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    try:
        ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return all(isinstance(target, ast.Name) for target in targets)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS
