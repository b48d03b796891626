"""What papermill put into a running notebook: the cell after the parameters cell, read from the kernel's own inputs."""

import ast
from collections.abc import Collection, Sequence

HEADING = "# Parameters"
"""The first line of the cell that papermill writes (`papermill.translators`)."""


def names(inputs: object, known: Collection[str]) -> list[str]:
    """The names that papermill's cell sets. `inputs` are the sources of the cells that were run (IPython's `In`).

    Only that cell is looked at, and only if it ran after the parameters cell: what a notebook sets elsewhere is its own
    affair, and a cell that was taken out by hand counts no more once the parameters cell is run again.
    """
    for source in reversed(inputs if isinstance(inputs, Sequence) else ()):
        tree = _tree(source)
        if tree is None:
            continue
        if source.split("\n", 1)[0].strip() == HEADING:
            return _assigned(tree)
        if _annotated(tree) & set(known):
            return []
    return []


def _tree(source: object) -> ast.Module | None:
    try:
        return ast.parse(source) if isinstance(source, str) else None
    except (SyntaxError, ValueError):
        # A cell that did not run; the kernel keeps its source all the same.
        return None


def _assigned(tree: ast.Module) -> list[str]:
    targets = [target for statement in tree.body if isinstance(statement, ast.Assign) for target in statement.targets]
    return list(dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name)))


def _annotated(tree: ast.Module) -> set[str]:
    found = (statement.target for statement in tree.body if isinstance(statement, ast.AnnAssign))
    return {target.id for target in found if isinstance(target, ast.Name)}
