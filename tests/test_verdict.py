"""The verdict on a run: from its error and from which cells ran."""

import pytest
from papermill.exceptions import PapermillExecutionError

from notebooks.runner.verdict import judge


def code(source="1", count=None, *tags):
    return {"cell_type": "code", "source": source, "execution_count": count, "metadata": {"tags": list(tags)}}


def judged(*cells, error=None):
    verdict = judge({"cells": list(cells)}, error, "", "", "")
    return verdict.outcome, verdict.message


def test_a_notebook_all_of_whose_cells_ran_is_done():
    text = {"cell_type": "markdown", "source": "x", "metadata": {}}
    assert judged(text, code("1", 1), code(""), code("2", 2)) == ("done", "")


def test_a_cell_that_was_left_out_fails_the_run_unless_it_was_meant_to_be():
    outcome, message = judged(code("1", 1), code("2"))
    assert (outcome, "cell 2 did not run" in message) == ("failed", True)
    assert judged(code("1", 1), code("2", None, "skip-execution"))[0] == "done"


@pytest.mark.parametrize(
    ("name", "value", "outcome", "message"),
    [
        ("JobFailed", "Two rows failed.", "failed", "Two rows failed."),
        ("SettingsWrong", "days is no number.", "wrong_settings", "days is no number."),
        ("ValueError", "no such row", "failed", "ValueError: no such row"),
        ("AssertionError", "", "failed", "AssertionError"),
    ],
)
def test_a_failed_step_is_told_in_its_own_words_and_any_other_error_with_its_kind(name, value, outcome, message):
    error = PapermillExecutionError(1, 1, "x", name, value, [])
    assert judged(code("1", 1), error=error) == (outcome, message)
