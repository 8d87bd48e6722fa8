"""What an instrument does to an image: order, amounts, and relations between effects."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.effects import Effects, instrument_effects, scan_places
from stackmotif.imaging.noise import distort, source_blur

STEP_A = 0.2


def spot(shape, y, x, sigma=3.0):
    rows, columns = np.indices(shape)
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def centre(image):
    rows, columns = np.indices(image.shape)
    return (image * rows).sum() / image.sum(), (image * columns).sum() / image.sum()


def applied(image, rng=0, periodic=False, **settings):
    return instrument_effects(
        image, Effects(**settings), pixel_size_A=STEP_A, rng=rng, periodic=periodic
    )


def test_no_effects_change_nothing():
    image = spot((20, 30), 10, 15)
    np.testing.assert_array_equal(applied(image), image)


def test_source_and_distortion_are_those_of_noise():
    image = spot((60, 80), 30, 50)
    np.testing.assert_allclose(
        applied(image, source_fwhm_A=1.0), source_blur(image, fwhm_A=1.0, pixel_size_A=STEP_A)
    )
    np.testing.assert_allclose(
        applied(image, rotation_deg=10.0, shear_deg=3.0),
        distort(image, rotation_deg=10.0, shear_deg=3.0),
        atol=1e-12,
    )


@pytest.mark.parametrize("flyback_s", [0.0, 5e-3])
def test_a_drifting_spot_is_found_where_the_scan_meets_it(flyback_s):
    drift, dwell_s = (2.0, 0.8), 1e-4
    image = spot((80, 90), 40, 30)
    y, x = centre(applied(image, drift_A_per_s=drift, dwell_s=dwell_s, flyback_s=flyback_s))
    elapsed_s = y * (90 * dwell_s + flyback_s) + x * dwell_s
    assert x == pytest.approx(30 + drift[0] * elapsed_s / STEP_A, abs=0.1)
    assert y == pytest.approx(40 + drift[1] * elapsed_s / STEP_A, abs=0.1)


def test_drift_along_x_is_a_shear_in_a_slow_scan():
    """Fast lines and a long flyback: each line is moved as a whole."""
    image = spot((81, 81), 20, 40)
    per_line_s = 81 * 1e-7 + 1e-2
    angle = 4.0
    velocity = -np.tan(np.radians(angle)) * STEP_A / per_line_s
    drifted = applied(image, drift_A_per_s=(velocity, 0.0), dwell_s=1e-7, flyback_s=1e-2)
    sheared = applied(image, shear_deg=angle)
    # The shear acts about the middle line, the drift from the first one.
    whole = np.tan(np.radians(angle)) * 40
    assert centre(sheared)[1] - centre(drifted)[1] == pytest.approx(whole, abs=0.05)


def test_opposite_drifts_mirror_each_other():
    image = spot((60, 60), 30, 29.5)
    slow = {"dwell_s": 1e-9, "flyback_s": 1e-2}
    right = applied(image, drift_A_per_s=(3.0, 0.0), **slow)
    left = applied(image[:, ::-1], drift_A_per_s=(-3.0, 0.0), **slow)
    np.testing.assert_allclose(right, left[:, ::-1], atol=1e-6)


def test_jitter_has_its_spread_in_angstrom():
    _, columns = scan_places((4000, 3), Effects(row_jitter_A=0.1), pixel_size_A=STEP_A, rng=1)
    assert (columns[:, 1] - 1).std() == pytest.approx(0.1 / STEP_A, rel=0.05)
    np.testing.assert_allclose(np.diff(columns, axis=1), 1.0)


def test_wander_is_slow_and_has_its_spread():
    _, columns = scan_places((500, 3), Effects(wander_A=0.4), pixel_size_A=STEP_A, rng=1)
    away = columns[:, 0]
    assert away.std() == pytest.approx(0.4 / STEP_A, rel=1e-6)
    assert np.diff(away).std() < 0.3 * away.std()


def test_all_images_of_a_scan_share_its_errors_but_not_their_electrons():
    image = 0.2 + 0.3 * spot((40, 40), 20, 20)
    pair = np.stack([image, image])
    moved = applied(pair, row_jitter_A=0.3)
    np.testing.assert_array_equal(moved[0], moved[1])
    counted = applied(pair, dose_per_A2=1e4)
    assert (counted[0] != counted[1]).any()


def test_one_effect_leaves_the_random_numbers_of_another_alone():
    image = np.full((40, 40), 0.3)
    still = applied(image, rng=3, dose_per_A2=1e4)
    np.testing.assert_array_equal(still, applied(image, rng=3, dose_per_A2=1e4, row_jitter_A=0.5))
    in_counts = applied(image, rng=3, dose_per_A2=1e4, gain=2.0)
    np.testing.assert_allclose(in_counts, 2.0 * 1e4 * STEP_A**2 * still)


def test_a_seed_repeats_and_another_does_not():
    image = np.full((40, 40), 0.3)
    first, again, other = (applied(image, rng=rng, dose_per_A2=1e3) for rng in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_counts_have_the_mean_and_variance_of_the_detector():
    image = np.full((300, 300), 0.25)
    counts = applied(image, dose_per_A2=5e3, gain=3.0, offset=100.0, read_noise=4.0)
    electrons = 0.25 * 5e3 * STEP_A**2
    assert counts.mean() == pytest.approx(3 * electrons + 100, rel=2e-3)
    assert counts.var() == pytest.approx(9 * electrons + 16, rel=0.03)


def test_blur_comes_before_counting():
    """Noise of counted electrons is white: a blur after counting would correlate neighbours."""
    image = np.full((200, 200), 0.3)
    noisy = applied(image, dose_per_A2=1e3, source_fwhm_A=2.0, rotation_deg=5.0) - 0.3
    neighbours = (noisy[:, 1:] * noisy[:, :-1]).mean() / noisy.var()
    assert abs(neighbours) < 0.02


def test_twice_the_dose_halves_the_variance():
    image = np.full((300, 300), 0.3)
    low, high = (applied(image, dose_per_A2=dose).var() for dose in (1e4, 2e4))
    assert low / high == pytest.approx(2.0, rel=0.03)


def test_a_periodic_image_wraps():
    image = spot((40, 40), 20, 38)
    slow = {"dwell_s": 1e-9, "flyback_s": 1e-2, "drift_A_per_s": (20.0, 0.0)}
    moved = applied(image, periodic=True, **slow)
    assert moved.sum() == pytest.approx(image.sum(), rel=0.02)
    assert moved[:, :8].sum() > 5 * applied(image, **slow)[:, :8].sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_fwhm_A": -1.0}, "source_fwhm_A is -1.0 Å"),
        ({"shear_deg": 60.0}, "shear_deg"),
        ({"drift_A_per_s": 3.0}, "two numbers"),
        ({"drift_A_per_s": (3.0, float("nan"))}, "drift_A_per_s"),
        ({"dwell_s": 0.0}, "dwell_s is 0.0 s"),
        ({"dose_per_A2": 0.0}, "dose_per_A2 is 0.0 e/Å²"),
        ({"read_noise": 1.0}, "expected a gain"),
        ({"offset": 1.0, "dose_per_A2": 10.0}, "expected a gain"),
        ({"gain": 1.0}, "expected dose_per_A2"),
        ({"gain": 0.0, "dose_per_A2": 10.0}, "gain is 0.0"),
    ],
)
def test_impossible_effects_are_refused(settings, message):
    with pytest.raises(SimulationError, match=message):
        Effects(**settings)


def test_a_line_is_no_image():
    with pytest.raises(SimulationError, match=r"expected \(\.\.\., y, x\)"):
        applied(np.zeros(5))
    with pytest.raises(SimulationError, match="pixel_size_A is 0 Å"):
        instrument_effects(np.zeros((4, 4)), Effects(), pixel_size_A=0)
