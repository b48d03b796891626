"""The file that gives jobs their questions: read, planned and loaded as a whole. Its bytes are read by `csv_file`.

The columns are job_title, company_name, position, question, kind (text, audio or video; blank is text) and
time_limit_seconds (blank is none). The settings CANDIDATES_FILE_BYTES and CANDIDATES_ROW_CHARS limit this file too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from store import database, events, questions, times
from store.cells import (
    CellRefused,
    Faults,
    needed_line,
    needed_lines,
    require,
    row_fault,
    whole_number,
    width_fault,
)
from store.csv_file import Columns, CsvFile, OtherKind
from store.database import Database
from store.errors import FileRefused
from store.ledger import JobEntry, find_jobs, job_identity
from store.plain_text import quoted
from store.questions import KINDS, Question
from store.requests import NAME_LENGTH, RowFault
from store.settings import Settings
from store.writer import add_jobs

COLUMNS = ("job_title", "company_name", "position", "question", "kind", "time_limit_seconds")
QUESTION_LENGTH = 2_000
"""Characters, after cleaning."""
SHORTEST_LIMIT, LONGEST_LIMIT = 10, 3_600
"""Seconds."""
ROWS = 20_000
"""Of a file, which is held in memory."""
NEW, UNCHANGED, REPLACE = "new", "unchanged", "replace"

_CANDIDATES = OtherKind("candidates file", ("candidate_email", "slot_date"), "booking_batch")
_COLUMNS = Columns(
    required=COLUMNS[:4], one_of=(), optional=COLUMNS[4:], unread=(), row_for="question", kind="questions file",
    other=_CANDIDATES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobQuestions:
    """One job's questions in the order of their positions; title and company as the file's first row wrote them."""

    job_title: str
    company_name: str
    questions: tuple[Question, ...]

    @property
    def identity(self) -> str:
        """What bookings know the job by."""
        return job_identity(self.company_name, self.job_title)


@dataclass(frozen=True, slots=True)
class QuestionsFile:
    """What a file says, its jobs in the order in which they come first; and every row that cannot be used.

    With faults the jobs hold only what could be read, and nothing of the file is loaded.
    """

    name: str
    sha256: str
    jobs: tuple[JobQuestions, ...]
    faults: tuple[RowFault, ...]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What loading does to a job's questions: new, unchanged or replace, and how many there are before and after."""

    job_title: str
    company_name: str
    action: str
    before: int
    after: int


def read(path: Path | str, settings: Settings) -> QuestionsFile:
    """The whole file. Raises FileRefused, with line and column, for one that cannot be read as a table."""
    rows = _Rows()
    with CsvFile(path, _COLUMNS, settings) as file:
        for line, cells in file:
            if file.rows > ROWS:
                text = f"The file has more than {ROWS:,} rows."
                raise FileRefused("too_many_rows", text, "split the file by jobs.", f"line {line}")
            rows.add(line, cells, file.header)
        sha256 = file.sha256
    return QuestionsFile(file.path.name, sha256, rows.jobs(), tuple(rows.faults))


class _Rows:
    """The rows of one file, job by job."""

    def __init__(self) -> None:
        self.faults: list[RowFault] = []
        self._names: dict[str, tuple[str, str]] = {}
        self._questions: dict[str, dict[int, Question]] = {}
        self._lines: dict[tuple[str, int], int] = {}

    def add(self, line: int, cells: Sequence[str], header: dict[str, int]) -> None:
        fault = width_fault(line, cells, header)
        if fault:
            self.faults.append(fault)
            return
        values, faults = _read_cells({column: cells[place].strip() for column, place in header.items()})
        place = self._place(values)
        if place in self._lines:
            text = f"The position {place[1]} of this job is on line {self._lines[place]} already."
            faults.append(("position", CellRefused("position_twice", text, "give each question of a job its own.")))
        elif place:
            self._lines[place] = line
        if faults:
            self.faults.append(row_fault(line, faults, COLUMNS))
        else:
            self._keep(place, values)

    @staticmethod
    def _place(values: dict[str, Any]) -> tuple[str, int] | None:
        """Job and position of a row, as far as they can be read."""
        if not {"job_title", "company_name", "position"} <= values.keys():
            return None
        return job_identity(values["company_name"], values["job_title"]), values["position"]

    def _keep(self, place: tuple[str, int], values: dict[str, Any]) -> None:
        identity, position = place
        self._names.setdefault(identity, (values["job_title"], values["company_name"]))
        question = Question(values["question"], values["kind"], values["time_limit_seconds"])
        self._questions.setdefault(identity, {})[position] = question

    def jobs(self) -> tuple[JobQuestions, ...]:
        return tuple(
            JobQuestions(*self._names[identity], tuple(by_position[position] for position in sorted(by_position)))
            for identity, by_position in self._questions.items()
        )


