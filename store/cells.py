"""What any file's cells are read by: needed or blank, a text of a length, a whole number; and a row's faults in one.

Each reader takes a stripped cell and gives its value, or raises CellRefused. No column is known here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from store.errors import StoreError
from store.plain_text import lines, one_line, quoted
from store.requests import RowFault

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


class CellRefused(StoreError):
    """One cell's value cannot be used; `code` is the rule's name."""

    def __init__(self, code: str, message: str, fix: str):
        super().__init__(message, fix)
        self.code = code


Faults = list[tuple[str, StoreError]]
"""Column and refusal; every refusal has a `code`."""


def row_fault(line: int, faults: Faults, columns: Sequence[str]) -> RowFault:
    """One fault for all that is wrong with a row: its code and column are those of the first in the order of columns."""
    faults = sorted(faults, key=lambda found: columns.index(found[0]))
    column, first = faults[0]
    if len(faults) == 1:
        return RowFault(line, column, first.code, str(first), first.fix)
    message = " ".join(f"{name}: {refusal}" for name, refusal in faults)
    return RowFault(line, column, first.code, message, " ".join(f"{name}: {refusal.fix}" for name, refusal in faults))


def width_fault(line: int, cells: Sequence[str], header: Mapping[str, int]) -> RowFault | None:
    """What is wrong with a row that has too few cells, or too many that are not blank."""
    width = len(header)
    if len(cells) >= width and not "".join(cells[width:]).strip():
        return None
    text = f"The row has {len(cells)} cells, the header {width}."
    fix = "give one cell for each column, and quote a cell that holds the separator or a line break."
    return RowFault(line, "", "row_cells", text, fix)


def require(text: str) -> str:
    """The text, which must not be blank."""
    if not text:
        raise CellRefused("value_missing", "The cell is blank.", "write a value; every row needs one in this column.")
    return text


def whole_number(blank: int | None, name: str, code: str, largest: int, least: int = 1) -> Callable[[str], int | None]:
    """Reads a whole number from `least` to `largest`; `blank` is what a blank cell means."""

    @lru_cache(maxsize=2048)
    def read(text: str) -> int | None:
        if not text:
            return blank
        if not (_WHOLE.fullmatch(text) and least <= int(text) <= largest):
            fix = f"write a whole number from {least} to {largest}, with digits only."
            raise CellRefused(code, f"The {name} is {quoted(text)}.", fix)
        return int(text)

    return read


def needed_line(name: str, code: str, longest: int) -> Callable[[str], str]:
    """Reads a text of one line that must not be blank, of at most `longest` characters after cleaning."""
    return lambda text: _fitting(require(one_line(text)), name, code, longest)


def one_line_text(name: str, code: str, longest: int) -> Callable[[str], str]:
    """Reads a text of one line, which may be blank."""
    return lambda text: _fitting(one_line(text), name, code, longest)


def needed_lines(name: str, code: str, longest: int) -> Callable[[str], str]:
    """Reads a text of any number of lines that must not be blank."""
    return lambda text: _fitting(require(lines(text)), name, code, longest)


def lines_text(name: str, code: str, longest: int) -> Callable[[str], str]:
    """Reads a text of any number of lines, which may be blank."""
    return lambda text: _fitting(lines(text), name, code, longest)


def _fitting(text: str, name: str, code: str, longest: int) -> str:
    if len(text) > longest:
        raise CellRefused(code, f"The {name} has {len(text)} characters.", f"shorten it to {longest} characters.")
    return text
