"""How often a run saves its notebook: so that a killed run shows each cell that ended and the one that was at work."""

import json

import nbformat
import pytest
from job_office import JobOffice

from notebooks.runner.run_files import RunFiles


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: it is about the notebook."""
    return sqlite_url


@pytest.fixture
def saved(db, record_url, tmp_path, monkeypatch):
    """Runs a notebook of these cells; gives the states of it that were saved, each as a list of its code cells."""
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    states, save = [], RunFiles.save

    def keep(files, text):
        states.append([_told(cell) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"])
        save(files, text)

    def run(*cells):
        office.write(*cells)
        notebook = nbformat.read(tmp_path / "small.ipynb", 4)
        # Text between the cells, and at the end.
        text = [nbformat.v4.new_markdown_cell("More of it") for _ in notebook.cells]
        notebook.cells = [cell for pair in zip(notebook.cells, text, strict=True) for cell in pair]
        nbformat.write(notebook, tmp_path / "small.ipynb")
        monkeypatch.setattr(RunFiles, "save", keep)
        return office.run().outcome, states

    return run


def _told(cell):
    return cell["metadata"]["papermill"]["status"], "".join("".join(part.get("text", "")) for part in cell["outputs"])


def test_what_a_cell_put_out_is_saved_before_the_next_one_begins_and_each_is_seen_at_work(saved):
    outcome, states = saved("print('one')", "print('two')")
    *_, one, two = zip(*states, strict=True)
    assert outcome == "done"
    assert list(dict.fromkeys(one)) == [("pending", ""), ("running", ""), ("completed", "one\n")]
    assert list(dict.fromkeys(two)) == [("pending", ""), ("running", ""), ("completed", "two\n")]
    assert (("completed", "one\n"), ("running", "")) in zip(one, two, strict=True)


def test_nothing_is_saved_for_text_or_twice(saved):
    _, states = saved("print('one')", "print('two')")
    # The beginning; two cells of parameters and these two; the ends of the last one, of the notebook, and what papermill
    # writes after that; the verdict.
    assert len(states) == 1 + 4 + 3 + 1


def test_a_failed_cell_is_saved_with_what_it_had_put_out(saved):
    outcome, states = saved("print('one'); raise ValueError('no')", "print('two')")
    assert outcome == "failed"
    assert [told for told in states[-1] if told[1]] == [("failed", "one\n")]
