"""Noise and scan errors."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.noise import (
    affine_matrix,
    distort,
    poisson_dose,
    row_jitter,
    row_offsets,
    source_blur,
)


def spot(shape, y, x, sigma):
    rows, columns = np.indices(shape)
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def centre(image):
    rows, columns = np.indices(image.shape)
    return (image * rows).sum() / image.sum(), (image * columns).sum() / image.sum()


def test_poisson_counts_have_the_mean_and_variance_of_the_dose():
    image = np.full((200, 200), 0.1)
    noisy = poisson_dose(image, dose_per_A2=5000.0, pixel_size_A=0.2, rng=1)
    counts = noisy * 5000 * 0.04
    assert counts.mean() == pytest.approx(20, rel=0.01)
    assert counts.var() == pytest.approx(20, rel=0.05)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)


def test_the_same_seed_gives_the_same_noise():
    image = np.full((8, 8), 0.2)
    first, again, other = (
        poisson_dose(image, dose_per_A2=1e3, pixel_size_A=0.2, rng=rng) for rng in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_impossible_doses_are_refused():
    with pytest.raises(SimulationError, match="dose is 0 e/Å²"):
        poisson_dose(np.ones((4, 4)), dose_per_A2=0, pixel_size_A=0.2, rng=0)


def test_blur_adds_variances_and_keeps_the_sum():
    image = spot((81, 81), 40, 40, 5.0)
    blurred = source_blur(image, fwhm_A=1.0, pixel_size_A=0.1)
    sigma = 10 / np.sqrt(8 * np.log(2))
    columns = np.arange(81) - 40
    spread = (blurred * columns**2).sum() / blurred.sum()
    assert spread == pytest.approx(25 + sigma**2, rel=0.01)
    assert blurred.sum() == pytest.approx(image.sum(), rel=1e-6)


def test_row_offsets_have_their_spread():
    fast = row_offsets(4000, jitter_px=0.3, rng=2)
    slow = row_offsets(4000, jitter_px=0.0, drift_px=2.0, rng=2)
    assert fast.std() == pytest.approx(0.3, rel=0.05)
    assert slow.std() == pytest.approx(2.0, rel=1e-6)
    assert np.diff(slow).std() < 0.2 * slow.std()
    assert abs(slow.mean()) < 1e-9


def test_jitter_moves_each_line_by_its_own_offset():
    image = np.stack([spot((1, 60), 0, 30, 3.0)[0]] * 3)
    moved = row_jitter(image, offsets_px=np.array([0.0, 2.5, -1.25]))
    x = [(line * np.arange(60)).sum() / line.sum() for line in moved]
    np.testing.assert_allclose(x, [30, 32.5, 28.75], atol=0.01)


def test_rotation_is_counter_clockwise_on_the_screen():
    image = spot((101, 101), 50, 75, 2.0)  # right of the centre
    y, x = centre(distort(image, rotation_deg=30))
    assert x - 50 == pytest.approx(25 * np.cos(np.radians(30)), abs=0.05)
    assert y - 50 == pytest.approx(-25 * np.sin(np.radians(30)), abs=0.05)


def test_positive_shear_leans_to_the_right():
    y, x = centre(distort(spot((101, 101), 20, 50, 2.0), shear_deg=5))
    assert (y, x) == (
        pytest.approx(20, abs=0.05),
        pytest.approx(50 + 30 * np.tan(np.radians(5)), abs=0.05),
    )


def test_rotation_then_shear():
    turn, lean = affine_matrix(rotation_deg=7), affine_matrix(shear_deg=2)
    np.testing.assert_allclose(affine_matrix(rotation_deg=7, shear_deg=2), lean @ turn)
