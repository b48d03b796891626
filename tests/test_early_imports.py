"""A run's kernel imports what its notebook takes of the toolkit while papermill comes up, and nothing else changes."""

import json

import job_office
import nbformat
import pytest
from job_office import JobOffice

from notebooks import jobs
from notebooks.runner import early_imports
from notebooks.runner.kernel_process import import_early


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: it is about the kernel."""
    return sqlite_url


def written(tmp_path, *cells):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, tmp_path / "any.ipynb")
    return tmp_path / "any.ipynb"


def test_imports_of_the_toolkit_are_found_and_no_others(tmp_path):
    cells = "days: int = 3  # any\nimport antigravity\nimport store.times", "from notebooks import plots, tables\nx = 1"
    found = json.loads(early_imports.of_notebook(written(tmp_path, *cells)))
    assert found == [["store.times", []], ["notebooks", ["plots", "tables"]]]


@pytest.mark.parametrize(
    "first",
    [
        "%matplotlib inline",
        "import os; os.environ['A'] = 'b'",
        "x = open('y')",
        "if True: pass",
        "def f(): pass",
        "1 +",
        pytest.param("x = " + "-" * 8_000 + "1", id="too deep for the parser"),
    ],
)
def test_what_may_depend_on_what_cells_do_is_left_to_its_cell(tmp_path, first):
    path = written(tmp_path, first, "import store.times")
    assert json.loads(early_imports.of_notebook(path)) == []


@pytest.mark.parametrize("name", jobs.names())
def test_notebook_of_the_toolkit_is_imported_for(name):
    found = json.loads(early_imports.of_notebook(jobs.FOLDER / f"{name}.ipynb"))
    assert found
    for module, names in found:
        assert module.startswith(("notebooks", "store", "mailer"))
        __import__(module, fromlist=names)


@pytest.mark.parametrize("fault", ["raise ValueError", "raise SystemExit(3)", "1 +", "import of_that_name_is_none"])
def test_module_with_a_fault_is_told_by_its_cell_only(tmp_path, monkeypatch, capfd, fault):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "with_a_fault.py").write_text(fault)
    import_early(json.dumps([["with_a_fault", []]]))
    assert capfd.readouterr() == ("", "")


def test_kernel_has_the_modules_before_its_first_cell(db, sqlite_url, tmp_path, monkeypatch):
    office = JobOffice.here(tmp_path, db, sqlite_url, monkeypatch)
    office.write(
        "import os, sys\nfrom store import sample\nknown = list(sys.modules)\n"
        f"print(known.index('store.sample') < known.index('ipykernel.kernelapp'), {early_imports.VARIABLE!r} in os.environ)"
    )
    assert job_office.outputs(office.run().files.notebook) == "True False\n"
