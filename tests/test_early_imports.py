"""A run's kernel imports what its notebook takes of the toolkit while papermill comes up, and nothing else changes."""

import json

import nbformat

from notebooks import jobs
from notebooks.runner import early_imports
from notebooks.runner.kernel_process import import_early


def written(tmp_path, *cells):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, tmp_path / "any.ipynb")
    return tmp_path / "any.ipynb"


def test_imports_of_the_toolkit_are_found_and_no_others(tmp_path):
    path = written(tmp_path, "import antigravity\nimport store.times", "from notebooks import plots, tables\nx = 1")
    found = json.loads(early_imports.of_notebook(path))
    assert found == [["store.times", []], ["notebooks", ["plots", "tables"]]]


def test_imports_that_may_never_happen_are_left_to_their_cell(tmp_path):
    path = written(
        tmp_path, "if False:\n    import store.times", "%matplotlib inline\nimport mailer", "from . import store"
    )
    assert json.loads(early_imports.of_notebook(path)) == []


def test_each_notebook_of_the_toolkit_is_imported_for():
    for name in jobs.names():
        found = json.loads(early_imports.of_notebook(jobs.FOLDER / f"{name}.ipynb"))
        assert ["notebooks.opened_run", ["open_run"]] in found or name == "start_here"


def test_module_with_a_fault_is_told_by_its_cell_only(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MPLBACKEND", "agg")
    import_early(json.dumps([["notebooks.of_that_name_is_none", []]]))
    assert capfd.readouterr() == ("", "")


def test_kernel_has_the_modules_before_its_first_cell(office):
    cells = ["import sys\nprint('store.sample' in sys.modules, 'INTERVIEW_OPS_EARLY_IMPORTS' in __import__('os').environ)",
             "from store import sample"]  # fmt: skip
    result = office.run_cells(*cells)
    assert "True False" in result.files.notebook.read_text(encoding="utf-8")
