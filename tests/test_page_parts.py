"""A page is made of every notebook: what cannot be converted has a note in its place, and the rest is shown."""

import nbformat
import pytest

from notebooks import counts
from notebooks.runner import page, page_parts


def output(**data):
    """An output that nbformat reads and writes, but would not make."""
    kinds = {"svg": "image/svg+xml", "html": "text/html", "markdown": "text/markdown", "counts": counts.MEDIA_TYPE}
    about = {"output_type": "display_data", "metadata": {}}
    return nbformat.from_dict({**about, "data": {kinds[kind]: value for kind, value in data.items()}})


@pytest.fixture
def written(tmp_path):
    """The page of a notebook of these cells, given as what they put out, or as Markdown."""

    def written(*cells):
        notebook = nbformat.v4.new_notebook()
        for cell in cells:
            is_text = isinstance(cell, str)
            notebook.cells.append(
                nbformat.v4.new_markdown_cell(cell) if is_text else nbformat.v4.new_code_cell("work()")
            )
            if not is_text:
                notebook.cells[-1].outputs = cell
        path = tmp_path / "run.ipynb"
        path.write_text(nbformat.writes(notebook), "utf-8", "backslashreplace")
        page.write(path, tmp_path / "run.html")
        return (tmp_path / "run.html").read_text(encoding="utf-8")

    return written


def test_an_output_that_is_no_text_is_named_and_the_others_are_shown(written):
    shown = written("# Title", [output(html="<b>first</b>"), output(svg=5), output(html="<b>third</b>")])
    assert "Output 2 of cell 2 cannot be shown on this page (AttributeError); the notebook has it." in shown
    assert shown.count("cannot be shown") == 1
    assert "<b>first</b>" in shown
    assert "<b>third</b>" in shown
    assert "work" in shown


def test_a_picture_that_was_to_come_with_a_cell_and_did_not_is_named(written):
    shown = written("![x](attachment:none.png)", [output(markdown="![x](attachment:none.png)"), output(html="fine")])
    assert "The source of cell 1 cannot be shown on this page (InvalidNotebook)" in shown
    assert "Output 1 of cell 2 cannot be shown" in shown
    assert "fine" in shown


def test_half_of_a_pair_of_surrogates_is_written_out(written):
    assert "a\\ud800b" in written([output(html="a\ud800b")])


@pytest.mark.filterwarnings("error:Your element with mimetype")
@pytest.mark.parametrize("odd", [{"rows": 3}, [1], "text", 7])
def test_what_is_told_to_the_runner_alone_is_not_looked_at_whatever_it_is(written, odd):
    shown = written([output(counts=odd)])
    assert "jp-OutputArea-output" not in shown.partition("<body")[2]
    assert "cannot be shown" not in shown


def test_many_faults_take_a_bounded_number_of_looks():
    outputs = [output(svg=5) for _ in range(4000)]
    looks = []

    def convert(cells):
        looks.append(cells)
        for cell in cells:
            for one in cell.outputs:
                one.get("text") or one.data["image/svg+xml"].encode()
        return cells

    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = outputs
    [noted] = page_parts.converted([cell], convert)
    assert len(looks) < 100
    assert {one.output_type for one in noted.outputs} == {"stream"}


def test_what_no_part_is_to_blame_for_is_told():
    def convert(cells):
        raise ValueError("no template")

    with pytest.raises(ValueError, match="no template"):
        page_parts.converted([nbformat.v4.new_code_cell("1")], convert)
