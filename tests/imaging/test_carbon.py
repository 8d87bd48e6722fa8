"""Amorphous carbon: density, distances, and the potential that follows from them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from stackmotif.errors import SimulationError
from stackmotif.imaging.carbon import (
    CARBON_G_CM3,
    MIN_DISTANCE_A,
    CarbonLayers,
    between_carbon,
    carbon_positions,
    carbon_slices,
)
from stackmotif.imaging.engines.optics import interaction_per_V_A
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

EXTENT_A = (22.0, 27.0)
SCOPE = Microscope.preset("stem-300kV")
GRID = Grid((1, 1, 1), (220, 270), EXTENT_A, 2, 2.9)


def test_density_is_the_one_asked_for():
    atoms = carbon_positions(EXTENT_A, 50.0, density_g_cm3=2.0, rng=1)
    grams = len(atoms) * 12.011 * 1.66053907e-24
    assert grams / (22 * 27 * 50 * 1e-24) == pytest.approx(2.0, rel=1e-3)


def test_no_two_atoms_are_too_close_also_across_the_edges():
    atoms = carbon_positions(EXTENT_A, 40.0, rng=2)
    shifts = np.array([[x, y, 0.0] for x in (-22, 0, 22) for y in (-27, 0, 27)])
    images = (atoms[None] + shifts[:, None]).reshape(-1, 3)
    nearest = cKDTree(images).query(atoms, k=2)[0][:, 1]
    assert nearest.min() >= MIN_DISTANCE_A
    assert np.median(nearest) < 1.3 * MIN_DISTANCE_A


def test_atoms_fill_the_box_evenly():
    atoms = carbon_positions(EXTENT_A, 60.0, rng=3)
    assert (atoms >= 0).all()
    assert (atoms <= [22, 27, 60]).all()
    for axis, edge in enumerate((22, 27, 60)):
        parts = np.histogram(atoms[:, axis], bins=6, range=(0, edge))[0]
        assert np.abs(parts / parts.mean() - 1).max() < 0.12


def test_a_seed_gives_one_layer():
    first, again, other = (carbon_positions(EXTENT_A, 20.0, rng=rng) for rng in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert first.shape == other.shape
    assert np.abs(first - other).max() > 1


def test_too_dense_layers_are_refused():
    with pytest.raises(SimulationError, match="cannot be filled"):
        carbon_positions(EXTENT_A, 20.0, min_distance_A=2.6)
    with pytest.raises(SimulationError, match="cannot be filled"):
        carbon_positions(EXTENT_A, 0.0)


def test_mean_potential_is_near_the_measured_inner_potential():
    """9.09 V was measured at 1.75 g/cm³; free atoms give more, since binding contracts them."""
    slices = carbon_slices(GRID, 43.5, rng=6)
    assert slices.shape == (30, 220, 270)
    assert slices.dtype == np.float32
    volts = float(slices.mean(dtype=np.float64)) / GRID.slice_A
    assert 9.09 < volts < 9.09 * 1.25


def test_potential_is_proportional_to_the_density():
    light, dense = (
        carbon_slices(GRID, 20.0, density_g_cm3=density, rng=7).mean(dtype=np.float64)
        for density in (1.0, 2.0)
    )
    assert dense / light == pytest.approx(2.0, rel=5e-3)


def test_thickness_is_rounded_to_whole_slices():
    assert len(carbon_slices(GRID, 0.0)) == 0
    assert len(carbon_slices(GRID, 0.5)) == 1
    assert len(carbon_slices(GRID, 10 * 1.45)) == 10


def test_layers_go_around_the_crystal():
    crystal = np.arange(2, dtype=np.float32)[:, None, None] * np.ones((1, *GRID.gpts), np.float32)
    layers = CarbonLayers(before_A=4.35, after_A=2.9)
    stack, exits = between_carbon(crystal, [6], grid=GRID, layers=layers, microscope=SCOPE, rng=8)
    assert exits == [len(stack)] == [3 + 6 + 2]
    np.testing.assert_array_equal(stack[3:9, 0, 0], [0, 1, 0, 1, 0, 1])
    assert np.abs(stack[:2] - stack[-2:]).max() > 1


def test_a_series_may_have_carbon_before_it_alone():
    crystal = np.zeros((2, *GRID.gpts), np.float32)
    before = CarbonLayers(before_A=4.35)
    settings = {"grid": GRID, "microscope": SCOPE, "rng": 8}
    stack, exits = between_carbon(crystal, [2, 6], layers=before, **settings)
    assert (len(stack), exits) == (9, [5, 9])
    with pytest.raises(SimulationError, match="expected one, or carbon before"):
        between_carbon(crystal, [2, 6], layers=CarbonLayers(after_A=5.0), **settings)


def test_carbon_is_what_its_crystal_is():
    """Transmission functions go with transmission functions, made of the same potential."""
    crystal = np.ones((2, *GRID.gpts), np.complex64)
    layers = CarbonLayers(before_A=4.35)
    waves, _ = between_carbon(crystal, [2], grid=GRID, layers=layers, microscope=SCOPE, rng=8)
    volts, _ = between_carbon(crystal.real, [2], grid=GRID, layers=layers, microscope=SCOPE, rng=8)
    phase = interaction_per_V_A(SCOPE) * volts[:3]
    assert waves.dtype == np.complex64
    assert np.abs(np.angle(waves[:3]) - phase).mean() < 0.1 * phase.mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"before_A": -1.0}, "before_A is -1.0 Å"),
        ({"after_A": float("nan")}, "after_A"),
        ({"density_g_cm3": 20.0}, "20.0 g/cm³"),
    ],
)
def test_impossible_layers_are_refused(settings, message):
    with pytest.raises(SimulationError, match=message):
        CarbonLayers(**settings)


def test_no_carbon_is_false():
    assert not CarbonLayers()
    assert CarbonLayers(after_A=10.0, density_g_cm3=CARBON_G_CM3)
