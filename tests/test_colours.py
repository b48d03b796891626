"""Colours of marks and lettering: how far they stand out on light and dark grounds, and from each other."""

import itertools
import math

import page_contrast
import pytest
from page_contrast import DARK, DARK_STRIPE, LIGHT_STRIPE, WHITE, contrast

from notebooks import colours, history_plots, plot_style, review_plots, verification_steps
from notebooks import plots as batch_plots
from notebooks.history_tables import COLOURS

# Machado, Oliveira, Fernandes (2009), severity 1: what is left of linear red, green and blue.
_SEEN = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
_XYZ = ((0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0178, 0.1095, 0.8727))
"""From linear sRGB, each row divided by the white point D65."""


def times(matrix, vector):
    return [sum(factor * part for factor, part in zip(row, vector, strict=True)) for row in matrix]


def lab(colour, eye):
    """The colour in CIELAB as an eye sees it that lacks some cones."""
    linear = [page_contrast.linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5)]
    seen = [min(1.0, max(0.0, part)) for part in times(_SEEN[eye], linear)]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in times(_XYZ, seen))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("ground", [WHITE, LIGHT_STRIPE, DARK, DARK_STRIPE])
def test_marks_stand_out_on_every_ground(ground):
    assert {mark: contrast(mark, ground) for mark in colours.MARKS if contrast(mark, ground) < 3} == {}


@pytest.mark.parametrize("ink", [plot_style.INK, plot_style.FAINT_INK])
def test_lettering_of_plots_can_be_read_on_white(ink):
    assert contrast(ink, WHITE) >= 4.5


@pytest.mark.parametrize("eye", _SEEN)
def test_marks_are_told_apart_by_every_eye(eye):
    # 10 is a difference that is seen at a glance (CIE 1976).
    near = [(one, other) for one, other in itertools.combinations(colours.MARKS, 2)
            if math.dist(lab(one, eye), lab(other, eye)) < 10]  # fmt: skip
    assert near == []


def test_every_table_and_plot_draws_its_marks_in_these_colours():
    used = {*COLOURS.values(), *verification_steps.COLOURS.values(), *batch_plots._COLOURS.values(),
            *(colour for colour, _ in review_plots._NEEDS)}  # fmt: skip
    assert used <= set(colours.MARKS)
    assert set(history_plots._MARKS) <= set(COLOURS)
