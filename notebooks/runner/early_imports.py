"""What a notebook imports of the toolkit: its kernel imports that while papermill comes up, so that no cell waits for it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "INTERVIEW_OPS_EARLY_IMPORTS"
"""How the kernel's process is told, as JSON: pairs of a module and the names that are taken from it."""
# Others' modules may print when they are imported, and that belongs into the cell.
_OURS = ("mailer", "notebooks", "store")


def of_notebook(source: Path) -> str:
    """The imports as VARIABLE holds them. Raises OSError, ValueError or LookupError for what is no notebook."""
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    codes = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return json.dumps([found for code in codes for found in _of_code(code)])


def _of_code(code: str) -> Iterator[tuple[str, list[str]]]:
    try:
        statements = ast.parse(code).body
    except (SyntaxError, ValueError):
        # IPython's own signs (%, !), or a fault that its cell will tell.
        return
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from ((alias.name, []) for alias in statement.names if _is_ours(alias.name))
        elif isinstance(statement, ast.ImportFrom) and not statement.level and _is_ours(statement.module or ""):
            yield statement.module or "", [alias.name for alias in statement.names]


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS
