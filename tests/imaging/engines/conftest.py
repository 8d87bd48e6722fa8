"""A small random potential and its grid, shared by the tests of engines."""

import numpy as np
import pytest

from stackmotif.imaging.grids import Grid


def random_slices(grid, count, *, strength_V_A=1500.0, seed=5):
    """Smooth random slices, about as strong as nickel."""
    rng = np.random.default_rng(seed)
    kx, ky = (np.fft.fftfreq(n, step) for n, step in zip(grid.gpts, grid.sampling_A, strict=True))
    smooth = np.exp(-((kx[:, None] / 1.5) ** 2) - (ky[None] / 1.5) ** 2)
    white = np.fft.fft2(rng.standard_normal((count, *grid.gpts)))
    rough = np.fft.ifft2(white * smooth).real
    return (strength_V_A * rough / np.abs(rough).max()).astype(np.float32)


@pytest.fixture(scope="session")
def wide_grid():
    """A cell wide enough for two PRISM windows along each axis."""
    return Grid(
        repeats=(1, 1, 3),
        gpts=(160, 168),
        extent_A=(20.2, 21.4),
        slices_per_period=2,
        period_A=2.86,
    )


@pytest.fixture(scope="session")
def wide_slices(wide_grid):
    return random_slices(wide_grid, 3)
