"""Strip cells against the closed forms of the crystallography table, d = 2.4855 Å, h = 4.73 Å."""

import itertools
from math import acos, degrees, hypot

import numpy as np
import pytest

from stackmotif.errors import WordError
from stackmotif.stacking import gap_walls, structural_unit
from stackmotif.stacking.strip_cells import (
    CELL_KINDS,
    UNITS,
    classify_strip_cells,
    tsu_triangle,
)

D, H = 2.4855, 4.73
SHIFT = {"+": 1 / 3, "0": 0.0, "-": -1 / 3}
PLAIN = {"0": "RECT", "+": "PARA+", "-": "PARA-"}


def name(s_left, s_right, w_top, w_bottom=1.0, **options):
    seen = classify_strip_cells(s_left, s_right, w_top, w_bottom, **{"sigma": 0.02, **options})
    return str(seen.kind[0]), float(seen.sigma[0])


@pytest.mark.parametrize(
    ("left", "right", "spacing_A", "kind"),
    [
        ("+", "+", 2.485, "PARA+"),
        ("-", "-", 2.485, "PARA-"),
        ("0", "0", 2.485, "RECT"),
        ("0", "+", 3.314, "ASU"),
        ("+", "-", 3.314, "TSU"),
        ("+", "0", 1.657, "other"),
        ("+", "-", 0.828, "other"),
        ("-", "+", 4.142, "wide-TSU"),
        ("0", "-", 4.142, "wide-ASU"),
        ("0", "0", 2.693, "other"),
    ],
)
def test_spacings_of_the_table(left, right, spacing_A, kind):
    s_left, s_right = SHIFT[left], SHIFT[right]
    if spacing_A == 2.693:  # a continuous wall of four columns: a quarter of a third per cell
        s_left, s_right = 1 / 12, 2 / 12
    found, sigma = name(s_left, s_right, spacing_A / D)
    assert found == kind
    assert sigma > 3 or kind == "other"


@pytest.mark.parametrize("wall", gap_walls(), ids=str)
def test_the_24_walls_of_one_gap_have_the_units_of_their_classes(wall):
    width = 1 + wall.jump_thirds / 3
    widths = (width, 1.0) if wall.row == "upper" else (1.0, width)
    expected = structural_unit(wall.wall_class)
    found, sigma = name(SHIFT[wall.left], SHIFT[wall.right], *widths)
    assert found == ("other" if expected == "none" else expected)
    assert sigma > 5


@pytest.mark.parametrize("state", "+0-")
def test_bulk_cells(state):
    assert name(SHIFT[state], SHIFT[state], 1.0)[0] == PLAIN[state]


def test_triangle_of_a_tsu_from_its_corners():
    """Columns of O3 on the left of the cut, O3' on the right: law of cosines, nothing assumed."""
    top = np.array([D / 3, D / 3 + 4 * D / 3])
    bottom = D * np.arange(3.0)
    apex = bottom[np.argmin(np.abs(bottom - top.mean()))]
    legs = [hypot(x - apex, H) for x in top]
    base = top[1] - top[0]
    angle = degrees(acos((legs[0] ** 2 + legs[1] ** 2 - base**2) / (2 * legs[0] * legs[1])))
    assert tsu_triangle(pitch_A=D, row_spacing_A=H) == pytest.approx((base, legs[0], angle))
    assert legs == pytest.approx([5.012, 5.012], abs=5e-4)
    assert angle == pytest.approx(38.6, abs=0.05)
    assert base == pytest.approx(3.314, abs=5e-4)
    assert np.abs(top - apex) == pytest.approx([2 * D / 3] * 2)


