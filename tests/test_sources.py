"""What the sources must not hold: what an interpreter in use gets wrong, and in notebooks what only a run leaves."""

import re
import shutil
import subprocess

import nbformat
import pytest
from conftest import need

from store import places

_POSSESSIVE_GROUP = re.compile(r"\)[*+?]\+")
NOTEBOOKS = sorted((places.ROOT / "notebooks").glob("*.ipynb"))
REFERENCES = sorted((places.ROOT / "tests" / "references").glob("*.ipynb"))
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def test_no_expression_repeats_a_group_possessively():
    """CPython before 3.11.5, Debian 12's among them, matches such groups wrongly (gh-106052)."""
    sources = [path for name in ("store", "mailer", "notebooks") for path in (places.ROOT / name).rglob("*.py")]
    found = [path.name for path in sources if _POSSESSIVE_GROUP.search(path.read_text(encoding="utf-8"))]
    assert len(sources) > 50
    assert found == []


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def source(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


def test_a_notebook_is_kept_without_outputs_and_counts(source):
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


def test_a_notebook_holds_nothing_of_the_machine_or_the_program_that_it_was_edited_with(source):
    assert source.metadata == KERNEL
    assert (source.nbformat, source.nbformat_minor) == (4, 5)


def test_cells_of_a_notebook_are_tagged_only_where_the_parameters_are(source):
    tagged = [cell.metadata for cell in source.cells if cell.metadata]
    assert tagged in ([], [{"tags": ["parameters"]}])


def test_cells_of_a_notebook_are_numbered_so_that_a_difference_shows_only_what_changed(source):
    """An id that an editor makes is new whenever the notebook is made anew."""
    assert [cell.id for cell in source.cells] == [f"c{number:02}" for number in range(len(source.cells))]
    nbformat.validate(source)


def test_the_linter_looks_at_every_notebook():
    ruff = shutil.which("ruff", path=str(places.ROOT / ".venv" / "bin")) or shutil.which("ruff")
    need(ruff, "ruff is not installed")
    done = subprocess.run(
        [ruff, "check", "--show-files", str(places.ROOT)], capture_output=True, text=True, timeout=60, check=True
    )
    assert {str(path) for path in NOTEBOOKS + REFERENCES} <= set(done.stdout.split())
