"""`make references`: runs the notebooks anew and writes tests/references/, to be looked at as a difference in git.

What changes from run to run is put aside before it is written, and pictures are left out, so that an unchanged
notebook gives an unchanged file.
"""

import ast
import sys
from collections.abc import Iterable, Mapping

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbval.plugin import coalesce_streams
from reference_checks import LOOKS, settled, started_client
from reference_rooms import FOLDER, REFERENCES, Reference, kernel, room

PARAMETERS = "parameters"


def main(names: Iterable[str]) -> None:
    """Makes the references of these names, or all."""
    for name in names or REFERENCES:
        nbformat.write(made(REFERENCES[name]), FOLDER / f"{name}.ipynb")
        print(f"tests/references/{name}.ipynb")


def made(reference: Reference) -> NotebookNode:
    """The reference, executed. Raises CellExecutionError if a cell fails."""
    notebook = prepared(reference)
    with room(reference) as environment, kernel(environment) as manager:
        client = NotebookClient(notebook, km=manager, timeout=120, coalesce_streams=True, record_timing=False)
        client.kc = started_client(manager)
        for place, cell in enumerate(notebook.cells):
            client.execute_cell(cell, place)
        client.kc.stop_channels()
    for cell in notebook.cells:
        cell.outputs = [_kept(output) for output in coalesce_streams(cell.outputs)]
    return notebook


def prepared(reference: Reference) -> NotebookNode:
    """The source's code cells with the reference's parameters, not run yet; its words have their home in the source."""
    notebook = nbformat.read(reference.source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        if PARAMETERS in cell.metadata.get("tags", ()):
            cell.source = with_values(cell.source, reference.given)
    return notebook


def with_values(source: str, given: Mapping[str, object]) -> str:
    """A parameters cell with other values on its lines; its types and comments stay."""
    lines = source.split("\n")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and statement.target.id in given:
            value, line = statement.value, lines[statement.lineno - 1]
            new = repr(given[statement.target.id]).replace("'", '"')
            lines[statement.lineno - 1] = line[: value.col_offset] + new + line[value.end_col_offset :]
    return "\n".join(lines)


def _kept(output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream":
        output.text = settled(output.text)
    else:
        output.data = {kind: settled(told) for kind, told in output.data.items() if kind not in LOOKS}
        output.metadata = {}
    return output


if __name__ == "__main__":
    main(sys.argv[1:])
