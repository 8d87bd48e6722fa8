"""Supercell, slices and wave grid."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.grids import band_limit_mrad, choose_grid, fast_gpts, sampling_for
from stackmotif.structures import build
from stackmotif.structures.orientation import orient, translations_A


def grid_of(word, lattice, *, preset="adf-300kV", **kw):
    cell = orient(build(word, lattice=lattice))
    settings = {"thickness_A": 80.0, **kw}
    return cell, choose_grid(cell, translations_A(cell), Microscope.preset(preset), **settings)


def is_smooth(number):
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


@pytest.mark.parametrize("word", ["|R+[Li]|", "|R0|", "|R+ R- L- L+|", "R+3 R02 R+3 R."])
@pytest.mark.parametrize("preset", ["adf-300kV", "adf-200kV"])
def test_grids_are_smooth_wide_enough_and_carry_the_detectors(word, preset):
    _, grid = grid_of(word, "LiNiO2:0.5", preset=preset)
    scope = Microscope.preset(preset)
    assert all(is_smooth(count) for count in grid.gpts)
    assert min(grid.extent_A) >= 19.0
    assert band_limit_mrad(max(grid.sampling_A), scope.wavelength_A) >= scope.outer_mrad
    assert max(grid.sampling_A) > 0.7 * sampling_for(scope)


def test_equivalent_columns_fall_on_equivalent_grid_points():
    cell, grid = grid_of("|R+[Li]|", "LiNiO2:1")
    points = cell.positions_A[cell.symbols == "Ni"][:, :2] / np.array(grid.sampling_A)
    np.testing.assert_allclose((points - points[0] + 0.5) % 1, 0.5, atol=1e-6)


def test_one_atomic_plane_lies_in_the_middle_of_each_slice():
    _, grid = grid_of("|R+[Li]|", "LiNiO2:1", thickness_A=20.0)
    assert grid.slices_per_period == 2
    assert grid.n_slices == 14
    assert grid.thickness_A == pytest.approx(7 * 2.859)


def test_low_angles_take_the_coarse_grid():
    scope = Microscope(300e3, 20.0, (Detector("BF", 0, 10),))
    assert sampling_for(scope) == 0.06


def test_a_detector_beyond_the_band_limit_is_refused_with_the_number():
    with pytest.raises(SimulationError, match=r"150 mrad, beyond the band limit of 8\d\.\d mrad"):
        grid_of("|R0|", "O1-NiO2", sampling_A=0.08)


@pytest.mark.parametrize("thickness", [0.0, -5.0, float("nan"), 1e5])
def test_impossible_thicknesses_are_refused(thickness):
    with pytest.raises(SimulationError, match="thickness is"):
        grid_of("|R0|", "O1-NiO2", thickness_A=thickness)


def test_band_limit_formula():
    assert band_limit_mrad(0.04, 0.019687) == pytest.approx(164.06, abs=0.01)


@pytest.mark.parametrize("extent_A", [(14.6, 19.1), (24.05, 22.36), (26.8, 28.66), (9.7, 47.0)])
@pytest.mark.parametrize("step_A", [0.0349, 0.06])
@pytest.mark.parametrize("multiples", [(1, 1), (6, 9), (7, 5)])
def test_fast_grids_are_fine_smooth_even_and_multiples(extent_A, step_A, multiples):
    gpts = fast_gpts(extent_A, step_A, multiples_of=multiples)
    for count, edge, base in zip(gpts, extent_A, multiples, strict=True):
        assert edge / count <= step_A + 1e-12
        assert count % 2 == count % base == 0
        assert is_smooth(count)
        assert count < 1.45 * edge / step_A


def test_rows_of_a_fast_grid_are_odd_numbers_of_cache_lines_where_that_is_near():
    assert fast_gpts((14.6, 19.1), 0.0349) == (420, 600)
    assert 600 // 8 % 2 == 1
