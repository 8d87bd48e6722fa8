"""How noisy a pixel is, from the image alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_BINS = 24
_SAMPLE = 400_000
_ORDERED = 40_000
_BAND_ROWS = 16
_SMALLEST = 0.05
_MASK_NORM = 6.0
_TINY = 1e-30
_LEAST_NOISE = 3e-4
"""Least noise, in units of the image's spread: an image without noise keeps finite weights."""


@dataclass(frozen=True)
class NoiseModel:
    """Pixel variance as a straight line of intensity: read noise plus shot noise.

    Parameters
    ----------
    offset : float
        Variance at zero intensity, in squared image units.
    gain : float
        Variance per unit of intensity, in image units (1 for counted electrons).
    floor : float
        Smallest variance that is ever returned, positive.
    """

    offset: float
    gain: float
    floor: float

    def variance(self, intensity: Image) -> Image:
        """Return the variance of pixels of this mean intensity, in squared image units."""
        line = np.float32(self.offset) + np.float32(self.gain) * intensity
        return np.maximum(line, np.float32(self.floor))


def estimate_noise(image: Image) -> NoiseModel:
    """Fit the variance line to the part of an image that no smooth object can explain.

    The 3 × 3 mask ``[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]`` cancels every patch that is quadratic
    along either axis; the mean square of what it leaves, per class of smoothed intensity, is noise.
    White noise is assumed: after an interpolation the true value is larger, which the residuals of
    the refinement show.

    References
    ----------
    J. Immerkær, Comput. Vis. Image Underst. 64 (1996) 300, doi:10.1006/cviu.1996.0060
    """
    parts = [_detail(band) for band in _bands(image)]
    smooth, level, square = (np.concatenate(values) for values in zip(*parts, strict=True))
    few = smooth[:: max(1, len(smooth) // _ORDERED)]
    edges = np.unique(np.quantile(few, np.linspace(0, 1, _BINS + 1)[1:-1]))
    label = np.searchsorted(edges, smooth)
    counts = np.bincount(label)
    filled = counts > 0
    share = counts[filled]
    total_level = np.bincount(label, weights=level)[filled]
    total_square = np.bincount(label, weights=square)[filled]
    least = max((_LEAST_NOISE * float(image.std(dtype=np.float64))) ** 2, _TINY)
    return _line(total_level / share, total_square / share, share, least=least)


def _bands(image: Image) -> list[Image]:
    """Return evenly spaced bands of rows that together hold about ``_SAMPLE`` pixels."""
    n_bands = max(1, _SAMPLE // (_BAND_ROWS * image.shape[1]))
    if n_bands * _BAND_ROWS >= image.shape[0]:
        return [image]
    starts = np.linspace(0, image.shape[0] - _BAND_ROWS, n_bands).astype(int)
    return [image[start : start + _BAND_ROWS] for start in starts]


def _detail(band: Image) -> tuple[Image, Image, Image]:
    """Return smoothed intensity, intensity and squared detail of the inner pixels, flat."""
    from scipy.ndimage import uniform_filter

    detail = np.diff(np.diff(band, n=2, axis=0), n=2, axis=1) / np.float32(_MASK_NORM)
    smooth = uniform_filter(band, 5, mode="nearest")[1:-1, 1:-1]
    return smooth.ravel(), band[1:-1, 1:-1].ravel(), (detail**2).ravel()


def _line(
    level: NDArray[np.float64],
    variance: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    least: float,
) -> NoiseModel:
    """Weighted straight line with a non-negative slope; weights follow the variance itself."""
    scale = max(float(np.average(variance, weights=counts)), least)
    weight = counts / np.maximum(variance, _SMALLEST * scale) ** 2
    centre = float(np.average(level, weights=weight))
    mean = float(np.average(variance, weights=weight))
    spread = float(np.sum(weight * (level - centre) ** 2))
    slope = float(np.sum(weight * (level - centre) * variance)) / spread if spread > 0 else 0.0
    slope = max(slope, 0.0)
    return NoiseModel(offset=mean - slope * centre, gain=slope, floor=max(_SMALLEST * scale, least))
