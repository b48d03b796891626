"""A CSV file under a header of known columns, as a stream of records with their lines. Knows no column by itself."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Self

from store import places
from store.errors import FileRefused
from store.plain_text import quoted
from store.settings import Settings
from store.text_lines import LINE_BREAK, RecordTooLong, TextLines, open_source

_DELIMITERS = ",;\t"
_NAMED_AT_MOST = 10
_FILLER = re.compile(r"[\s_\-\ufeff]+")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OtherKind:
    """A kind of file that is given by mistake: it has all the `signs` in its header, and `notebook` takes it."""

    kind: str
    signs: tuple[str, ...]
    notebook: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a kind of file may have, in the order in which they are named to people.

    Every one of `required` must stand in the header, and at least one of `one_of` (if there are any). `unread` ones are
    let pass and not told of. `row_for` names what a row stands for, `kind` the kind of file, `other` one that it is
    taken for.
    """

    required: tuple[str, ...]
    one_of: tuple[str, ...]
    optional: tuple[str, ...]
    unread: tuple[str, ...]
    row_for: str
    kind: str = "file"
    other: OtherKind | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, those that are not read last."""
        return (*self.required, *self.one_of, *self.optional, *self.unread)

    @property
    def header_fix(self) -> str:
        """What to write into the header."""
        names = ", ".join((*self.required, *self.one_of, *self.optional))
        return f"the columns are {names}; separate them by comma, semicolon or tab."

    def named(self, cell: str) -> str | None:
        """The column that a header's cell names, read without case, spaces, underscores and hyphens."""
        return _by_key(self).get(_FILLER.sub("", cell).lower())


@lru_cache(maxsize=16)
def _by_key(columns: Columns) -> dict[str, str]:
    return {_FILLER.sub("", name): name for name in columns.all}


class CsvFile:
    """One file, read once from start to end, in memory that does not grow with it.

    A context manager: entering opens the file and reads its header; iterating gives (line, cells) of each record,
    `line` being the physical line it begins on. Blank lines and rows of empty cells are skipped. Both raise
    FileRefused; a refusal may come at any record, so nothing may be done before the last one is read.
    `header` maps each column to its place among the cells, `rows` counts the records given so far.
    """

    def __init__(self, path: str | Path, columns: Columns, settings: Settings):
        self.path = places.resolve(path)
        self.header: Mapping[str, int] = {}
        self.rows = 0
        self._columns = columns
        self._settings = settings
        self._delimiter = ","

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            source = opened.enter_context(open_source(self.path, self._settings.candidates_file_bytes))
            self._lines = TextLines(source, self._settings)
            self._records = self._checked(self._split())
            self.header = _header(next(self._records), self._lines.first_of_record, self._columns, self._name)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        lines, limit = self._lines, self._settings.candidates_file_rows
        lines.begin_record()
        for cells in self._records:
            line = lines.first_of_record
            lines.begin_record()
            if not "".join(cells).strip():
                continue
            self.rows += 1
            if self.rows > limit:
                fix = "split the file, or raise CANDIDATES_FILE_ROWS."
                raise FileRefused("too_many_rows", f"The file has more than {limit:,} rows.", fix, f"line {line}")
            yield line, cells
        if not self.rows:
            text = f"The file {self._name} has a header but no rows."
            raise FileRefused("file_empty", text, f"add a row for each {self._columns.row_for}.")

    @property
    def _name(self) -> str:
        return quoted(self.path.name)

    @property
    def sha256(self) -> str:
        """The checksum of the file's bytes. Raises ValueError before the last record has been read."""
        if not self._lines.ended:
            raise ValueError("the file has not been read to its end; its checksum is not known yet")
        return self._lines.sha256.hexdigest()

    def _split(self) -> Iterator[list[str]]:
        source = iter(self._lines)
        line = next(source, "")
        declared = _SEPARATOR_LINE.fullmatch(line)
        if declared:
            self._lines.begin_record()
            line = next(source, "")
        while line and not line.strip(' ,;"\t\r\n'):
            self._lines.begin_record()
            line = next(source, "")
        if not line:
            text = f"The file {self._name} is empty."
            raise FileRefused("file_empty", text, "give a CSV file with a header line and rows.")
        self._delimiter = (
            _declared_delimiter(declared.group(1)) if declared else _likeliest_delimiter(line, self._columns)
        )
        # strict, because a guess at where a wrongly quoted row ends could book what somebody wrote into a note.
        yield from csv.reader(chain([line], source), delimiter=self._delimiter, strict=True, skipinitialspace=True)

    def _checked(self, records: Iterator[list[str]]) -> Iterator[list[str]]:
        try:
            yield from records
        except RecordTooLong as error:
            raise self._too_long(error.limit) from None
        except csv.Error as error:
            raise self._misquoted() from error

    def _too_long(self, limit: int) -> FileRefused:
        first, opened = self._lines.first_of_record, self._line_of_open_quote()
        text, fix = f"The row that begins on line {first} has more than {limit:,} characters", "shorten the row"
        if opened:
            text, fix = f"{text}, and the quote opened on line {opened} is not closed", f"close that quote, or {fix}"
        fix = f"{fix}, or raise CANDIDATES_ROW_CHARS."
        return FileRefused("row_too_long", f"{text}.", fix, f"line {opened or first}")

    def _misquoted(self) -> FileRefused:
        opened = self._line_of_open_quote() if self._lines.ended else None
        if opened:
            text = f"The quote opened on line {opened} is never closed."
            return FileRefused("quote_open", text, "close the quote, or remove it.", f"line {opened}")
        line = self._lines.given
        text = f"On line {line} a cell goes on after its closing quote, so it is not clear where the row ends."
        return FileRefused("quote_stray", text, 'write a quote inside a quoted cell twice ("").', f"line {line}")

    def _line_of_open_quote(self) -> int | None:
        record, delimiter = self._lines.record_text(), re.escape(self._delimiter)
        whole_cell = re.compile(rf' *+(?:"[^"]*+(?:""[^"]*+)*"|(?!")[^{delimiter}\r\n]*+)(?:{delimiter}|\r\n|\r|\n|\Z)')
        place = 0
        while place < len(record):
            cell = whole_cell.match(record, place)
            if not cell:
                return self._lines.first_of_record + len(LINE_BREAK.findall(record, 0, place))
            place = cell.end()
        return None