@pytest.mark.parametrize(
    ("s_left", "top", "bottom"), itertools.product((-1, 0, 1), (3, 4, 5), (3, 4, 5))
)
def test_four_images_of_a_cell(s_left, top, bottom):
    """Turned it is the same; mirrored sideways or upright all signs change; wrapping is nothing."""
    left, right, w_top, w_bottom = (v / 3 for v in (s_left, s_left + top - bottom, top, bottom))
    swap = {"PARA+": "PARA-", "PARA-": "PARA+"}
    found, sigma = name(left, right, w_top, w_bottom)
    assert name(right, left, w_bottom, w_top) == (found, pytest.approx(sigma))
    assert name(-right, -left, w_top, w_bottom) == (swap.get(found, found), pytest.approx(sigma))
    assert name(-left, -right, w_bottom, w_top) == (swap.get(found, found), pytest.approx(sigma))
    assert name(left - 1, right + 2, w_top, w_bottom) == (found, pytest.approx(sigma))


def places(rng, n, *, s_left, top, bottom, sigma):
    """Noisy columns of one cell as the four values."""
    x = np.array([s_left, s_left + top, 0.0, bottom]) + sigma * rng.standard_normal((n, 4))
    return x[:, 0] - x[:, 2], x[:, 1] - x[:, 3], x[:, 1] - x[:, 0], x[:, 3] - x[:, 2]


def test_sigma_is_the_distance_of_the_next_best_in_standard_deviations():
    """An ASU against the nearest continuous wall of two cells: (1/12, -1/12) of its cut pair."""
    sigma = 0.04
    clean = name(0, 1 / 3, 4 / 3, sigma=sigma)
    assert clean == ("ASU", pytest.approx(np.sqrt(2) / 12 / sigma))
    assert name(0, 1 / 3, 4 / 3, sigma=sigma / 2)[1] == pytest.approx(2 * clean[1])
    values = places(np.random.default_rng(3), 4000, s_left=0, top=4 / 3, bottom=1, sigma=sigma)
    seen = classify_strip_cells(*values, sigma=sigma)
    asu = seen.kind == "ASU"
    assert 0.86 < asu.mean() < 0.93  # one tail of half that distance, and the wall's place is free
    assert np.median(seen.sigma[asu]) == pytest.approx(clean[1], rel=0.08)


@pytest.mark.parametrize("cells", [2, 3, 4, 6])
def test_a_continuous_wall_is_hardly_ever_a_unit_at_three_sigma(cells):
    rng = np.random.default_rng(4)
    step = 1 / 3 / cells
    starts = np.linspace(0, 1 / 3 - step, 7)
    wrong = [
        (np.isin(seen.kind, UNITS) & (seen.sigma >= 3)).mean()
        for start in starts
        for seen in [
            classify_strip_cells(
                *places(rng, 3000, s_left=start, top=1 + step, bottom=1, sigma=0.04), sigma=0.04
            )
        ]
    ]
    assert max(wrong) < 0.005


def test_what_cannot_be_told_has_no_sigma():
    seen = classify_strip_cells(
        [0, np.nan, 0.5], [0, 0, 0.5], [1, 1, 1], [np.inf, 1, 1], sigma=0.02
    )
    assert seen.kind.tolist() == ["other"] * 3
    assert seen.sigma.tolist() == [0, 0, 0]
    assert set(seen.kind) <= set(CELL_KINDS)


def test_tolerance_bounds_what_strain_may_do():
    assert name(0.05, 0.05, 1.0, sigma=0.001, tolerance=0.02)[0] == "other"
    assert name(0.05, 0.05, 1.0, sigma=0.02, tolerance=0.08)[0] == "RECT"


def test_no_cells_are_no_error():
    assert classify_strip_cells([], [], [], [], sigma=0.1).kind.shape == (0,)


@pytest.mark.parametrize(
    "bad",
    [{"sigma": 0.0}, {"sigma": -1.0}, {"tolerance": 0.0}, {"sigma": [0.1, 0.2]}, {"sigma": "x"}],
)
def test_bad_arguments_are_refused(bad):
    with pytest.raises(WordError, match=r"strip cells|sigma"):
        classify_strip_cells([0] * 3, [0] * 3, [1] * 3, [1] * 3, **{"sigma": 0.1, **bad})


def test_a_triangle_needs_lengths():
    with pytest.raises(WordError, match="positive"):
        tsu_triangle(pitch_A=0, row_spacing_A=4.7)
