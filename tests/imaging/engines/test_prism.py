"""PRISM against multislice, and what it refuses."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines import detect, detect_prism, detector_weights, prism_window
from stackmotif.imaging.engines.optics import band_aperture, interaction_per_V_A
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Detector, Microscope

SCOPE = Microscope(
    300e3,
    15.0,
    (Detector("BF", 0, 7.5), Detector("ring", 7.5, 25), Detector("ADF", 25, 45)),
    defocus_A=20.0,
)
POINTS = np.random.default_rng(3).uniform(-3, 24, (12, 2))
EXITS = [2, 5]


def both(slices, grid, interpolation, **changes):
    settings = {"grid": grid, "microscope": SCOPE, "exit_slices": EXITS, **changes}
    full = detect(slices, POINTS, weights=detector_weights(grid, SCOPE, edges="area"), **settings)
    window = prism_window(grid, interpolation)
    weights = detector_weights(window, SCOPE, edges="area")
    fast = detect_prism(slices, POINTS, weights=weights, interpolation=interpolation, **settings)
    return full, fast


def test_without_interpolation_it_is_multislice(wide_slices):
    grid = Grid((1, 1, 3), (80, 84), (9.0, 9.4), 2, 2.86)
    full, fast = both(wide_slices[:, ::2, ::2], grid, 1)
    np.testing.assert_allclose(fast, full, atol=1e-5)
    assert np.ptp(full, axis=2).min() > 0.01


def test_a_window_that_holds_the_probe_is_close_to_multislice(wide_slices, wide_grid):
    full, fast = both(wide_slices, wide_grid, 2)
    contrast = np.ptp(full, axis=2, keepdims=True)
    assert np.abs((fast - full) / contrast).max() < 0.05
    for one, other in zip(full.reshape(-1, 12), fast.reshape(-1, 12), strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.998


def test_transmission_functions_do_as_well_as_potentials(wide_slices):
    """The same slices as waves within the band: multislice and PRISM see no difference."""
    grid = Grid((1, 1, 3), (80, 84), (9.0, 9.4), 2, 2.86)
    volts = wide_slices[:, ::2, ::2]
    band = band_aperture(grid)
    waves = np.fft.ifft2(np.fft.fft2(np.exp(1j * interaction_per_V_A(SCOPE) * volts)) * band)
    plain, as_waves = both(volts, grid, 1), both(waves.astype(np.complex64), grid, 1)
    for one, other in zip(plain, as_waves, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_one_of_several_sets_of_wave_vectors_is_refused(wide_slices):
    grid = Grid((1, 1, 3), (80, 84), (9.0, 9.4), 2, 2.86, k_points=(2, 1))
    with pytest.raises(SimulationError, match="one of 2 sets of wave vectors, which PRISM"):
        detect_prism(
            wide_slices[:, ::2, ::2], POINTS, grid=grid, microscope=SCOPE, exit_slices=[2],
            weights=detector_weights(grid, SCOPE, edges="area"), interpolation=1,
        )  # fmt: skip


def test_vacuum_holds_the_whole_beam(wide_grid):
    nothing = np.zeros((1, *wide_grid.gpts), dtype=np.float32)
    _, fast = both(nothing, wide_grid, 2)
    np.testing.assert_allclose(fast[:, :2].sum(axis=1), 1.0, atol=2e-5)


def test_progress_counts_every_probe_once(wide_slices, wide_grid):
    counts = []
    both(wide_slices, wide_grid, 2, advance=counts.append)
    assert sum(counts) == 2 * len(POINTS)


def test_memory_that_runs_out_halves_the_batch_of_plane_waves(wide_slices, monkeypatch):
    import torch

    grid = Grid((1, 1, 3), (80, 84), (9.0, 9.4), 2, 2.86)
    slices = wide_slices[:, ::2, ::2]
    _, expected = both(slices, grid, 1)
    original = torch.fft.fft2

    def narrow(waves):
        if waves.shape[-2:] == grid.gpts and len(waves) > 1 and waves.ndim == 3:
            raise torch.OutOfMemoryError("out of memory: injected")
        return original(waves)

    monkeypatch.setattr("torch.fft.fft2", narrow)
    _, found = both(slices, grid, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("interpolation", "message"),
    [(4, r"window of 5\.0 x 5\.3 Å; expected 10 Å"), (5, "divisor of both"), (0, "divisor")],
)
def test_windows_that_cannot_hold_a_probe_are_refused(wide_grid, interpolation, message):
    with pytest.raises(SimulationError, match=message):
        prism_window(wide_grid, interpolation)


def test_too_many_plane_waves_are_refused(wide_slices, wide_grid, monkeypatch):
    monkeypatch.setattr("stackmotif.imaging.engines.prism.free_bytes", lambda _: 1e6)
    with pytest.raises(SimulationError, match="plane waves need"):
        both(wide_slices, wide_grid, 2)
