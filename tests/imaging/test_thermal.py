"""Debye-Waller factors: where they come from, and that a sigma is meant per axis everywhere."""

import math

import numpy as np
import pytest

from stackmotif.imaging.grids import Grid
from stackmotif.imaging.specimen import Specimen, displacements_A
from stackmotif.imaging.thermal import OTHERS, THERMAL, thermal_factor, thermal_sigma_A
from stackmotif.structures.orientation import OrientedCell


def test_sigma_is_the_root_of_u_and_b_is_eight_pi_squared_u():
    factor = thermal_factor("Ni")
    assert 8 * math.pi**2 * factor.sigma_A**2 == pytest.approx(factor.B_A2)


@pytest.mark.parametrize(
    ("symbol", "sigma_A"), [("Ni", 0.0724), ("O", 0.0879), ("Co", 0.0505), ("Li", 0.1278)]
)
def test_the_elements_of_the_crystals_are_refined_values(symbol, sigma_A):
    assert thermal_sigma_A(symbol) == pytest.approx(sigma_A, abs=5e-5)
    assert THERMAL[symbol].verified
    assert "doi:" in THERMAL[symbol].source


@pytest.mark.parametrize("symbol", ["Mn", "Al", "Ti", "Na"])
def test_a_value_without_a_refinement_says_so(symbol):
    assert not thermal_factor(symbol).verified
    assert 0.04 < thermal_sigma_A(symbol) < 0.2


def test_others_move_like_nickel():
    assert OTHERS.sigma_A == thermal_sigma_A("Ni")


def test_an_own_sigma_goes_before_the_table():
    own = {"Ni": 0.02}
    assert thermal_sigma_A("Ni", own) == 0.02
    assert thermal_sigma_A("O", own) == thermal_sigma_A("O")


def _gas(symbols):
    count = len(symbols)
    rng = np.random.default_rng(0)
    cell = OrientedCell(
        symbols=np.asarray(symbols),
        positions_A=rng.random((count, 3)) * 10,
        occupancies=np.ones(count),
        extent_A=np.full(3, 10.0),
    )
    grid = Grid((1, 1, 1), (8, 8), (10.0, 10.0), 1, 10.0)
    return Specimen(cell, np.zeros(count, dtype=np.int64), grid)


def test_our_displacements_have_the_sigma_on_each_axis():
    symbols = ["Ni"] * 4000 + ["Li"] * 4000
    moved = displacements_A(_gas(symbols), seed=3, configuration=0, sigma_A={"Li": 0.2})
    rms = [np.sqrt((part**2).mean(axis=0)) for part in (moved[:4000], moved[4000:])]
    np.testing.assert_allclose(rms[0], thermal_sigma_A("Ni"), rtol=0.05)
    np.testing.assert_allclose(rms[1], 0.2, rtol=0.05)


@pytest.mark.parametrize("sigmas", [0.1, {"Ni": 0.1, "O": 0.05}], ids=["one", "by element"])
def test_abtem_draws_a_sigma_on_each_axis_too(sigmas):
    """Measured: a scalar and a mapping of abTEM are per axis, not for the length of the vector."""
    import abtem
    import ase

    atoms = ase.Atoms("Ni2000O2000", positions=np.zeros((4000, 3)), cell=[9, 9, 9], pbc=True)
    drawn = abtem.FrozenPhonons(atoms, num_configs=1, sigmas=sigmas, seed=5)
    moved = drawn.randomize(atoms).positions
    moved = (moved + 4.5) % 9 - 4.5
    rms = [np.sqrt((part**2).mean(axis=0)) for part in (moved[:2000], moved[2000:])]
    np.testing.assert_allclose(rms[0], 0.1, rtol=0.06)
    np.testing.assert_allclose(rms[1], 0.1 if sigmas == 0.1 else 0.05, rtol=0.06)
