"""What a run counted is read from its notebook, and whatever else its cells put out is passed over."""

import json

import pytest

from notebooks import counts


@pytest.fixture
def read(tmp_path):
    def read(*outputs):
        path = tmp_path / "run.ipynb"
        path.write_text(json.dumps({"cells": [{"source": ""}, {"outputs": outputs}]}), encoding="utf-8")
        return counts.read(path)

    return read


def told(value):
    return {"output_type": "display_data", "data": {counts.MEDIA_TYPE: value}}


def test_a_later_count_of_a_name_takes_the_place_of_an_earlier_one(read):
    assert read(told({"rows": 1, "mails": 2.5}), told({"rows": 3})) == {"rows": 3, "mails": 2.5}


@pytest.mark.parametrize(
    "odd", [[1, 2], "rows 3", 7, None, {"a": "1", "b": True, "c": None, "d": [1], "e": float("nan")}]
)
def test_what_is_no_number_with_a_name_counts_nothing(read, odd):
    assert read(told(odd), told({"rows": 3})) == {"rows": 3}


@pytest.mark.parametrize(
    "odd", [{"output_type": "stream", "text": "x"}, {"data": None}, {"data": ["a"]}, {"data": "a"}]
)
def test_an_output_without_data_by_name_counts_nothing(read, odd):
    assert read(odd, told({"rows": 3})) == {"rows": 3}


def test_a_notebook_that_is_not_there_counts_nothing(tmp_path):
    assert counts.read(tmp_path / "none.ipynb") == {}


def test_a_number_of_any_size_is_a_count(read):
    assert read(told({"rows": 10**400})) == {"rows": 10**400}
