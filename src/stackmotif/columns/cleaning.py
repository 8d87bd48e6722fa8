"""Pixels that no specimen wrote: hot pixels and rows, burned-in scale bars."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.noise import Image

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SAMPLE = 200_000
_RANGES = 2.0
_NOISES = 8.0
_MOST_HOT = 0.01
_COUNTED = 0.1
"""Where more of all that stands out is hot, most pixels are empty and the others hold electrons."""
_SHOULDER = 0.7
_LONGEST = 1.5
_FLAT = 0.05
_SMALLEST = 0.5
_MOSTLY = 0.8
_MOST_COVERED = 0.1
_LEVELS = 3
_GROWN_PX = 2
_TO_SIGMA = 1.4826


def clean(image: Image, *, pitch_px: float) -> tuple[Image, Bools]:
    """Replace pixels that cannot belong to a column, and mark what is covered.

    A flat bright object longer than 1.5 pitches, such as a scale bar, is filled with the median of
    the image. A pixel farther from the median of its neighbourhood than twice the range of such
    medians is replaced by it. All other pixels keep their values.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
    pitch_px : float
        Distance of neighbouring columns [px].

    Returns
    -------
    image : ndarray of float32, shape (y, x)
    covered : ndarray of bool, shape (y, x)
        Where a flat object hides the specimen, grown by two pixels.
    """
    calm = _median_of_medians(image)
    covered = _flat_objects(calm, pitch_px)
    hot = _hot_pixels(image, calm, covered)
    if not (hot.any() or covered.any()):
        return image, covered
    middle = np.float32(np.median(_sample(calm)))
    return np.where(covered, middle, np.where(hot, calm, image)), covered


def far_from(covered: Bools, positions_px: Floats, *, distance_px: float) -> Bools:
    """Mark positions farther than a distance from every covered pixel."""
    from scipy.spatial import cKDTree

    if not covered.any() or not len(positions_px):
        return np.ones(len(positions_px), dtype=bool)
    return cKDTree(np.argwhere(covered)).query(positions_px)[0] > distance_px


def _median_of_medians(image: Image) -> Image:
    """Return medians of three along x, then along y: free of lone pixels, rows and columns."""
    for axis in (1, 0):
        width = [(1, 1) if number == axis else (0, 0) for number in range(2)]
        padded = np.moveaxis(np.pad(image, width, mode="reflect"), axis, 0)
        before, here, after = padded[:-2], padded[1:-1], padded[2:]
        low, high = np.minimum(before, after), np.maximum(before, after)
        image = np.moveaxis(np.clip(here, low, high), 0, axis)
    return np.ascontiguousarray(image)


def _sample(image: Image) -> Image:
    return image.ravel()[:: max(1, image.size // _SAMPLE)]


def _hot_pixels(image: Image, calm: Image, covered: Bools) -> Bools:
    """Mark pixels beyond the range of the medians; none where so many are that they are counts."""
    rest = image - calm
    free = calm[~covered]
    noise = _TO_SIGMA * float(np.median(np.abs(_sample(rest))))
    limit = _RANGES * (float(free.max()) - float(free.min())) + _NOISES * noise
    hot = (np.abs(rest) > limit) & ~covered
    counts = hot.sum() > _COUNTED * np.count_nonzero(rest)
    return np.zeros_like(hot) if counts or hot.mean() > _MOST_HOT else hot


def _flat_objects(calm: Image, pitch_px: float) -> Bools:
    """Mark long objects of one brightness that overtop the image, level after level."""
    from scipy.ndimage import binary_dilation

    covered = np.zeros(calm.shape, dtype=bool)
    middle = float(np.median(_sample(calm)))
    for _ in range(_LEVELS):
        top = float(np.max(calm, where=~covered, initial=middle))
        shoulder = middle + _SHOULDER * (top - middle)
        found = _long_and_flat((calm > shoulder) & ~covered, calm, top - middle, pitch_px)
        if not found.any():
            break
        covered |= binary_dilation(found, iterations=_GROWN_PX)
    return covered if covered.mean() <= _MOST_COVERED else np.zeros_like(covered)


def _long_and_flat(bright: Bools, calm: Image, height: float, pitch_px: float) -> Bools:
    """Keep connected parts longer than 1.5 pitches whose brightness hardly varies.

    None where much else is as bright: then columns are, and the parts are noise that runs together.
    """
    from scipy.ndimage import find_objects, label

    labels, _ = label(bright)
    kept = np.zeros_like(bright)
    for number, box in enumerate(find_objects(labels), start=1):
        if all(part.stop - part.start <= _LONGEST * pitch_px for part in box):
            continue
        inside = labels[box] == number
        if inside.sum() < _SMALLEST * pitch_px**2:
            continue
        low, high = np.quantile(calm[box][inside], (0.25, 0.75))
        if high - low <= _FLAT * height:
            kept[box] |= inside
    return kept if kept.sum() >= _MOSTLY * bright.sum() else np.zeros_like(bright)
