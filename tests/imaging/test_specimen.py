"""Slices and thermal displacements."""

import numpy as np

from stackmotif.imaging.grids import Grid
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures import build
from stackmotif.structures.orientation import orient


def o3(periods=3):
    cell = orient(build("|R+[Li]|", lattice="LiNiO2:1"))
    edges = cell.extent_A
    return make_specimen(
        cell, Grid((2, 1, periods), (96, 96), (2 * edges[0], edges[1]), 2, edges[2])
    )


def test_every_slice_holds_one_atomic_plane_in_its_middle():
    specimen = o3()
    depth = specimen.atoms.positions_A[:, 2] / specimen.grid.slice_A
    np.testing.assert_allclose(depth - specimen.slice_of, 0.5, atol=1e-6)
    assert np.bincount(specimen.slice_of).tolist() == [len(depth) // 6] * 6


def test_displacements_have_the_stated_spread_on_each_axis():
    specimen = o3(periods=40)
    moved = displacements_A(specimen, seed=3, configuration=0)
    for symbol, sigma in (("Ni", 0.0724), ("Li", 0.1278), ("O", 0.0879)):
        rms = moved[specimen.atoms.symbols == symbol].std(axis=0)
        np.testing.assert_allclose(rms, sigma, rtol=0.12)


def test_displacements_depend_on_seed_and_configuration_alone():
    specimen = o3()
    first = displacements_A(specimen, seed=3, configuration=5)
    np.testing.assert_array_equal(first, displacements_A(specimen, seed=3, configuration=5))
    assert np.abs(first - displacements_A(specimen, seed=3, configuration=4)).max() > 0.01
    assert np.abs(first - displacements_A(specimen, seed=4, configuration=5)).max() > 0.01


def test_thickness_leaves_the_displacements_of_the_first_periods_alone():
    thin, thick = o3(periods=2), o3(periods=5)
    np.testing.assert_array_equal(
        displacements_A(thin, seed=1, configuration=0),
        displacements_A(thick, seed=1, configuration=0)[: len(thin.atoms)],
    )


def test_configurations_come_in_opposite_pairs():
    moved = [displacements_A(o3(), seed=3, configuration=n) for n in range(4)]
    np.testing.assert_array_equal(moved[0], -moved[1])
    np.testing.assert_array_equal(moved[2], -moved[3])
    assert np.abs(moved[0] - moved[2]).max() > 0.01
