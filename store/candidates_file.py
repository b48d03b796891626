"""The candidates file: its columns, and its records with their lines. What a record's cells mean is in `candidate_rows`."""

from pathlib import Path

from store.csv_file import Columns, CsvFile, OtherKind
from store.settings import Settings

REQUIRED = ("candidate_name", "candidate_email", "job_title", "company_name", "slot_date", "start_time")
ENDS = ("end_time", "duration_minutes")
OPTIONAL = ("timezone", "capacity", "round", "booking_notes", "reference", "candidate_timezone")
UNREAD = ("expected_outcome",)
"""Kept as a note beside the row, not read."""

QUESTIONS = OtherKind("questions file", ("position", "question"), "load_questions")
"""What is given for a file of candidates by mistake."""
_COLUMNS = Columns(
    required=REQUIRED, one_of=ENDS, optional=OPTIONAL, unread=UNREAD, row_for="interview", kind="candidates file",
    other=QUESTIONS,
)  # fmt: skip
COLUMNS = _COLUMNS.all


class CandidatesFile(CsvFile):
    """One candidates file; a refusal may come at any record, so nothing may be booked before the last one is read."""

    def __init__(self, path: str | Path, settings: Settings):
        super().__init__(path, _COLUMNS, settings)
