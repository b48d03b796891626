"""What the command tells of runs, from rows alone."""

from dataclasses import replace

import pytest
from test_alerts import ROW

from notebooks import job_listing


@pytest.mark.parametrize("message", ["Two rows are refused.\nmore", "\n  \nTwo rows are refused.\nmore"])
def test_below_a_run_stands_the_first_line_that_says_anything(message):
    assert job_listing.history([replace(ROW, message=message)]).splitlines()[2:] == ["      Two rows are refused."]


def test_below_a_run_whose_first_line_says_no_fix_stands_the_first_that_there_is():
    row = replace(ROW, message="Two rows failed.\nRow 7: no such slot. To fix: book another.")
    assert job_listing.history([row]).splitlines()[2:] == ["      Two rows failed.", "      To fix: book another."]


def test_whether_a_run_only_looked_stands_first_and_what_it_did_beside_it():
    row = replace(
        ROW, message="", counts={"booked": 200}, parameters={"allow": False, "batch_csv": "", "dry_run": False}
    )
    [head, line] = job_listing.history([row]).splitlines()
    assert line.endswith("dry_run=false allow=false")
    assert line[head.index("COUNTS") :].startswith("booked 200 ")


def test_a_run_without_words_is_one_line_whatever_it_was_given():
    row = replace(ROW, message="", parameters={"note": "a\nb\x1b[31m"})
    [_, line] = job_listing.history([row]).splitlines()
    assert "note='a\\nb\\x1b[31m'" in line
