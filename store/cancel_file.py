"""The file of whose interviews to cancel, row by row. What the record knows of them is `cancel_batches`' matter.

Mail addresses alone name every interview ahead of their candidates. With job_title and company_name (and round, where
blank is 1, as in booking) a row names one interview; with slot_date and start_time it does so only while that is the
time it is booked for. A candidates file that was booked has all of these, so it can be given as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from store import addresses, candidates_file, times
from store.addresses import AddressRefused
from store.candidate_rows import READERS
from store.cells import CellRefused, Faults, row_fault, width_fault
from store.csv_file import Columns, CsvFile
from store.errors import FileRefused, TimeRefused
from store.ledger import job_identity
from store.plain_text import quoted
from store.requests import RowFault
from store.settings import Settings

ROWS = 100_000
"""Of a file, which is held in memory."""
_WHO, _WHICH, _WHEN = (
    ("candidate_email",),
    ("job_title", "company_name", "round"),
    ("slot_date", "start_time", "timezone"),
)
_NEEDED = {_WHICH: _WHICH[:2], _WHEN: _WHEN[:2]}
"""What the header must have where it has any column of that group."""
_COLUMNS = Columns(
    required=_WHO, one_of=(), optional=(*_WHICH, *_WHEN),
    unread=tuple(name for name in candidates_file.COLUMNS if name not in (*_WHO, *_WHICH, *_WHEN)),
    row_for="candidate", kind="candidates file", other=candidates_file.QUESTIONS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """What a row or a code names: one interview by its id, or a candidate by the address.

    `job` is a job's identity; empty for every interview that is ahead of the candidate. `starts_at` (UTC) is the time
    that the row expects, None for any. `line` is 0 without a file.
    """

    line: int = 0
    interview_id: int | None = None
    email: str = ""
    address: str = ""
    job: str = ""
    round: int = 1
    starts_at: datetime | None = None


def read(path: Path | str, settings: Settings) -> list[Named | RowFault]:
    """What each row names, or everything that is wrong with it. Raises FileRefused for what is no such file."""
    rows = []
    with CsvFile(path, _COLUMNS, settings) as file:
        reader = _Reader(file.header, quoted(file.path.name), settings.interview_timezone)
        for line, cells in file:
            if file.rows > ROWS:
                text = f"The file has more than {ROWS:,} rows."
                raise FileRefused("too_many_rows", text, "split the file.", f"line {line}")
            rows.append(reader.named(line, cells))
    return rows


class _Reader:
    """Reads the rows under one header; `zone` is that of times whose row names none."""

    def __init__(self, header: Mapping[str, int], name: str, zone: str):
        self._header, self._zone = header, zone
        self._has_time = _has(header, _WHEN, name)
        # A time is that of one interview.
        self._has_job = _has(header, _WHICH, name, is_needed=self._has_time)
        self._columns = (*_WHO, *(_WHICH if self._has_job else ()), *(_WHEN if self._has_time else ()))

    def named(self, line: int, cells: Sequence[str]) -> Named | RowFault:
        if len(cells) != len(self._header) and (fault := width_fault(line, cells, self._header)):
            return fault
        values, faults = {}, []
        for column in self._columns:
            cell = cells[self._header[column]] if column in self._header else ""
            try:
                values[column] = READERS[column](cell.strip())
            except (CellRefused, AddressRefused) as refusal:
                faults.append((column, refusal))
        starts_at = self._start(values, faults)
        if faults:
            return row_fault(line, faults, _COLUMNS.all)
        email = values["candidate_email"]
        job = job_identity(values["company_name"], values["job_title"]) if self._has_job else ""
        return Named(line, None, email, addresses.identity(email), job, values.get("round", 1), starts_at)

    def _start(self, values: Mapping[str, object], faults: Faults) -> datetime | None:
        if not self._has_time or not values.keys() >= set(_WHEN):
            return None
        try:
            return times.instant(values["slot_date"], values["start_time"], values["timezone"] or self._zone)
        except TimeRefused as refusal:
            faults.append(("start_time", refusal))
            return None


def _has(header: Mapping[str, int], group: tuple[str, ...], name: str, is_needed: bool = False) -> bool:
    """Whether the header has the group's columns. Raises FileRefused if it has only some of those that are needed."""
    there = [column for column in group if column in header]
    missing = [column for column in _NEEDED[group] if column not in header]
    if not missing:
        return True
    if not (there or is_needed):
        return False
    fix = "add what is missing; or give candidate_email as the only column, for every interview ahead of a candidate."
    raise FileRefused("columns", f"The header of the file {name} lacks {' and '.join(missing)}.", fix)
