"""What can be the id of a row on both engines."""

import pytest

from store.ids import is_id


@pytest.mark.parametrize(("value", "answer"), [
    (1, True), (2**63 - 1, True), (0, False), (-1, False), (2**63, False), (True, False), ("1", False), (1.0, False),
    (None, False),
])  # fmt: skip
def test_an_id_is_a_positive_whole_number_that_both_engines_hold(value, answer):
    assert is_id(value) is answer
