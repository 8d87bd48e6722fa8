"""What correlations are worth: independent pixels counted, posteriors that come true."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stackmotif.matching.templates.averages import Averages
from stackmotif.matching.templates.evidence import (
    count_pixels,
    log_evidence,
    noise_pixels,
    probe_area_A2,
)

SHAPE = (20, 40)
PIXELS = SHAPE[0] * SHAPE[1]


def pattern(shift):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    wave = np.cos(2 * np.pi * (x + shift) / 20) + np.cos(2 * np.pi * y / 20)
    return (wave - wave.mean()).ravel()


def noise(n, rng, *, sigma=0.0):
    white = rng.normal(size=(n, *SHAPE))
    made = gaussian_filter(white, (0, sigma, sigma), mode="wrap") if sigma else white
    made = made.reshape(n, -1)
    return (made - made.mean(axis=1, keepdims=True)) / made.std()


def averages_of(patches, count):
    """One group for each block of ``count`` patches."""
    blocks = patches.reshape(-1, count, PIXELS)
    mean = blocks.mean(axis=1)
    rest = (blocks - mean[:, None]).reshape(-1, PIXELS) * np.sqrt(count / (count - 1))
    return Averages(
        mean=mean,
        mask=np.ones(mean.shape, dtype=bool),
        count=np.full(len(mean), count),
        noise_energy=float(np.mean(np.sum(rest**2, axis=1))),
        residuals=rest,
    )


def ncc(mean, template):
    return mean @ template / np.linalg.norm(mean, axis=-1) / np.linalg.norm(template)


DIRECTIONS = np.stack([pattern(0) - pattern(s) for s in (3, 6, 9)])


def test_white_noise_has_as_many_independent_values_as_pixels():
    rng = np.random.default_rng(74001)
    made = averages_of(noise(200, rng), 4)
    assert noise_pixels(made, DIRECTIONS) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("sigma", [1.5, 2.5])
def test_smooth_noise_has_one_for_each_area_of_its_correlation(sigma):
    """Power at low frequencies over that of white noise: 4 pi sigma² for a wide pattern."""
    rng = np.random.default_rng(74002)
    made = averages_of(noise(1600, rng, sigma=sigma), 4)
    wave = np.exp(-((2 * np.pi * sigma / 20) ** 2))
    assert noise_pixels(made, DIRECTIONS) == pytest.approx(4 * np.pi * sigma**2 * wave, rel=0.15)


def test_what_all_cells_have_alike_counts_by_the_probe():
    rng = np.random.default_rng(74003)
    wrong = pattern(0) + 0.5 * noise(1, rng, sigma=2.0)[0]
    made = averages_of(wrong + 1e-3 * noise(200, rng), 100)
    counted = count_pixels(made, ncc(made.mean, pattern(0)), noise_px=1.0, probe_px=50.0)
    np.testing.assert_allclose(counted.n_eff, PIXELS / 50.0, rtol=0.05)
    assert counted.fit == pytest.approx(1 / np.sqrt(1 + 0.25 / pattern(0).var()), abs=0.03)


def test_an_image_that_no_template_describes_counts_for_nothing():
    rng = np.random.default_rng(74004)
    made = averages_of(noise(1, rng, sigma=3.0) + 0.3 * noise(200, rng), 100)
    counted = count_pixels(made, ncc(made.mean, pattern(0)), noise_px=1.0, probe_px=50.0)
    assert counted.fit < 0.5
    assert counted.weight == 0.0


@pytest.mark.parametrize("sigma", [0.0, 1.5])
@pytest.mark.parametrize("contrast", [0.06, 0.12])
def test_posteriors_come_true(sigma, contrast):
    """Truth is one of three patterns, with more noise than signal; 1000 draws of two cells."""
    rng = np.random.default_rng([74005, int(10 * sigma), int(100 * contrast)])
    templates = [pattern(s) for s in (0, 3, 6)]
    truth = rng.integers(3, size=1000)
    scale = contrast * (1.0 if not sigma else 4.0)
    signal = scale * np.array(templates)[truth]
    patches = np.repeat(signal, 2, axis=0) + noise(2000, rng, sigma=sigma)
    made = averages_of(patches, 2)
    found = np.stack([ncc(made.mean, one) for one in templates], axis=1)
    area = noise_pixels(made, DIRECTIONS)
    counted = count_pixels(made, found.max(axis=1), noise_px=area, probe_px=50.0)
    evidence = log_evidence(found, counted.n_eff[:, None])
    posterior = np.exp(evidence - np.logaddexp.reduce(evidence, axis=1)[:, None])
    right = posterior.argmax(axis=1) == truth
    assert 0.4 < right.mean() < 0.999
    # With few independent pixels the unknown strength of the noise makes them a little modest.
    assert right.mean() - 0.09 < posterior.max(axis=1).mean() < right.mean() + 0.03


def test_the_illustration_of_the_design():
    few, many = (np.diff(log_evidence(np.array([0.90, 0.92]), np.full(2, n)))[0] for n in (20, 500))
    assert many == pytest.approx(53, abs=1)
    assert few == pytest.approx(2, abs=0.2)


def test_opposite_contrast_is_no_evidence():
    assert log_evidence(np.array([-0.9]), np.array([100.0]))[0] == 0.0


def test_a_blunter_probe_has_fewer_independent_pixels():
    areas = [probe_area_A2(0.01969, angle, 0.3) for angle in (30.0, 20.0, 10.0)]
    assert areas == sorted(areas)
