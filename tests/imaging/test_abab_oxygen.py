"""ABAB oxygen of O1 in bright field, with O3 as its control.

The experiment recognised O1 in BF-STEM by its oxygen (doi:10.1021/jacs.4c02198): the upper oxygen
rows of successive slabs stand at the same place, the lower ones at the opposite side of the metal.
300 kV, 20 mrad, zero defocus, static lattice, 2, 5.2 and 8 nm thick.
"""

import numpy as np
import pytest

from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.running import run_plan
from stackmotif.structures import build

SCOPE = Microscope(
    300e3, 20.0, (Detector("BF", 0, 10), Detector("ABF", 10, 20), Detector("ADF", 25, 75))
)
THICKNESSES_A = (20.0, 52.0, 80.0)
N_X = 11
BF, ABF, ADF = range(3)
UPPER, METAL, LOWER = range(3)


class Rows:
    """Signals along the upper oxygen, metal and lower oxygen rows of two successive slabs.

    ``signal[thickness, detector, slab, row, x]``, over one pitch.
    """

    def __init__(self, word, lattice, *, slab_height_A, thicknesses_A=THICKNESSES_A):
        structure = build(word, lattice=lattice)
        plan = make_plan(structure, microscope=SCOPE, thickness_A=max(thicknesses_A), phonons=0)
        slabs = 3 if "+" in word else 1
        spacing = structure.lattice.c / slabs
        pitch = structure.lattice.a * np.sqrt(3) / 2
        # The first metal stands at height 0, and y points down.
        heights = np.add.outer([0.0, spacing], [slab_height_A / 2, 0.0, -slab_height_A / 2])
        x = np.arange(N_X) / N_X * pitch
        points = np.stack(np.broadcast_arrays(x, -heights[..., None]), -1).reshape(-1, 2)
        periods = [round(one / plan.grid.period_A) for one in thicknesses_A]
        found = run_plan(plan, positions_A=points % plan.grid.extent_A, exit_periods=periods)
        self.signal = found.reshape(len(periods), 3, 2, 3, N_X)

    def at(self, thickness, detector, slab, row, x):
        """Return the signal at x [pitch], by Fourier interpolation along the row."""
        modes = np.fft.fftfreq(N_X, 1 / N_X)
        line = np.fft.fft(self.signal[thickness, detector, slab, row]) / N_X
        return float((line @ np.exp(2j * np.pi * modes * x)).real)

    def place(self, thickness, detector, slab, row, sign=1):
        """Return where a row is brightest (sign 1) or darkest (-1) [pitch], by its first wave."""
        line = sign * np.fft.fft(self.signal[thickness, detector, slab, row])
        return -np.angle(line[1]) / (2 * np.pi) % 1

    def metal(self, thickness, slab):
        """Return the metal's x [pitch], found in the co-simulated ADF signal."""
        return self.place(thickness, ADF, slab, METAL)

    def lean(self, thickness, detector, slab, row):
        """Return I(metal + d/3) - I(metal - d/3) at the height of a row."""
        metal = self.metal(thickness, slab)
        right, left = (
            self.at(thickness, detector, slab, row, metal + step) for step in (1 / 3, -1 / 3)
        )
        return right - left


@pytest.fixture(scope="module")
def o1():
    return Rows("|R0|", "O1-NiO2", slab_height_A=1.883)


@pytest.fixture(scope="module")
def o3():
    return Rows("|R+[Li]|", "LiNiO2:1", slab_height_A=2.115)


def modulo(value):
    return (value + 0.5) % 1 - 0.5


# M, O and background in BF: an independent simulation with abTEM's own potential.
BRIGHT_FIELD = [(0.199, 0.295, 0.250), (0.239, 0.531, 0.225), (0.144, 0.661, 0.205)]


@pytest.mark.parametrize("thickness", [0, 1, 2])
def test_bright_field_of_o1_has_the_reference_values(o1, thickness):
    found = (
        o1.at(thickness, BF, 0, METAL, 0.0),
        o1.at(thickness, BF, 0, UPPER, 1 / 3),
        o1.at(thickness, BF, 0, UPPER, -1 / 3),
    )
    np.testing.assert_allclose(found, BRIGHT_FIELD[thickness], atol=0.05)


def test_annular_bright_field_of_o1_has_dark_oxygen(o1):
    assert o1.at(1, ABF, 0, UPPER, 1 / 3) == pytest.approx(0.343, abs=0.05)
    assert o1.at(1, ABF, 0, UPPER, -1 / 3) == pytest.approx(0.72, abs=0.05)


@pytest.mark.parametrize("thickness", [0, 1, 2])
@pytest.mark.parametrize("slab", [0, 1])
@pytest.mark.parametrize("crystal", ["o1", "o3"])
def test_oxygen_leans_with_the_tilt_bright_in_bf_and_dark_in_abf(request, crystal, slab, thickness):
    rows = request.getfixturevalue(crystal)
    for row, side in ((UPPER, 1), (LOWER, -1)):
        assert side * rows.lean(thickness, BF, slab, row) > 0.02
        assert side * rows.lean(thickness, ABF, slab, row) < -0.05


@pytest.mark.parametrize("thickness", [0, 1, 2])
def test_o1_is_abab(o1, thickness):
    """Upper rows of both slabs at the same x, lower ones at the opposite x, metals between."""
    upper, lower = (
        [o1.place(thickness, ABF, slab, row, sign=-1) for slab in (0, 1)] for row in (UPPER, LOWER)
    )
    assert modulo(upper[1] - upper[0]) == pytest.approx(0, abs=0.02)
    assert modulo(lower[1] - lower[0]) == pytest.approx(0, abs=0.02)
    assert modulo(o1.metal(thickness, 1) - o1.metal(thickness, 0)) == pytest.approx(0, abs=0.02)
    assert modulo(upper[0] - lower[0]) == pytest.approx(-1 / 3, abs=0.08)


@pytest.mark.parametrize("thickness", [0, 1, 2])
def test_in_o3_everything_steps_by_a_third_of_the_pitch(o3, thickness):
    steps = [
        o3.place(thickness, ABF, 1, row, sign=-1) - o3.place(thickness, ABF, 0, row, sign=-1)
        for row in (UPPER, LOWER)
    ]
    steps.append(o3.metal(thickness, 1) - o3.metal(thickness, 0))
    np.testing.assert_allclose(modulo(np.array(steps)), 1 / 3, atol=0.03)


def test_the_other_tilt_leans_the_other_way():
    left = Rows("|L0|", "O1-NiO2", slab_height_A=1.883, thicknesses_A=(20.0,))
    assert left.lean(0, BF, 0, UPPER) < -0.02
    assert left.lean(0, BF, 0, LOWER) > 0.02
