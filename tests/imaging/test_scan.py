"""One scanned period, and its image everywhere."""

import numpy as np
import pytest

from stackmotif.imaging.scan import ScanUnit, fourier_image, scan_unit, terminations_A
from stackmotif.structures import build
from stackmotif.structures.orientation import orient, translations_A


def unit_of(word, lattice):
    cell = orient(build(word, lattice=lattice))
    return cell, scan_unit(translations_A(cell), cell.extent_A, step_A=0.246)


def test_o3_is_scanned_over_one_pitch_and_one_slab():
    _, unit = unit_of("|R+[Li]|", "LiNiO2:1")
    pitch = 2.859 * np.sqrt(3) / 2
    assert unit.width_A == pytest.approx(pitch)
    assert unit.height_A == pytest.approx(14.055 / 3)
    # Down one row is to the left by a third of the pitch.
    assert unit.offset_A % pitch == pytest.approx(2 * pitch / 3, abs=1e-3)
    assert unit.width_A / unit.n_x <= 0.246
    assert unit.height_A / unit.n_y <= 0.246


def test_a_word_without_symmetry_is_scanned_over_its_whole_height():
    cell, unit = unit_of("|R+ R+ R0 R- R-|", "LiNiO2:0.5")
    assert unit.height_A == pytest.approx(cell.extent_A[1])
    assert unit.offset_A == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("depths", "expected"),
    [
        ([0.0], [(0.0, 0.0)]),
        ([0.0, 1.5], [(0.0, 0.0), (2.0, 1.0)]),
        # A step along the beam alone is a shorter period, not another surface.
        ([0.0, 1.5, "along"], [(0.0, 0.0)]),
        ([0.0, 1.0, 2.0], [(0.0, 0.0), (2.0, 1.0), (4.0, 2.0)]),
    ],
)
def test_every_depth_of_the_surface_has_one_step(depths, expected):
    steps = [(0.0, 0.0, 1.5) if d == "along" else (2 * n, n, d) for n, d in enumerate(depths)]
    found = terminations_A(np.array(steps, dtype=float), np.array([9.0, 9.0, 3.0]))
    assert found == tuple(pytest.approx(step) for step in expected)


def waves(x, y, unit):
    """A real function with the periods of the unit, band-limited to |k| < 1.9 per Å."""
    rng = np.random.default_rng(0)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for m in range(-5, 6):
        for n in range(-12, 13):
            kx, ky = m / unit.width_A, (n - m * unit.offset_A / unit.width_A) / unit.height_A
            amplitude, phase = rng.random(2)
            if np.hypot(kx, ky) < 1.9:
                total = total + amplitude * np.cos(2 * np.pi * (kx * x + ky * y + phase))
    return total


@pytest.mark.parametrize("offset", [0.0, 0.825, 1.65])
def test_a_band_limited_image_is_recovered_at_any_point(offset):
    unit = ScanUnit(2.476, 4.685, offset, 11, 21)
    x, y = unit.positions_A.T
    samples = waves(x, y, unit).reshape(unit.n_y, unit.n_x)
    x_A, y_A = np.linspace(-3, 8, 37), np.linspace(-5, 9, 41)
    image = fourier_image(samples, unit, x_A=x_A, y_A=y_A)
    np.testing.assert_allclose(image, waves(x_A[None], y_A[:, None], unit), atol=1e-9)


def test_blur_damps_a_wave_by_the_gaussian_of_its_frequency():
    unit = ScanUnit(2.5, 5.0, 0.0, 11, 21)
    x, _ = unit.positions_A.T
    samples = np.cos(2 * np.pi * x / 2.5).reshape(21, 11)
    image = fourier_image(
        samples, unit, x_A=np.array([0.0]), y_A=np.array([0.0]), blur_sigma_A=0.34
    )
    assert image[0, 0] == pytest.approx(np.exp(-2 * (np.pi * 0.34 / 2.5) ** 2))
