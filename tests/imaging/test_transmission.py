"""Transmission functions: what a coarse grid keeps of a fine one."""

from dataclasses import replace

import numpy as np
import pytest

from stackmotif.imaging import Microscope, transmission
from stackmotif.imaging.engines import detect, detector_weights
from stackmotif.imaging.engines.optics import interaction_per_V_A
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.potential import exact_slices
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.imaging.transmission import exact_transmission
from stackmotif.structures import build
from stackmotif.structures.orientation import OrientedCell, orient

SCOPE = Microscope.preset("stem-300kV").with_(source_fwhm_A=0.0)


def atom(place=(4.0, 5.0), symbol="Ni", gpts=(140, 168)):
    extent = (8.0, 9.6)
    grid = Grid((1, 1, 1), gpts, extent, 1, 2.0)
    cell = OrientedCell(
        symbols=np.array([symbol]),
        positions_A=np.array([[*place, 1.0]]),
        occupancies=np.ones(1),
        extent_A=np.array([*extent, 2.0]),
    )
    return Specimen(cell, np.zeros(1, dtype=np.int64), grid)


def o1(gpts):
    cell = orient(build("|R0|", lattice="O1-NiO2"))
    grid = Grid((2, 2, 1), gpts, tuple(2 * cell.extent_A[:2]), 2, float(cell.extent_A[2]))
    return make_specimen(cell, grid)


def seen(specimen, slices, exits=(28,)):
    """Return the signals of eight probes, (exit, detector, probe)."""
    grid = specimen.grid
    low = SCOPE.with_(detectors=SCOPE.detectors[2:])
    return detect(
        slices,
        np.random.default_rng(2).random((8, 2)) * grid.extent_A,
        grid=grid,
        microscope=low,
        exit_slices=list(exits),
        weights=detector_weights(grid, low, edges="area"),
    )


def test_far_from_the_core_it_is_the_phase_of_the_potential():
    one = atom()
    waves = exact_transmission(one, microscope=SCOPE)[0]
    phase = interaction_per_V_A(SCOPE) * exact_slices(one)[0]
    x, y = (np.arange(n) * edge / n for n, edge in zip(one.grid.gpts, (8.0, 9.6), strict=True))
    far = np.hypot(x[:, None] - 4.0, y - 5.0) > 1.5
    np.testing.assert_allclose(np.angle(waves)[far], phase[far], atol=3e-3)
    np.testing.assert_allclose(np.abs(waves)[far], 1.0, atol=3e-3)


def test_what_leaves_the_band_is_lost():
    """The mean square is the share that stays; a light atom scatters less beyond the band."""
    kept = {
        name: np.mean(np.abs(exact_transmission(atom(symbol=name), microscope=SCOPE)) ** 2)
        for name in ("Ni", "Li")
    }
    assert kept["Ni"] < kept["Li"] < 1 + 1e-6


def test_an_atom_can_be_anywhere_on_the_grid():
    """A place between grid points gives the same spectrum but for the phase."""
    step = np.array([0.0213, 0.0171])
    here, there = (
        np.fft.fft2(exact_transmission(atom(place), microscope=SCOPE)[0])
        for place in ((4.0, 5.0), tuple(np.array([4.0, 5.0]) + step))
    )
    kx, ky = atom().grid.k_per_A
    turned = here * np.exp(-2j * np.pi * (kx[:, None] * step[0] + ky * step[1]))
    assert np.abs(turned - there).max() < 2e-4 * np.abs(here).max()


def test_slices_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    specimen = o1((96, 176))
    specimen = replace(specimen, grid=replace(specimen.grid, repeats=(2, 2, 1)))
    moved = displacements_A(specimen, seed=1, configuration=0)
    together = exact_transmission(specimen, moved, microscope=SCOPE)
    monkeypatch.setattr(transmission, "_POINTS_AT_ONCE", 1)
    np.testing.assert_allclose(
        exact_transmission(specimen, moved, microscope=SCOPE), together, atol=1e-5
    )


def test_the_static_lattice_has_one_period():
    specimen = o1((96, 176))
    assert len(exact_transmission(specimen, microscope=SCOPE)) == 2


@pytest.mark.parametrize("detector", [0, 1])
def test_a_coarse_grid_is_as_right_as_a_fine_one(detector):
    """ABF and BF at 0.06 Å against 0.02 Å; the potential cut at the band errs ten times as much."""
    coarse, fine = o1((162, 160)), o1((480, 472))
    reference = seen(fine, exact_transmission(fine, microscope=SCOPE))[0, detector]
    span = np.ptp(reference)
    here = seen(coarse, exact_transmission(coarse, microscope=SCOPE))[0, detector]
    plain = seen(coarse, exact_slices(coarse))[0, detector]
    error, before = (np.sqrt(np.mean((one - reference) ** 2)) / span for one in (here, plain))
    assert error < 4e-3
    assert before > 4 * error


def test_the_energy_counts():
    slow = SCOPE.with_(energy_eV=80e3)
    fast, other = (exact_transmission(atom(), microscope=one) for one in (SCOPE, slow))
    assert np.abs(np.angle(other)).mean() > 1.2 * np.abs(np.angle(fast)).mean()