def _read_cells(cells: dict[str, str]) -> tuple[dict[str, Any], Faults]:
    values, faults = {}, []
    for column, read_cell in _READERS.items():
        try:
            values[column] = read_cell(cells.get(column, ""))
        except CellRefused as refusal:
            faults.append((column, refusal))
    return values, faults


def _kind(text: str) -> str:
    kind = text.lower() or KINDS[0]
    if kind not in KINDS:
        fix = f"write {', '.join(KINDS[:-1])} or {KINDS[-1]}, or leave it blank for {KINDS[0]}."
        raise CellRefused("kind_unknown", f"The kind is {quoted(text)}.", fix)
    return kind


_read_position = whole_number(None, "position", "position_range", questions.MOST)


def _position(text: str) -> int:
    return _read_position(require(text))


_READERS = {
    "job_title": needed_line("job title", "job_title_too_long", NAME_LENGTH),
    "company_name": needed_line("company's name", "company_name_too_long", NAME_LENGTH),
    "position": _position,
    "question": needed_lines("question", "question_too_long", QUESTION_LENGTH),
    "kind": _kind,
    "time_limit_seconds": whole_number(
        None, "time limit in seconds", "time_limit_range", LONGEST_LIMIT, SHORTEST_LIMIT
    ),
}


def plan(db: Database, file: QuestionsFile) -> list[JobPlan]:
    """What `load` would do, job by job; nothing for a file with faults. Writes nothing."""
    if file.faults:
        return []
    known = find_jobs(db, [job.identity for job in file.jobs])
    return [_plan(db, known.get(job.identity), job) for job in file.jobs]


def _plan(db: Database, entry: JobEntry | None, job: JobQuestions) -> JobPlan:
    before = questions.of_job(db, entry.id) if entry else ()
    action = (UNCHANGED if before == job.questions else REPLACE) if before else NEW
    title, company = (entry.title, entry.company) if entry else (job.job_title, job.company_name)
    return JobPlan(title, company, action, len(before), len(job.questions))


def load(db: Database, file: QuestionsFile, now: datetime) -> list[JobPlan]:
    """Gives every job of the file exactly the file's questions, in one transaction; gives what was done.

    Jobs that the record does not know are created; those whose questions are the same already are left alone, and so
    are interviews that have begun. Raises FileRefused (rows_faulty) for a file with faults; nothing is written then.
    """
    if file.faults:
        raise _faulty(file.faults)
    at, plans = times.epoch(now), []
    with database.writing(db):
        known = find_jobs(db, [job.identity for job in file.jobs])
        new = [
            JobEntry(None, job.identity, job.job_title, job.company_name)
            for job in file.jobs
            if job.identity not in known
        ]
        add_jobs(db, new, at)
        known |= {entry.identity: entry for entry in new}
        for job in file.jobs:
            entry = known[job.identity]
            done = _plan(db, entry, job)
            if done.action != UNCHANGED:
                questions.replace(db, entry.id, job.questions)
                data = {"job": entry.id, "before": done.before, "after": done.after, "source": file.name}
                events.record(db, "questions_loaded", at=at, **data, sha256=file.sha256)
            plans.append(done)
    return plans


def _faulty(faults: Sequence[RowFault]) -> FileRefused:
    first, count = faults[0], len(faults)
    which = f"{count} rows cannot be used, the first" if count > 1 else "One row cannot be used, that"
    column = f", column {first.column}" if first.column else ""
    text = f"{which} on line {first.line}: {first.message}"
    return FileRefused("rows_faulty", text, "correct every faulty row; nothing is loaded until then.",
                       f"line {first.line}{column}")  # fmt: skip
