"""Cells of any file: what is blank, too long or no number, and one fault for a row with several."""

import pytest

from store import cells
from store.cells import CellRefused


def refusal(read, text):
    with pytest.raises(CellRefused) as caught:
        read(text)
    return caught.value


def test_a_needed_cell_is_not_blank_not_even_by_invisible_signs():
    for read in (cells.needed_line("name", "long", 5), cells.needed_lines("name", "long", 5)):
        assert refusal(read, "").code == refusal(read, "\u200b \n").code == "value_missing"


def test_a_text_is_measured_after_cleaning():
    read = cells.needed_line("name", "name_too_long", 5)
    assert read(" a\n\u200b b ") == "a b"
    refused = refusal(read, "123456")
    assert (refused.code, "5 characters" in refused.fix) == ("name_too_long", True)


def test_lines_are_kept_only_where_they_are_wanted():
    assert cells.needed_lines("x", "x", 9)("a\r\nb") == cells.lines_text("x", "x", 9)("a\r\nb") == "a\nb"
    assert cells.one_line_text("x", "x", 9)("a\r\nb") == "a b"
    assert cells.one_line_text("x", "x", 9)("") == cells.lines_text("x", "x", 9)("") == ""


@pytest.mark.parametrize("text", ["9", "21", "010x", "+10", "1e1", "\u0661\u0660", "0000000010"])
def test_a_number_is_whole_in_digits_and_within_its_bounds(text):
    read = cells.whole_number(None, "limit", "limit_range", 20, least=10)
    assert (read("10"), read("20"), read("")) == (10, 20, None)
    assert "from 10 to 20" in refusal(read, text).fix


def test_a_row_with_several_faults_is_one_fault_at_its_first_column():
    faults = [("b", CellRefused("two", "Two.", "mend b.")), ("a", CellRefused("one", "One.", "mend a."))]
    fault = cells.row_fault(7, faults, ("a", "b"))
    assert (fault.line, fault.column, fault.code) == (7, "a", "one")
    assert (fault.message, fault.fix) == ("a: One. b: Two.", "a: mend a. b: mend b.")
    assert cells.row_fault(7, faults[:1], ("a", "b")).message == "Two."


def test_only_blank_cells_may_stand_behind_the_last_column():
    header = {"a": 0, "b": 1}
    assert cells.width_fault(3, ["1", "2", "", " "], header) is None
    assert [cells.width_fault(3, row, header).code for row in (["1"], ["1", "2", "3"])] == ["row_cells"] * 2
