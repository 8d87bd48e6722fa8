"""Edges of apertures and detectors: areas, normalisation, and sets of wave vectors."""

import numpy as np
import pytest

from stackmotif.imaging import Microscope
from stackmotif.imaging.engines import detect, detector_weights
from stackmotif.imaging.engines.edges import disc, whole_pixels
from stackmotif.imaging.engines.optics import aperture
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.specimen import make_specimen
from stackmotif.imaging.transmission import exact_transmission
from stackmotif.structures import build

SCOPE = Microscope.preset("stem-300kV").with_(source_fwhm_A=0.0)
EDGES_A = (9.7, 14.3)


def grid_of(k_points=(1, 1), repeats=(1, 1), extent_A=EDGES_A):
    return Grid(
        repeats=(*repeats, 4),
        gpts=(216 * repeats[0], 312 * repeats[1]),
        extent_A=(extent_A[0] * repeats[0], extent_A[1] * repeats[1]),
        slices_per_period=2,
        period_A=2.8,
        k_points=k_points,
    )


@pytest.mark.parametrize("k_points", [(1, 1), (2, 1), (3, 4)])
@pytest.mark.parametrize("radius_mrad", [3.0, 20.0, 31.4])
def test_whole_pixels_have_the_area_of_the_disc(k_points, radius_mrad):
    grid = grid_of(k_points)
    area = np.pi * (1e-3 * radius_mrad / SCOPE.wavelength_A) ** 2 / np.prod(grid.k_step_per_A)
    sets = [whole_pixels(one, SCOPE.wavelength_A, radius_mrad) for one in grid.k_sets]
    assert sum(one.sum() for one in sets) == pytest.approx(area, rel=1e-9)
    values = np.unique(np.concatenate([one.ravel() for one in sets]))
    assert len(values) <= 3
    assert {0.0, 1.0} <= set(values.tolist())


def test_whole_pixels_are_the_nearest_ones():
    grid = grid_of((2, 2))
    for one in grid.k_sets:
        kx, ky = one.k_per_A
        k = np.hypot(kx[:, None], ky)
        share = whole_pixels(one, SCOPE.wavelength_A, 20.0)
        assert k[share == 1].max() < k[share < 1].min() + 1e-9


def test_a_shared_disc_has_its_area_to_first_order():
    grid = grid_of((3, 3))
    area = np.pi * (0.010 / SCOPE.wavelength_A) ** 2 / np.prod(grid.k_step_per_A)
    found = sum(disc(one, SCOPE.wavelength_A, 10.0).sum() for one in grid.k_sets)
    assert found == pytest.approx(area, rel=2e-3)


def test_the_probe_has_unit_intensity_in_the_mean_over_the_sets():
    sums = [
        (np.abs(aperture(one, SCOPE, edges="area")) ** 2).sum() for one in grid_of((2, 3)).k_sets
    ]
    assert np.mean(sums) == pytest.approx(1.0, abs=1e-12)
    assert np.ptp(sums) > 1e-4


def test_in_vacuum_bright_and_annular_bright_field_see_the_whole_beam():
    grid = grid_of((2, 2))
    empty = np.ones((1, *grid.gpts), dtype=np.complex64)
    found = np.mean(
        [
            detect(
                empty,
                np.array([[1.0, 2.0]]),
                grid=one,
                microscope=SCOPE,
                exit_slices=[1],
                weights=detector_weights(one, SCOPE, edges="area"),
            )
            for one in grid.k_sets
        ],
        axis=0,
    )
    haadf, adf, abf, bf = found[0, :, 0]
    assert max(haadf, adf) < 1e-12
    assert abf + bf == pytest.approx(1.0, abs=1e-5)
    assert bf == pytest.approx(0.25, abs=2e-3)


def test_sets_of_a_small_cell_are_the_wave_vectors_of_a_large_one():
    """Exactly: a cell twice as wide and high, of four copies, has the same waves in four sets."""
    plan = make_plan(
        build("|R0|", lattice="O1-NiO2"), microscope=SCOPE, thickness_A=12.0, phonons=0, k_sets=True
    )
    small = plan.grid
    assert len(small.k_sets) == 4
    large = Grid(
        repeats=(2 * small.repeats[0], 2 * small.repeats[1], small.repeats[2]),
        gpts=(2 * small.gpts[0], 2 * small.gpts[1]),
        extent_A=(2 * small.extent_A[0], 2 * small.extent_A[1]),
        slices_per_period=small.slices_per_period,
        period_A=small.period_A,
    )
    points = np.random.default_rng(1).random((6, 2)) * small.extent_A
    means = []
    for grid in (small, large):
        slices = exact_transmission(make_specimen(plan.cell, grid), microscope=SCOPE)
        found = [
            detect(
                slices,
                points,
                grid=one,
                microscope=SCOPE,
                exit_slices=[small.slices_per_period * 4],
                weights=detector_weights(one, SCOPE, edges="area"),
            )
            for one in grid.k_sets
        ]
        means.append(np.mean(found, axis=0))
    np.testing.assert_allclose(means[0], means[1], rtol=5e-5)
