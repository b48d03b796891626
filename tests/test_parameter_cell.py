"""The parameters cell: names, types, defaults, choices and meanings, read without running it; what cannot be is named."""

import json
from typing import Literal

import pytest

from notebooks.parameters import cell as parameter_cell
from notebooks.parameters.cell import REQUIRED, CellRefused, Parameter, read_cell
from store import places

NOTEBOOKS = sorted((places.ROOT / "notebooks").glob("*.ipynb"))


def test_a_line_gives_name_type_default_and_meaning():
    assert read_cell('zone: str = "Asia/Kolkata"  # where the times are meant\n') == (
        Parameter("zone", str, "Asia/Kolkata", "where the times are meant"),
    )


@pytest.mark.parametrize(
    ("line", "kind", "default"),
    [
        ("days: int = -3", int, -3),
        ("limit: int | None = None", int | None, None),
        ("score: float = 7.5", float, 7.5),
        ("score: float | None = 8", float | None, 8),
        ("dry_run: bool = True", bool, True),
        ("batch: str = ...", str, REQUIRED),
        ('mode: Literal["a", "b"] = "a"', Literal["a", "b"], "a"),
    ],
)
def test_every_type_is_read(line, kind, default):
    [parameter] = read_cell(line)
    assert (parameter.kind, parameter.default) == (kind, default)
    assert parameter.is_required is (default is REQUIRED)


def test_a_hash_or_an_equals_sign_inside_a_text_is_a_part_of_it():
    [parameter] = read_cell('link: str = "https://x/?a=1#top"  # has both')
    assert (parameter.default, parameter.meaning) == ("https://x/?a=1#top", "has both")


def test_a_text_over_several_lines_keeps_its_meaning():
    [parameter] = read_cell('note: str = (\n    "one "\n    "two"\n)  # what to say')
    assert (parameter.default, parameter.meaning) == ("one two", "what to say")


def test_choices_may_be_told_in_the_meaning():
    [parameter] = read_cell('stop_after: str = "tls"  # how far to go; one of: connect, tls, send')
    assert parameter.kind == Literal["connect", "tls", "send"]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ('batch_csv: str = ""', (True, True)),
        ("key_file: str | None = None", (True, True)),
        ('save_path: str = "x"', (True, True)),
        ('runs_folder: str = ""', (False, True)),
        ('work_dir: str = ""', (False, True)),
        ('canary: str = ""', (False, False)),
        ("most_csv: int = 3", (False, False)),
    ],
)
def test_a_text_is_a_path_by_the_end_of_its_name(line, kinds):
    [parameter] = read_cell(line)
    assert (parameter.is_file, parameter.is_path) == kinds


def test_comments_empty_lines_and_the_import_of_literal_are_no_parameters():
    assert read_cell("# what to book\n\nfrom typing import Literal\n") == ()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("days: int = 1\nlimit = 3", "line 2: is no parameter"),
        ("days: int = 1\n\nprint(days)", "line 3: is no parameter"),
        ("days: int", "line 1: is no parameter"),
        ("days: int = 1 +", "line 1: is no Python"),
        ("when: date = 3", "line 1: the type date is not known"),
        ("both: str | int = 3", "line 1: the type str | int is not known"),
        ("days: int = 60 * 60", "line 1: the default is computed"),
        ("days: int = True", "line 1: the default of days is not a whole number"),
        ('mode: Literal["a"] = "b"', "line 1: the default of mode is not one of 'a'"),
        ('mode: str = "c"  # one of: a, b', "line 1: the default of mode is not one of 'a', 'b'"),
        ("days: int = 1\ndays: int = 2", "line 2: gives days a second time"),
        ("score: float = 1e999", "line 1: the default of score is not a number"),
        ('note: str = "\\ud800"', "line 1: the default of note is not a text"),
        ("days: int = {[]: 1}", "line 1: the default is computed"),
        ("days: Literal[{[]: 1}] = 1", "line 1: the type Literal[{[]: 1}] is not known"),
        ("days: int = 1\0", "line 1: is no Python"),
        ('api_key: str = ""', "line 1: api_key looks like a secret"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_with_its_line(source, said):
    with pytest.raises(CellRefused) as refused:
        read_cell(source, "notebooks/x.ipynb")
    assert f"Parameters cell of notebooks/x.ipynb, {said}" in str(refused.value)
    assert refused.value.fix


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_tells_its_title_its_purpose_and_what_each_parameter_means(path):
    sheet = parameter_cell.read_notebook(path)
    assert sheet.title
    assert sheet.purpose
    assert [parameter.name for parameter in sheet.parameters if not parameter.meaning] == []
    assert not [parameter for parameter in sheet.parameters if parameter.is_required]


def test_a_file_that_is_no_notebook_is_told(tmp_path):
    of_other_kind = {"nbformat": 4, "cells": [{"cell_type": "x", "metadata": {}, "source": ""}]}
    older = json.dumps({"nbformat": 3, "cells": []})
    for number, text in enumerate(("", "[]", '{"cells": 3}', "{", "[" * 100_000, older, json.dumps(of_other_kind))):
        (tmp_path / f"{number}.ipynb").write_text(text)
        with pytest.raises(CellRefused, match=f"{number}.ipynb cannot be read as a notebook"):
            parameter_cell.read_notebook(tmp_path / f"{number}.ipynb")


def test_two_parameters_cells_are_refused(tmp_path):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "a: int = 1"}
    (tmp_path / "two.ipynb").write_text(json.dumps({"nbformat": 4, "cells": [cell, cell]}))
    with pytest.raises(CellRefused, match="2 cells tagged parameters"):
        parameter_cell.read_notebook(tmp_path / "two.ipynb")
