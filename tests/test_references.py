"""The executed references: they are of the notebooks as they are, hold nothing private, and are compared by what they say.

Their cells are run again by reference_checks.py.
"""

import json
import re

import pytest
from make_references import prepared, with_values
from nbformat import NotebookNode, from_dict
from nbval.plugin import IPyNbCell, NbCellError
from reference_checks import CONFIGURATION, ComparedNotebook, patterns, read, settled
from reference_rooms import FOLDER, REFERENCES

from notebooks.runner.artefact_check import ArtefactCheck
from store import places

STALE = "To fix: run `make references`, and look at the difference."
TABLE = '<table style="color: red"><tr><td>sent</td><td>2026-11-28 09:00 AM IST</td></tr></table>'


def shown(markup: str) -> list[NotebookNode]:
    """The outputs of a cell that shows this."""
    return [from_dict({"output_type": "execute_result", "data": {"text/html": markup}, "metadata": {}})]


@pytest.fixture
def is_alike(request):
    """Whether a table passes for TABLE."""
    notebook = ComparedNotebook.from_parent(request.session, path=FOLDER / "review.ipynb")
    cell = next(iter(notebook.collect()))
    return lambda markup: cell.compare_outputs(shown(markup), shown(TABLE))


def test_every_notebook_has_a_reference_and_every_reference_is_kept():
    notebooks = {path.stem for path in (places.ROOT / "notebooks").glob("*.ipynb")}
    assert {reference.notebook for reference in REFERENCES.values()} == notebooks
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(REFERENCES)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_has_the_cells_of_its_notebook_but_for_values_of_parameters(name):
    cells, wanted = read(name).cells, prepared(REFERENCES[name]).cells
    assert [(cell.id, cell.source) for cell in cells] == [(cell.id, cell.source) for cell in wanted], STALE


def test_other_values_leave_types_and_comments_as_they_are():
    source = 'days: int = 30  # how far\nname: str = "a # b"  # of whom'
    changed = 'days: int = 7  # how far\nname: str = "c"  # of whom'
    assert with_values(source, {"days": 7, "name": "c", "log_file": "x"}) == changed


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_was_run_to_its_end_and_is_written_as_it_is_compared(name):
    cells = read(name).cells
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    texts = [text for output in outputs for text in (output.get("text"), *output.get("data", {}).values())]
    assert [text for text in texts if settled(text) != text] == [], STALE
    # Whatever tells the day on which it was made is another tomorrow; what the references book lies in 2099.
    assert [text for text in texts if re.search(r"20[2-8]\d-?[01]\d-?[0-3]\d", str(text))] == []


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_holds_no_key_no_path_of_a_machine_and_no_address_of_a_person(name):
    path = FOLDER / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert ArtefactCheck({}).hits(path) == []
    assert re.findall(r'(?<![\w.:/])/(?:home|root|tmp|work|Users|var|private)\b[^\s"]*', text) == []
    domains = set(re.findall(r"[\w+-]@([\w-]+(?:\.[\w-]+)+)", text))
    assert {domain for domain in domains if not re.search(r"(?:^|\.)example(?:\.(?:com|org|net))?$", domain)} == set()


@pytest.mark.parametrize("name", REFERENCES)
def test_addresses_of_candidates_are_masked_in_a_reference(name):
    outputs = json.dumps([cell.outputs for cell in read(name).cells])
    booked = re.findall(r"[\w.]+@example\.\w+", (FOLDER / "five.csv").read_text(encoding="utf-8"))
    assert len(booked) == 4
    assert [address for address in booked if address in outputs] == []


def test_cells_after_one_that_broke_off_are_left_out_and_after_one_that_differs_they_are_not(request, monkeypatch):
    notebook = ComparedNotebook.from_parent(request.session, path=FOLDER / "review.ipynb")
    ran = []

    def runs(cell):
        ran.append(cell.cell_num)
        cell.test_outputs = [from_dict({"output_type": "error" if cell.cell_num == 1 else "stream"})]
        if cell.cell_num < 2:
            raise NbCellError(cell.cell_num, "Cell outputs differ", "", "")

    monkeypatch.setattr(IPyNbCell, "runtest", runs)
    first, second, third, *_ = notebook.collect()
    for cell in (first, second):
        with pytest.raises(NbCellError):
            cell.runtest()
    with pytest.raises(pytest.skip.Exception, match="Cell 1 did not come to its end"):
        third.runtest()
    assert ran == [0, 1]


def test_another_word_in_a_table_is_a_difference(is_alike):
    assert is_alike(TABLE)
    assert not is_alike(TABLE.replace("sent", "queued"))


def test_another_look_or_another_day_is_no_difference(is_alike):
    assert is_alike(TABLE.replace("color: red", "color: blue").replace("<tr>", '<tr class="new">'))
    assert is_alike(TABLE.replace("2026-11-28 09:00 AM", "2027-01-02 11:30 PM"))


def test_a_booked_time_is_compared(is_alike):
    later = TABLE.replace("2026-11-28", "2099-01-05")
    assert settled(later) != settled(later.replace("09:00", "09:30"))


def test_every_expression_has_its_replacement():
    lines = CONFIGURATION.read_text(encoding="utf-8").splitlines()
    assert len(patterns()) == sum(line.startswith("regex:") for line in lines)
    assert len(patterns()) == sum(line.startswith("replace:") for line in lines)
