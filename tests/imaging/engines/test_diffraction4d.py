"""Diffraction patterns: axes, cuts and bins, against the detectors' own sums."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines import centre_of_mass, detect, diffraction4d
from stackmotif.imaging.microscope import Detector, Microscope

SCOPE = Microscope(300e3, 15.0, (Detector("ADF", 20, 45),))
POINTS = np.array([[3.0, 4.0], [10.0, 2.0], [17.3, 20.1]])
EXITS = [2, 4]


def patterns(slices, grid, **changes):
    settings = {"max_angle_mrad": 50.0, "exit_slices": EXITS, **changes}
    return diffraction4d(slices, POINTS, grid=grid, microscope=SCOPE, **settings)


def test_patterns_hold_the_whole_beam_and_its_mean_angle(wide_slices, wide_grid):
    found = patterns(wide_slices, wide_grid)
    everything = np.ones((1, *wide_grid.gpts), dtype=np.float32)
    weights = np.concatenate([everything, centre_of_mass(wide_grid, SCOPE.wavelength_A)])
    total, x_mrad, y_mrad = np.moveaxis(
        detect(
            wide_slices,
            POINTS,
            grid=wide_grid,
            microscope=SCOPE,
            exit_slices=EXITS,
            weights=weights,
        ),
        1,
        0,
    )
    assert found.intensity.dtype == np.float32
    np.testing.assert_allclose(found.intensity.sum(axis=(2, 3)), total, rtol=5e-3)
    np.testing.assert_allclose((found.intensity * found.x_mrad).sum(axis=(2, 3)), x_mrad, atol=0.05)
    np.testing.assert_allclose(
        (found.intensity * found.y_mrad[:, None]).sum(axis=(2, 3)), y_mrad, atol=0.05
    )
    assert np.abs(x_mrad).max() > 0.5
    assert np.abs(y_mrad).max() > 0.5


def test_bins_are_sums_of_pixels_with_zero_in_the_middle(wide_slices, wide_grid):
    fine = patterns(wide_slices, wide_grid)
    coarse = patterns(wide_slices, wide_grid, bin_pixels=3, batch=2)
    middle = [axis // 2 for axis in coarse.intensity.shape[-2:]]
    assert coarse.y_mrad[middle[0]] == pytest.approx(0.0, abs=1e-9)
    assert coarse.x_mrad[middle[1]] == pytest.approx(0.0, abs=1e-9)
    assert np.diff(coarse.x_mrad) == pytest.approx(3 * np.diff(fine.x_mrad)[0])
    assert coarse.x_mrad.max() + 1.5 * np.diff(fine.x_mrad)[0] <= 50.0 + np.diff(fine.x_mrad)[0]
    y, x = (axis // 2 for axis in fine.intensity.shape[-2:])
    block = fine.intensity[..., y - 1 : y + 2, x - 1 : x + 2].sum(axis=(2, 3))
    np.testing.assert_allclose(coarse.intensity[..., middle[0], middle[1]], block, rtol=1e-5)


def test_a_tilted_beam_moves_nothing_but_a_pull_to_the_right_is_to_the_right(wide_grid):
    """A potential that rises to the right attracts the electrons to the right."""
    x = np.arange(wide_grid.gpts[0]) * wide_grid.sampling_A[0]
    slope = np.broadcast_to(
        (30.0 * -np.cos(2 * np.pi * x / wide_grid.extent_A[0]))[:, None], wide_grid.gpts
    )
    slices = slope[None].astype(np.float32)
    points = np.array([[wide_grid.extent_A[0] / 4, 5.0], [wide_grid.extent_A[0] * 3 / 4, 5.0]])
    found = diffraction4d(
        slices,
        points,
        grid=wide_grid,
        microscope=SCOPE,
        exit_slices=[4],
        max_angle_mrad=40.0,
    )
    right, left = (found.intensity[0] * found.x_mrad).sum(axis=(1, 2))
    assert right > 0.05
    assert left == pytest.approx(-right, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bin_pixels": 2}, "binning is 2 pixels; expected an odd number"),
        ({"max_angle_mrad": 500.0}, "band limit"),
        ({"max_angle_mrad": 1.0, "bin_pixels": 9}, "half a bin"),
        ({"exit_slices": [3, 2]}, "exit planes"),
    ],
)
def test_patterns_that_do_not_exist_are_refused(wide_slices, wide_grid, changes, message):
    with pytest.raises(SimulationError, match=message):
        patterns(wide_slices, wide_grid, **changes)
