import numpy as np
import pytest
import torch

from atlas_world import world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.sampling import (
    row_basis,
    row_basis_torch,
    shift_weights,
    tile_series,
)


def modulation(q):
    q = np.clip(np.abs(q), 0, 1)
    return 2 / np.pi * (np.arccos(q) - q * np.sqrt(1 - q * q))


def test_numpy_and_torch_have_the_same_basis():
    y = np.linspace(-3, 3, 7).reshape(7, 1)
    expected = row_basis(y, period_A=8.2, n=5)
    given = row_basis_torch(torch.tensor(y), period_A=8.2, n=5)
    assert expected.shape == (7, 1, 11)
    np.testing.assert_allclose(given.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("n", [3, 12])
def test_shift_weights_are_exact_at_the_knots_and_for_low_harmonics(n):
    knots = shift_weights(torch.arange(n, dtype=torch.float64) / n, n)
    np.testing.assert_allclose(knots.numpy(), np.eye(n), atol=1e-14)
    s = torch.tensor([0.123, -0.41, 2.71], dtype=torch.float64)
    order = (n - 1) // 2
    wave = np.cos(2 * np.pi * order * np.arange(n) / n + 0.3)
    between = shift_weights(s, n).numpy() @ wave
    np.testing.assert_allclose(between, np.cos(2 * np.pi * order * s.numpy() + 0.3), atol=1e-13)


def synthetic_atlas(rng, n=12):
    """A reference tile of random waves up to the band limit, periodic like O3.

    A wave of harmonic m across three slabs at a time has the frequency (j + m / 3) / h: it is the
    same in every slab of the reference stacking.
    """
    from dataclasses import replace

    atlas = world_atlas(one_height=True)
    scope = atlas.recipe.microscope
    band = 2e-3 * scope.semiangle_mrad / scope.wavelength_A
    step = atlas.slab_height_A + float(atlas.gap_heights_A[atlas.reference])
    waves = []
    for m in range(6):
        for j in range(-n, n + 1):
            frequency = (j + m / 3) / step
            q = np.hypot(m / atlas.pitch_A, frequency) / band
            if q < 1:
                waves.append((m, frequency, modulation(q) * rng.normal()))

    def tile(x, y):
        phase = [2 * np.pi * (m * x[None] / atlas.pitch_A + f * y[:, None]) for m, f, _ in waves]
        return sum(a * np.cos(p) for (_, _, a), p in zip(waves, phase, strict=True))

    x = np.arange(11) / 11 * atlas.pitch_A
    samples = np.array(atlas.samples)
    samples[:] = tile(x, atlas.rows_A)
    return replace(atlas, samples=samples), tile


@pytest.mark.parametrize("seed", range(3))
def test_a_band_limited_image_is_found_between_and_beyond_the_samples(seed):
    atlas, tile = synthetic_atlas(np.random.default_rng(seed))
    one = np.ones(1)
    samples = atlas.samples[:, :, :, 0, :1].astype(float)
    series = tile_series(atlas, samples, x_sign=one, y_sign=one)
    y = np.linspace(-2.7, 2.7, 101)
    x = np.linspace(0, atlas.pitch_A, 29)
    basis = row_basis(y, period_A=series.period_A, n=series.n_rows)
    m = np.arange(6)
    waves = np.exp(2j * np.pi * np.outer(m, x) / atlas.pitch_A)
    coefficients = series.coefficients[atlas.reference][:, 0]
    image = (basis @ coefficients @ waves).real
    expected = tile(x, y)
    spread = np.ptp(expected)
    assert np.abs(image - expected).max() < 1e-4 * spread
    # A tile alone does not hold that: this is what the slabs around it are for.
    alone = np.linalg.pinv(row_basis(atlas.rows_A, period_A=8.0, n=17), rcond=1e-6)
    amplitude = np.fft.rfft(samples[atlas.reference][0], axis=-1) / 11
    amplitude[:, 1:] *= 2
    lonely = (row_basis(y, period_A=8.0, n=17) @ alone @ amplitude @ waves).real
    assert np.abs(lonely - expected).max() > 1e-3 * spread


def test_noise_is_not_amplified():
    atlas = world_atlas()
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(*atlas.samples.shape[:3], 1, *atlas.samples.shape[-2:]))
    series = tile_series(atlas, noise, x_sign=np.ones(1), y_sign=np.ones(1))
    basis = row_basis(np.linspace(-2.69, 2.69, 99), period_A=series.period_A, n=series.n_rows)
    mean = np.einsum("yk,tgskdm->tgsydm", basis, series.coefficients)[..., 0].real
    # One harmonic of 11 samples with unit noise has a standard deviation of 1 / sqrt(11).
    assert mean.std() < 1.05 / np.sqrt(11)


def test_the_reference_is_symmetric_under_a_turn():
    atlas = world_atlas()
    samples = atlas.samples[:, :, :, 0].astype(float)
    x_sign = np.array([1.0, 1, 1, 1, -1, 1])
    y_sign = np.array([1.0, 1, 1, 1, 1, -1])
    series = tile_series(atlas, samples, x_sign=x_sign, y_sign=y_sign)
    y = np.linspace(-2.6, 2.6, 40)
    basis = row_basis(y, period_A=series.period_A, n=series.n_rows)
    image = np.einsum("yk,kdm->dym", basis, series.reference)
    turned = image[:, ::-1].conj() * (x_sign * y_sign)[:, None, None]
    np.testing.assert_allclose(image, turned, atol=1e-12)


def test_tiles_too_low_for_their_gaps_are_refused():
    with pytest.raises(SimulationError, match=r"reach 1\.84 Å .* expected 2\.39 Å"):
        tile_series(
            world_atlas(n_rows=17),
            np.zeros((2, 2, 3, 1, 17, 11)),
            x_sign=np.ones(1),
            y_sign=np.ones(1),
        )
