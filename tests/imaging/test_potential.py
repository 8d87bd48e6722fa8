"""The exact potential against analytic and independent values."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.potential import abtem_slices, exact_slices, scattering_factor
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.structures import build
from stackmotif.structures.orientation import OrientedCell, orient


def one_atom(symbol, xy, *, gpts, edge=6.0, occupancy=1.0):
    cell = OrientedCell(
        np.array([symbol]),
        np.array([[*xy, 0.7]]),
        np.array([occupancy]),
        np.array([edge, edge, 1.4]),
    )
    grid = Grid((1, 1, 1), (gpts, gpts), (edge, edge), 1, 1.4)
    return Specimen(cell, np.array([0]), grid)


@pytest.mark.parametrize("symbol", ["H", "Li", "O", "Ni", "U"])
def test_scattering_factor_is_that_of_abtem(symbol):
    """Which takes the square of the frequency: the value at 0 alone would not tell."""
    from abtem.parametrizations import LobatoParametrization

    k2 = np.linspace(0, 60, 30)
    expected = LobatoParametrization().projected_scattering_factor(symbol)(k2)
    np.testing.assert_allclose(scattering_factor(symbol, k2), expected, rtol=3e-5)


def test_an_element_without_a_factor_is_refused():
    with pytest.raises(SimulationError, match="no scattering factor for 'Xx'"):
        scattering_factor("Xx", np.zeros(1))


def test_atoms_anywhere_in_any_slice_are_summed_one_by_one():
    """The sum over atoms written out, for slices with different numbers of atoms."""
    rng = np.random.default_rng(4)
    grid = Grid((1, 1, 1), (60, 72), (6.0, 7.0), 3, 4.2)
    symbols = np.array(["Ni", "O", "O", "Li", "Ni", "O", "O"])
    slice_of = np.array([0, 0, 0, 2, 2, 2, 2])
    planar = rng.uniform(-20, 30, (7, 2))
    shares = np.array([1.0, 1.0, 0.5, 0.3, 1.0, 1.0, 1.0])
    cell = OrientedCell(
        symbols, np.column_stack([planar, np.zeros(7)]), shares, np.array([6.0, 7.0, 4.2])
    )
    found = np.fft.fft2(exact_slices(Specimen(cell, slice_of, grid)))
    kx, ky = (np.fft.fftfreq(n, s) for n, s in zip(grid.gpts, grid.sampling_A, strict=True))
    k2 = kx[:, None] ** 2 + ky[None] ** 2
    expected = np.zeros((3, 60, 72), dtype=complex)
    for symbol, slice_, (x, y), share in zip(symbols, slice_of, planar, shares, strict=True):
        wave = np.exp(-2j * np.pi * (kx[:, None] * x + ky[None] * y))
        expected[slice_] += share * scattering_factor(str(symbol), k2) * wave
    expected *= (np.sqrt(k2) < 2 / 3 / (2 * max(grid.sampling_A))) / np.prod(grid.sampling_A)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert not found[1].any()


def test_mean_potential_is_the_forward_scattering():
    values = exact_slices(one_atom("Ni", (1.23, 2.34), gpts=150))
    assert values.mean(dtype=float) * 36.0 == pytest.approx(
        float(scattering_factor("Ni", np.zeros(1))[0]), rel=1e-4
    )


@pytest.mark.parametrize("symbol", ["Ni", "O", "Li"])
def test_profile_matches_the_analytic_projected_potential(symbol):
    """Lobato's projected potential in real space (Bessel functions) is the independent value."""
    from abtem.parametrizations import LobatoParametrization

    gpts, edge = 400, 6.0
    values = exact_slices(one_atom(symbol, (3.0, 3.0), gpts=gpts))[0]
    row = values[gpts // 2 :, gpts // 2]
    r = np.arange(len(row)) * edge / gpts
    near = (r > 0.15) & (r < 1.0)
    analytic = LobatoParametrization().projected_potential(symbol)(r[near])
    # The periodic images add a little; the difference of two radii is free of a constant.
    np.testing.assert_allclose(
        row[near] - row[near][-1], analytic - analytic[-1], atol=0.02 * analytic[0]
    )


def test_an_atom_moved_by_any_fraction_of_a_pixel_has_the_same_potential_moved():
    gpts, edge = 120, 6.0
    start, moved = (
        exact_slices(one_atom("Ni", (1.0 + step, 2.0), gpts=gpts))[0] for step in (0.0, 0.0173)
    )
    kx = np.fft.fftfreq(gpts, edge / gpts)[:, None]
    phase = np.exp(-2j * np.pi * kx * 0.0173)
    np.testing.assert_allclose(
        np.fft.ifft2(np.fft.fft2(start) * phase).real, moved, atol=2e-4 * start.max()
    )


def test_nothing_lies_beyond_two_thirds_of_the_nyquist_limit():
    gpts, edge = 120, 6.0
    spectrum = np.abs(np.fft.fft2(exact_slices(one_atom("Ni", (1.0, 2.1), gpts=gpts))[0]))
    k = np.fft.fftfreq(gpts, edge / gpts)
    radius = np.hypot(k[:, None], k[None])
    limit = 2 / 3 * gpts / (2 * edge)
    assert spectrum[radius > limit + 1e-9].max() < 1e-5 * spectrum.max()
    assert (
        spectrum[(radius < 0.999 * limit) & (radius > 0.95 * limit)].min() > 1e-3 * spectrum.max()
    )


def test_a_half_occupied_site_scatters_half():
    full, half = (
        exact_slices(one_atom("Li", (1.0, 2.0), gpts=90, occupancy=share)) for share in (1.0, 0.5)
    )
    np.testing.assert_allclose(half, full / 2, rtol=1e-5, atol=1e-6)


def o3_specimen(gpts):
    cell = orient(build("|R+[Li]|", lattice="LiNiO2:1"))
    edges = cell.extent_A
    return make_specimen(cell, Grid((1, 1, 1), gpts, (edges[0], edges[1]), 2, edges[2]))


def test_agrees_with_abtem_on_a_fine_commensurate_grid():
    specimen = o3_specimen((240, 672))
    mine, other = exact_slices(specimen), abtem_slices(specimen)
    k = [np.fft.fftfreq(n, s) for n, s in zip((240, 672), specimen.grid.sampling_A, strict=True)]
    low = np.hypot(k[0][:, None], k[1][None]) < 6.0
    spectra = [np.where(low, np.fft.fft2(one), 0) for one in (mine, other)]
    difference = np.abs(spectra[0] - spectra[1]).max() / np.abs(spectra[0]).max()
    assert difference < 0.01


def test_displaced_slices_of_a_crystal_differ_and_static_ones_repeat():
    cell = orient(build("|R0|", lattice="O1-NiO2"))
    edges = cell.extent_A
    specimen = make_specimen(cell, Grid((1, 1, 2), (60, 54), (edges[0], edges[1]), 2, edges[2]))
    static = exact_slices(specimen)
    np.testing.assert_array_equal(static[0], static[2])
    moved = exact_slices(specimen, displacements_A(specimen, seed=1, configuration=0))
    assert np.abs(moved[0] - moved[2]).max() > 0.05 * static.max()


def test_abtem_potential_refuses_partly_occupied_sites():
    with pytest.raises(SimulationError, match="potential='exact'"):
        abtem_slices(one_atom("Li", (1.0, 2.0), gpts=60, occupancy=0.5))
