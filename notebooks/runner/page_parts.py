"""What of a notebook cannot be made a page of, and the note that stands there instead."""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MOST = 20
"""So many faults are looked for one by one; then whatever stands beside another one gives way with it."""
_SOURCE = -1


def converted(cells: Sequence["NotebookNode"], convert: Callable[[Sequence["NotebookNode"]], str]) -> str:
    """What `convert` makes of the cells; where it raises, with a note in place of each part for which it does."""
    try:
        return convert(cells)
    except Exception:  # noqa: BLE001 - the notes tell it; what no part is to blame for raises below
        faults = _Faults(cells, convert)
        return convert([faults.noted(number) for number in range(len(cells))])


def changed(node: "NotebookNode", **parts: object) -> "NotebookNode":
    """A notebook or cell with these parts of its own."""
    return type(node)({**node, **parts})


class _Faults:
    """The sources and outputs that cannot be converted, and the names of their errors.

    A part is the numbers of its cell and its output, from 0; the source is output -1.
    """

    def __init__(self, cells: Sequence["NotebookNode"], convert: Callable[[Sequence["NotebookNode"]], str]):
        self._cells, self._convert = cells, convert
        self._errors: dict[tuple[int, int], str] = {}
        outputs = [range(_SOURCE, len(cell.get("outputs", ()))) for cell in cells]
        self._find([(number, place) for number, places in enumerate(outputs) for place in places])

    def _find(self, parts: Sequence[tuple[int, int]]) -> None:
        """Looks by halves: most parts are never converted alone."""
        try:
            self._convert(self._holding(parts))
        except Exception as error:  # noqa: BLE001 - told in the note
            if len(parts) > 1 and len(self._errors) < _MOST:
                self._find(parts[: len(parts) // 2])
                self._find(parts[len(parts) // 2 :])
            else:
                self._errors |= dict.fromkeys(parts, type(error).__name__)

    def _holding(self, parts: Sequence[tuple[int, int]]) -> list["NotebookNode"]:
        """Cells with nothing but these parts."""
        cells = []
        for number, group in itertools.groupby(parts, lambda part: part[0]):
            cell, places = self._cells[number], [place for _, place in group]
            given = {} if _SOURCE in places else {"source": ""}
            if "outputs" in cell:
                given["outputs"] = [cell.outputs[place] for place in places if place != _SOURCE]
            cells.append(changed(cell, **given))
        return cells

    def noted(self, number: int) -> "NotebookNode":
        """A cell with a note in place of each fault of its."""
        cell, given = self._cells[number], {}
        if error := self._errors.get((number, _SOURCE)):
            note = _note(f"The source of cell {number + 1}", error)
            given["source"] = f"# {note}" if cell.cell_type == "code" else note
        if "outputs" in cell:
            given["outputs"] = [self._noted_output(number, place) for place in range(len(cell.outputs))]
        return changed(cell, **given)

    def _noted_output(self, number: int, place: int) -> "NotebookNode":
        from nbformat.v4 import new_output

        if error := self._errors.get((number, place)):
            note = _note(f"Output {place + 1} of cell {number + 1}", error)
            return new_output("stream", name="stderr", text=f"{note}\n")
        return self._cells[number].outputs[place]


def _note(what: str, error: str) -> str:
    return f"{what} cannot be shown on this page ({error}); the notebook has it."
