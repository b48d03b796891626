"""A CSV file of any columns; how bytes, quotes and separators are read, the tests of the candidates file hold."""

from dataclasses import replace

import pytest

from store import candidates_file, questions_file
from store.csv_file import Columns, CsvFile, OtherKind
from store.errors import FileRefused
from store.settings import Settings

FRUIT = Columns(required=("fruit_name",), one_of=(), optional=("price",), unread=("remark",), row_for="fruit")


@pytest.fixture
def read(tmp_path):
    def read(text, columns=FRUIT):
        path = tmp_path / "fruit.csv"
        path.write_text(text, encoding="utf-8", newline="")
        with CsvFile(path, columns, Settings()) as file:
            return dict(file.header), list(file)

    return read


def test_a_file_is_read_under_its_own_columns(read):
    assert read("Fruit Name;REMARK;price\nfig;;3\n") == (
        {"fruit_name": 0, "remark": 1, "price": 2}, [(2, ["fig", "", "3"])]
    )  # fmt: skip


def test_a_refused_header_tells_the_columns_of_this_kind_of_file(read):
    with pytest.raises(FileRefused) as caught:
        read("price,frut_name,slot_date\n1,fig,1\n")
    assert str(caught.value) == (
        "The header on line 1: unknown column 'frut_name' (did you mean fruit_name?); unknown column 'slot_date';"
        " missing column fruit_name."
    )
    assert caught.value.fix.startswith("the columns are fruit_name, price;")


def test_a_file_without_rows_says_what_a_row_is_for(read):
    with pytest.raises(FileRefused) as caught:
        read("fruit_name\n")
    assert str(caught.value) == "The file 'fruit.csv' has a header but no rows."
    assert caught.value.fix == "add a row for each fruit."


@pytest.mark.parametrize(("text", "told"), [
    ("", "The file 'fruit.csv' is empty."), ("\n,\n", "The file 'fruit.csv' is empty."),
    ("1,2\n", "Line 1 of the file 'fruit.csv' names no known column."),
])  # fmt: skip
def test_a_file_that_is_none_is_told_by_its_name(read, text, told):
    with pytest.raises(FileRefused) as caught:
        read(text)
    assert str(caught.value) == told


@pytest.mark.parametrize("header", ["Row,metal", "metal,row,price"])
def test_a_file_of_another_kind_is_told_as_such(read, header):
    kinds = replace(FRUIT, kind="fruit file", other=OtherKind("mining file", ("metal", "row"), "dig"))
    with pytest.raises(FileRefused) as caught:
        read(f"{header}\n1,2\n", kinds)
    assert (caught.value.code, str(caught.value)) == (
        "other_file",
        "The file 'fruit.csv' is a mining file, not a fruit file.",
    )
    assert caught.value.fix == "give it to notebooks/dig.ipynb, and a fruit file here."


def test_a_file_of_this_kind_with_a_column_too_many_is_not_taken_for_another(read):
    kinds = replace(FRUIT, other=OtherKind("mining file", ("metal", "row"), "dig"))
    with pytest.raises(FileRefused, match="unknown column 'metal'; unknown column 'row'"):
        read("fruit_name,metal,row\nfig,2,3\n", kinds)


def test_each_of_the_two_kinds_knows_the_other_by_columns_that_it_must_have():
    for own, other in (
        (candidates_file._COLUMNS, questions_file._COLUMNS),
        (questions_file._COLUMNS, candidates_file._COLUMNS),
    ):
        assert own.other.kind == other.kind
        assert set(own.other.signs) <= set(other.required)
        assert not set(own.other.signs) & set(own.all)


def test_one_of_several_columns_is_enough(read):
    weighed = Columns(required=(), one_of=("grams", "pounds"), optional=(), unread=(), row_for="parcel")
    assert read("pounds\n3\n", weighed)[1] == [(2, ["3"])]
    with pytest.raises(FileRefused, match="missing column grams or pounds"):
        read("size\n3\n", replace(weighed, optional=("size",)))
