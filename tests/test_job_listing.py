"""What the command tells of runs, from rows alone."""

from dataclasses import replace

import pytest
from test_alerts import ROW

from notebooks import job_listing

LOOK = "open its notebook runs/booking_batch/x.ipynb: the cell that failed says what is wrong."


def history(row):
    return job_listing.history([row], "here").splitlines()[1:]


@pytest.mark.parametrize("message", ["Two rows are refused.\nmore", "\n  \nTwo rows are refused.\nmore"])
def test_below_a_run_stands_the_first_line_that_says_anything(message):
    assert history(replace(ROW, message=message))[1:] == ["      Two rows are refused.", f"      To fix: {LOOK}"]


def test_below_a_run_whose_first_line_says_no_fix_stands_the_first_that_there_is():
    row = replace(ROW, message="Two rows failed.\nRow 7: no such slot. To fix: book another.")
    assert history(row)[1:] == ["      Two rows failed.", "      To fix: book another."]


def test_whether_a_run_only_looked_stands_first_and_what_it_did_beside_it():
    row = replace(
        ROW, message="", counts={"booked": 200}, parameters={"allow": False, "batch_csv": "", "dry_run": False}
    )
    head, line = job_listing.history([row], "here").splitlines()[:2]
    assert line.endswith("dry_run=false allow=false")
    assert line[head.index("COUNTS") :].startswith("booked 200 ")


def test_a_run_without_words_is_one_line_whatever_it_was_given():
    row = replace(ROW, outcome="done", message="", parameters={"note": "a\nb\x1b[31m"})
    [line] = history(row)
    assert "note='a\\nb\\x1b[31m'" in line


def test_a_run_that_was_killed_says_what_to_do_once():
    assert history(replace(ROW, outcome="died", message=""))[1:] == [
        "      It was killed, or its machine went down. To fix: run it again; what is done is not done twice."
    ]


def test_a_record_without_runs_is_named_for_it_may_be_the_wrong_one():
    assert job_listing.history([], "var/interveiws.db") == (
        "No run is recorded in var/interveiws.db. To fix: if jobs have run here before, correct DATABASE_URL."
    )
    assert (
        job_listing.history([], "var/interviews.db", is_chosen=True) == "No such run is recorded in var/interviews.db."
    )
