"""How every notebook begins: title, purpose, what it changes, how to undo it, how to run it, in that order and truly."""

import re
import shlex

import pytest

from notebooks import jobs
from notebooks.lab import words

HEADINGS = ("What it changes", "How to undo it", "How to run it")
WORDS = 60
"""The table in start_here.ipynb shows what is changed; more than this is not read."""


@pytest.fixture(params=jobs.names())
def sheet(request):
    return jobs.sheet(request.param)


def test_a_notebook_begins_with_title_purpose_and_the_three_headings_in_order(sheet):
    assert sheet.title
    found = re.findall(r"^\*\*([^*]+?)\.\*\* ", sheet.purpose, re.MULTILINE)
    assert found == list(HEADINGS)
    assert not sheet.purpose.startswith("**")
    assert all(words.part(sheet, name) for name in HEADINGS)


def test_what_it_changes_is_told_in_a_few_words(sheet):
    assert len(words.part(sheet, "What it changes").split()) <= WORDS


def test_the_command_that_it_names_is_one_that_the_runner_takes(sheet):
    for command in re.findall(r"`python -m notebooks run ([^`]+)`", sheet.purpose):
        name, *texts = shlex.split(command)
        assert name == sheet.name
        assert jobs.job(name, texts).name == name


def test_a_notebook_that_can_be_run_as_a_job_says_how_in_all_three_ways(sheet):
    if sheet.name != "start_here":
        told = words.part(sheet, "How to run it")
        assert all(word in told for word in ("`start_here.ipynb`", "*Run All Cells*", f"run {sheet.name}"))


def test_notebooks_that_a_notebook_names_are_there(sheet):
    assert set(re.findall(r"`(\w+)\.ipynb`", sheet.purpose)) <= set(jobs.names())
