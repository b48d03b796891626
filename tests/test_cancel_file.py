"""The file of whose interviews to cancel: what its header may hold, and what a row names."""

from datetime import UTC, datetime

import booking_desk
import pytest

from store import cancel_file
from store.cancel_file import Named
from store.errors import FileRefused
from store.ledger import job_identity
from store.requests import RowFault
from store.settings import Settings

NURSE = job_identity("Acme", "Nurse")
WHOLE = "candidate_email,job_title,company_name,slot_date,start_time,timezone\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "cancel.csv"
        path.write_text(text, encoding="utf-8")
        return cancel_file.read(path, Settings())

    return read


def test_an_address_alone_names_whatever_is_ahead_of_the_candidate(read):
    assert read("Candidate Email\nAsha@example.com\n") == [Named(2, None, "Asha@example.com", "asha@example.com")]


def test_a_row_with_its_job_names_one_interview_and_a_blank_round_is_the_first(read):
    head = "candidate_email,job_title,company_name,round\n"
    first, second = read(head + "a@example.com,Nurse,Acme,\na@example.com,Nurse,Acme,2\n")
    assert (first.job, first.round, first.starts_at) == (NURSE, 1, None)
    assert (second.job, second.round, second.line) == (NURSE, 2, 3)


def test_a_candidates_file_that_was_booked_is_read_as_it_is(read, tmp_path, request_of, tomorrow):
    booking_desk.write_file(tmp_path / "cancel.csv", [request_of()])
    [row] = cancel_file.read(tmp_path / "cancel.csv", Settings())
    assert row == Named(2, None, "asha@example.com", "asha@example.com", NURSE, 1, tomorrow)


def test_a_time_is_that_of_the_rows_zone_and_without_one_that_of_the_settings(read):
    rows = read(WHOLE + "a@example.com,Nurse,Acme,2099-01-05,09:00,Europe/Berlin\n" * 2)
    assert rows[0].starts_at == datetime(2099, 1, 5, 8, tzinfo=UTC)
    [row] = read(WHOLE + "a@example.com,Nurse,Acme,2099-01-05,09:00,\n")
    assert row.starts_at == datetime(2099, 1, 5, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("candidate_email,job_title", "company_name"),
        ("candidate_email,round", "job_title and company_name"),
        ("candidate_email,slot_date,start_time", "job_title and company_name"),
        ("candidate_email,job_title,company_name,slot_date", "start_time"),
    ],
)
def test_a_header_that_names_an_interview_only_by_half_is_refused(read, header, missing):
    with pytest.raises(FileRefused, match=f"lacks {missing}\\.") as refused:
        read(f"{header}\n{','.join('x' for _ in header.split(','))}\n")
    assert "candidate_email as the only column" in refused.value.fix


def test_a_file_of_questions_is_told_from_one_of_candidates(read):
    with pytest.raises(FileRefused, match="is a questions file"):
        read("job_title,company_name,position,question\nNurse,Acme,1,Why?\n")


def test_every_fault_of_a_row_is_told_and_the_other_rows_are_read(read):
    fault, row = read(WHOLE + "nobody,,Acme,2099-01-05,25:00,\na@example.com,Nurse,Acme,2099-01-05,09:00,\n")
    assert isinstance(fault, RowFault)
    assert (fault.line, fault.column) == (2, "candidate_email")
    assert all(f"{column}: " in fault.message for column in ("candidate_email", "job_title", "start_time"))
    assert row.address == "a@example.com"


def test_a_time_that_the_clocks_skip_is_a_fault(read):
    [fault] = read(WHOLE + "a@example.com,Nurse,Acme,2027-03-28,02:30,Europe/Berlin\n")
    assert (fault.code, fault.column) == ("time_skipped", "start_time")


def test_a_file_that_is_too_long_is_refused_with_the_line(read, monkeypatch):
    monkeypatch.setattr(cancel_file, "ROWS", 2)
    with pytest.raises(FileRefused, match="more than 2 rows") as refused:
        read("candidate_email\n" + "a@example.com\n" * 3)
    assert (refused.value.place, refused.value.fix) == ("line 4", "split the file.")