def _declared_delimiter(sign: str) -> str:
    if sign not in _DELIMITERS:
        fix = "separate the cells by comma, semicolon or tab."
        raise FileRefused("separator", f"Line 1 declares the separator {quoted(sign)}.", fix, "line 1")
    return sign


def _likeliest_delimiter(line: str, columns: Columns) -> str:
    """The delimiter under which most cells of the header line are known columns; rows are not looked at."""

    def known(delimiter: str) -> int:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        return sum(columns.named(cell) is not None for cell in cells)

    return max(_DELIMITERS, key=known)


def _header(cells: Sequence[str], line: int, columns: Columns, file: str) -> dict[str, int]:
    """Column name → place. Raises FileRefused naming every unknown, missing, doubled and nameless column at once."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    found = [columns.named(name) for name in names]
    if columns.other is not None:
        _refuse_other(names, found, line, columns, file)
    if not any(found):
        # Not echoed: a file without a header would put a candidate's data into the message.
        fix = f"begin with a header; {columns.header_fix}"
        raise FileRefused("columns", f"Line {line} of the file {file} names no known column.", fix, f"line {line}")
    problems = [*_unknown(names, found, columns), *_missing(found, columns), *_doubled(found, columns)]
    if problems:
        text = f"The header on line {line}: {'; '.join(problems)}."
        raise FileRefused("columns", text, columns.header_fix, f"line {line}")
    return {name: place for place, name in enumerate(found) if name}


def _refuse_other(names: Sequence[str], found: Sequence[str | None], line: int, columns: Columns, file: str) -> None:
    """Raises FileRefused for a file of the other kind: all of its signs are there, and too few of this kind's columns."""
    keys, other = {_FILLER.sub("", name).lower() for name in names}, columns.other
    if set(columns.required) <= set(found) or not all(_FILLER.sub("", sign) in keys for sign in other.signs):
        return
    text = f"The file {file} is a {other.kind}, not a {columns.kind}."
    fix = f"give it to notebooks/{other.notebook}.ipynb, and a {columns.kind} here."
    raise FileRefused("other_file", text, fix, f"line {line}")


def _unknown(names: Sequence[str], found: Sequence[str | None], columns: Columns) -> list[str]:
    unknown = [(place, name) for place, (name, column) in enumerate(zip(names, found, strict=True), 1) if not column]
    free = [column for column in columns.all if column not in found]
    texts = [_unknown_text(place, name, free) for place, name in unknown[:_NAMED_AT_MOST]]
    more = len(unknown) - len(texts)
    return [*texts, f"and {more} more unknown columns"] if more else texts


def _unknown_text(place: int, name: str, free: Sequence[str]) -> str:
    if not name:
        return f"column {place} has no name"
    close = get_close_matches(name.lower()[:60].replace(" ", "_"), free, 1)
    return f"unknown column {quoted(name)}" + (f" (did you mean {close[0]}?)" if close else "")


def _missing(found: Sequence[str | None], columns: Columns) -> list[str]:
    texts = [f"missing column {column}" for column in columns.required if column not in found]
    if columns.one_of and not any(column in found for column in columns.one_of):
        texts.append(f"missing column {' or '.join(columns.one_of)}")
    return texts


def _doubled(found: Sequence[str | None], columns: Columns) -> list[str]:
    counts = {column: found.count(column) for column in columns.all}
    return [f"column {column} stands there {count} times" for column, count in counts.items() if count > 1]
