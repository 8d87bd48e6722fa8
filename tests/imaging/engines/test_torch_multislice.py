"""The torch multislice: against the bare probe, against symmetry, against itself in parts."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines import annulus, detect
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Detector, Microscope

SCOPE = Microscope(300e3, 20.0, (Detector("ADF", 25, 75),))
GRID = Grid(
    repeats=(1, 1, 4),
    gpts=(96, 128),
    extent_A=(6.0, 8.0),
    slices_per_period=2,
    period_A=2.8,
)
BANDS = ((0.0, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 100.0))


def weights(edges="area"):
    return np.stack(
        [
            annulus(GRID, SCOPE.wavelength_A, *band, semiangle_mrad=20.0, edges=edges)
            for band in BANDS
        ]
    )


@pytest.fixture(scope="module")
def slices():
    """A smooth random potential of four slices, about as strong as a column of nickel."""
    rng = np.random.default_rng(5)
    kx, ky = (np.fft.fftfreq(n, step) for n, step in zip(GRID.gpts, GRID.sampling_A, strict=True))
    smooth = np.exp(-((kx[:, None] / 1.5) ** 2) - (ky[None] / 1.5) ** 2)
    white = np.fft.fft2(rng.standard_normal((4, *GRID.gpts)))
    rough = np.fft.ifft2(white * smooth).real
    return (300 * rough / np.abs(rough).max()).astype(np.float32)


POINTS = np.array([[0.0, 0.0], [1.3, 2.2], [4.4, 6.1], [2.0, 7.9], [5.1, 3.3]])


def run(slices, **changes):
    settings = {"grid": GRID, "microscope": SCOPE, "exit_slices": [2, 8], "weights": weights()}
    return detect(slices, POINTS, **{**settings, **changes})


def test_vacuum_leaves_the_probe_alone(slices):
    found = run(np.zeros_like(slices))
    assert found.shape == (2, 4, 5)
    np.testing.assert_allclose(found[:, :3].sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(found[:, 3], 0.0, atol=1e-5)
    # A quarter of the disc's area lies below half its radius.
    np.testing.assert_allclose(found[:, 0], 0.25, atol=0.02)


def test_intensity_inside_the_band_is_conserved(slices):
    everything = np.ones((1, *GRID.gpts), dtype=np.float32)
    found = run(slices, weights=everything)
    assert found.max() < 1 + 1e-5
    assert found.min() > 0.9


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_batches_change_nothing(slices, batch):
    np.testing.assert_allclose(run(slices, batch=batch), run(slices, batch=3), rtol=1e-5)


def test_slices_repeat_and_exit_planes_are_thinner_crystals(slices):
    once = run(slices, exit_slices=[6])
    twice = run(np.concatenate([slices, slices]), exit_slices=[2, 6, 8])
    np.testing.assert_allclose(twice[1], once[0], rtol=1e-5)
    np.testing.assert_allclose(twice[::2], run(slices), rtol=1e-5)


def test_a_shifted_crystal_under_a_shifted_probe_is_the_same(slices):
    step = np.array(GRID.sampling_A)
    moved = np.roll(slices, (5, 7), axis=(1, 2))
    found = detect(
        moved,
        POINTS + step * (5, 7),
        grid=GRID,
        microscope=SCOPE,
        exit_slices=[8],
        weights=weights(),
    )
    np.testing.assert_allclose(found[0], run(slices)[1], rtol=1e-4)


def test_a_turned_crystal_under_a_turned_probe_is_the_same(slices):
    turned = np.roll(slices[:, ::-1, ::-1], (1, 1), axis=(1, 2))
    found = detect(turned, -POINTS, grid=GRID, microscope=SCOPE, exit_slices=[8], weights=weights())
    np.testing.assert_allclose(found[0], run(slices)[1], rtol=1e-4)


def test_progress_counts_the_probes(slices):
    counts = []
    run(slices, batch=2, advance=counts.append)
    assert counts == [2, 2, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exit_slices": [4, 4]}, "exit planes are after"),
        ({"exit_slices": []}, "exit planes are after"),
        ({"weights": np.ones((2, 5, 5), dtype=np.float32)}, "weights have the shape"),
        ({"edges": "sharp"}, "edges are 'sharp'"),
        ({"device": "abacus"}, "device is 'abacus'"),
    ],
)
def test_what_does_not_fit_is_refused(slices, changes, message):
    with pytest.raises(SimulationError, match=message):
        run(slices, **changes)


def test_memory_that_runs_out_halves_the_batch(slices, monkeypatch):
    import torch

    sizes = []
    original = torch.fft.ifft2

    def narrow(waves):
        sizes.append(len(waves))
        if waves.ndim == 3 and len(waves) > 1:
            raise torch.OutOfMemoryError("out of memory: injected")
        return original(waves)

    expected = run(slices)
    monkeypatch.setattr("torch.fft.ifft2", narrow)
    np.testing.assert_allclose(run(slices, batch=4), expected, rtol=1e-5)
    assert 4 in sizes
    assert 2 in sizes


def test_other_errors_of_torch_are_not_taken_for_memory(slices, monkeypatch):
    def broken(_):
        raise RuntimeError("cuFFT error")

    monkeypatch.setattr("torch.fft.ifft2", broken)
    with pytest.raises(RuntimeError, match="cuFFT"):
        run(slices)
