import numpy as np
import pytest

from stackmotif.errors import ReadError
from stackmotif.micrograph import Micrograph, enhance, local_fft


def wave(period_A, *, pixel_size_A=0.25, n=128):
    x = np.arange(n) * pixel_size_A
    image = 5 + np.cos(2 * np.pi * x / period_A)[None] * np.ones((n, 1))
    return Micrograph(image, pixel_size_A=pixel_size_A)


def test_a_wave_is_a_peak_at_its_frequency():
    log_power, step = local_fft(wave(2.0))
    y, x = np.unravel_index(log_power.argmax(), log_power.shape)
    assert y == 64
    assert abs(x - 64) * step == pytest.approx(0.5)


def test_a_region_is_cut_in_angstrom():
    log_power, step = local_fft(wave(2.0), region_A=(0, 8, 16, 24))
    assert log_power.shape == (64, 64)
    assert step == pytest.approx(1 / 16)


@pytest.mark.parametrize("region", [(-1, 0, 8, 8), (0, 0, 8, 99), (8, 0, 8, 8)])
def test_a_region_outside_is_refused(region):
    with pytest.raises(ReadError, match="not inside the image of 32 × 32 Å"):
        local_fft(wave(2.0), region_A=region)


def test_a_tiny_region_is_refused():
    with pytest.raises(ReadError, match="too small for a spectrum"):
        local_fft(wave(2.0), region_A=(0, 0, 2, 2))


def test_low_pass_halves_its_period_and_is_recorded():
    before = wave(2.0)
    after = enhance(before, resolution_A=2.0)
    middle = slice(32, 96)
    ratio = np.ptp(after.image[:, middle]) / np.ptp(before.image[:, middle])
    assert ratio == pytest.approx(0.5, abs=0.01)
    assert after.history == ("low-pass, half amplitude at 2 Å",)
    assert after.pixel_size_A == before.pixel_size_A


def test_high_pass_keeps_the_mean_and_drops_a_ramp():
    ramp = np.linspace(0, 10, 128)[None] * np.ones((128, 1))
    before = Micrograph(ramp, pixel_size_A=0.25)
    after = enhance(before, resolution_A=0.5, background_A=8.0)
    assert after.image.mean() == pytest.approx(5.0, abs=0.05)
    assert np.ptp(after.image[:, 32:96]) < 0.05 * np.ptp(ramp)


@pytest.mark.parametrize(("low", "high"), [(0, None), (float("nan"), None), (2.0, 1.0)])
def test_periods_must_make_sense(low, high):
    with pytest.raises(ReadError, match="_A is"):
        enhance(wave(2.0), resolution_A=low, background_A=high)
