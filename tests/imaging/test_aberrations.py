"""Aberrations against abTEM's contrast transfer function, and their symmetries."""

import math

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Microscope
from stackmotif.imaging.aberrations import (
    DIRECTIONS,
    LENGTHS,
    aberration_phase,
    checked_aberrations,
)

WAVELENGTH_A = Microscope.preset("adf-300kV").wavelength_A


def frequencies(n=41, most=1.5):
    axis = np.linspace(-most, most, n)
    return axis[:, None], axis[None]


def phase(**coefficients):
    kx, ky = frequencies()
    return aberration_phase(kx, ky, coefficients=coefficients, wavelength_A=WAVELENGTH_A)


@pytest.mark.parametrize(
    "coefficients",
    [
        {"C10": -80.0, "C30": 1.2e7},
        {"C12": 40.0, "phi12": 0.7},
        {"C21": 900.0, "phi21": -2.0, "C23": 700.0, "phi23": 0.4},
        {"C32": 3e4, "phi32": 1.1, "C34": 2e4, "phi34": 0.2},
        {"C41": 1e6, "phi41": 0.3, "C43": 2e6, "phi43": 1.0, "C45": 3e6, "phi45": -0.5},
        {"C50": 2e7, "C52": 1e7, "phi52": 0.6, "C54": 8e6, "phi54": 2.0, "C56": 9e6, "phi56": 0.1},
    ],
    ids=lambda one: "+".join(name for name in one if name.startswith("C")),
)
def test_phase_is_that_of_abtem(coefficients):
    import abtem
    from abtem.core.energy import energy2wavelength

    # Thousands of radians show the tenth digit of the wavelength: both use the same one.
    wavelength_A = energy2wavelength(300e3)
    assert wavelength_A == pytest.approx(WAVELENGTH_A, rel=1e-7)
    kx, ky = np.meshgrid(*(axis.ravel() for axis in frequencies()), indexing="ij")
    alpha, azimuth = wavelength_A * np.hypot(kx, ky), np.arctan2(ky, kx)
    chi = aberration_phase(kx, ky, coefficients=coefficients, wavelength_A=wavelength_A)
    ours = np.exp(-1j * chi)
    with abtem.config.set({"precision": "float64"}):
        ctf = abtem.CTF(energy=300e3, aberration_coefficients=dict(coefficients))
        theirs = ctf._evaluate_from_angular_grid(alpha, azimuth)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in LENGTHS if name[2] != "0"])
def test_turning_an_aberration_turns_the_phase(name):
    folds = int(name[2])
    whole = 2 * math.pi / folds
    turned = phase(**{name: 1e3, f"phi{name[1:]}": 0.3 + whole})
    np.testing.assert_allclose(turned, phase(**{name: 1e3, f"phi{name[1:]}": 0.3}), atol=1e-9)
    half = phase(**{name: 1e3, f"phi{name[1:]}": 0.3 + whole / 2})
    np.testing.assert_allclose(half, -turned, atol=1e-9)


def test_direction_is_counted_from_x_towards_y():
    """Astigmatism C12 > 0 along y retards beams along y most."""
    upright = aberration_phase(
        np.array([0.0, 1.0]),
        np.array([1.0, 0.0]),
        coefficients={"C12": 10.0, "phi12": math.pi / 2},
        wavelength_A=WAVELENGTH_A,
    )
    assert upright[0] > 0 > upright[1]


def test_phases_add_up():
    both = phase(C10=-50.0, C30=1e6, C12=3.0)
    np.testing.assert_allclose(both, phase(C10=-50.0, C30=1e6) + phase(C12=3.0), atol=1e-9)


def test_zeros_are_left_out_and_pairs_are_sorted():
    assert checked_aberrations({"phi12": 0.1, "C12": 5, "C21": 0.0}) == (
        ("C12", 5.0),
        ("phi12", 0.1),
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"C11": 1.0}, "not one up to fifth order"),
        ({"A1": 1.0}, "expected one of C10"),
        ({"C10": 1.0}, "defocus_A"),
        ({"C30": 1.0}, "Cs_A"),
        ({"C12": float("nan")}, "expected a number"),
        ({"C12": "a"}, "expected a number"),
        (3, "expected names and values"),
    ],
)
def test_wrong_aberrations_are_refused(given, message):
    with pytest.raises(SimulationError, match=message):
        checked_aberrations(given)


def test_a_phase_of_an_unknown_aberration_is_refused():
    with pytest.raises(SimulationError, match="C77"):
        phase(C77=1.0)


def test_every_direction_belongs_to_a_coefficient():
    assert {f"C{name[3:]}" for name in DIRECTIONS} < set(LENGTHS)
