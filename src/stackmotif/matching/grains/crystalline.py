"""Whether a region without recognised columns is a crystal: spots in its power spectra."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SIDE_A: Final = 14.0
_FILLED: Final = 0.9
_PERIODS_A: Final = (1.2, 3.2)
_SPOTS: Final = 15.0
"""Power of the strongest spot over the mean of a speckle of its ring. In scenes of development
(1000 e/Å²) 99 of 100 windows of film stay below it, those of rock salt have a median of 35."""
_MOST: Final = 60
"""Windows that are enough for a region, about."""
_COUNTED: Final = 0.05
"""Share of pixels that must differ from the commonest value: fewer electrons make no spectrum."""


def is_crystalline(
    image: NDArray[np.floating], region: Bools, *, pixel_size_A: float, step_A: float
) -> bool:
    """Tell whether half or more of the windows inside a region have spots of a lattice.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Pixels.
    region : ndarray of bool, shape (n, m)
        On a grid of ``step_A`` from the corner of the image [Å].
    pixel_size_A, step_A : float
        Edge of a pixel and of a place of the grid [Å].

    Returns
    -------
    bool
        False where no window of 14 Å fits into the region.
    """
    windows = _windows(region, step_A)
    side = round(_SIDE_A / pixel_size_A)
    corner = np.rint(windows / pixel_size_A).astype(np.int64)
    fits = (corner + side <= image.shape).all(axis=1)
    if not fits.any():
        return False
    chosen = corner[fits][:: max(1, int(fits.sum()) // _MOST)]
    tiles = np.stack([image[y : y + side, x : x + side] for y, x in chosen])
    return bool(np.median(_strongest(tiles.astype(np.float64), pixel_size_A)) > _SPOTS)


def _windows(region: Bools, step_A: float) -> Floats:
    """Return the upper left corners (n, 2) [Å] of windows that the region fills."""
    from scipy.ndimage import uniform_filter

    size = round(_SIDE_A / step_A)
    filled = uniform_filter(region.astype(np.float64), size, mode="constant")[
        size // 2 :: size // 2, size // 2 :: size // 2
    ]
    return np.asarray(np.argwhere(filled >= _FILLED) * (size // 2) * step_A, dtype=np.float64)


def _strongest(tiles: Floats, pixel_size_A: float) -> Floats:
    """Return the strongest spot of each tile (n, side, side) over the speckle of its ring."""
    side = tiles.shape[1]
    taper = np.hanning(side)
    flat = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) * np.outer(taper, taper)
    power = np.abs(np.fft.fft2(flat)) ** 2
    frequency = np.fft.fftfreq(side, pixel_size_A)
    size = np.hypot(frequency[:, None], frequency)
    ring = np.rint(size * side * pixel_size_A).astype(np.int64)
    best = np.zeros(len(tiles))
    for number in range(ring.max() + 1):
        radius = number / (side * pixel_size_A)
        if 1 / _PERIODS_A[1] <= radius <= 1 / _PERIODS_A[0]:
            own = power[:, ring == number]
            speckle = np.median(own, axis=1) / np.log(2.0)  # of an exponential distribution
            best = np.maximum(best, own.max(axis=1) / np.maximum(speckle, 1e-300))
    dark = np.median(tiles, axis=(1, 2), keepdims=True)
    return np.where((tiles != dark).mean(axis=(1, 2)) >= _COUNTED, best, 0.0)
