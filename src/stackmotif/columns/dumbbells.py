"""Pairs of columns that count as one: their middle, found whether the pair is resolved or not."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.cleaning import clean
from stackmotif.columns.model import Columns
from stackmotif.micrograph import Micrograph

_BLUR: Final = 0.21
"""Gaussian sigma [pitches]: two equal peaks merge from a sigma of half their distance on, and that
of a dumbbell along <110> is 0.41 pitches (a/4 against a·sqrt(6)/4)."""
_FARTHEST: Final = 0.35
"""A middle this far from what was found belongs to something else [pitches]."""
_MOST_STEPS: Final = 200
_NEIGHBOURS: Final = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)])


def merge_dumbbells(micrograph: Micrograph, found: Columns, *, pitch_A: float) -> Columns:
    """Return one column for every dumbbell, at the middle, weighted by brightness.

    From every column the nearest peak is climbed of the image blurred so far that a dumbbell has
    one peak; columns that end on the same peak are one. One at the edge stays where it was found.

    Parameters
    ----------
    micrograph : Micrograph
        The image that they were found in.
    found : Columns
        Of dumbbells that are resolved, not resolved, or in part.
    pitch_A : float
        Column pitch of the {111} rows [Å].

    Returns
    -------
    Columns
        Heights, widths and errors are those of the fit that the middle was found from.
    """
    if not len(found):
        return found
    from scipy.ndimage import gaussian_filter

    size = micrograph.pixel_size_A
    pixels, _ = clean(micrograph.image, pitch_px=pitch_A / size)
    sign = 1.0 if float(np.median(found.intensity)) >= 0 else -1.0
    smooth = gaussian_filter(sign * pixels.astype(np.float64), _BLUR * pitch_A / size)
    start = found.positions_A / size
    peak = _climb(smooth, np.rint(start).astype(np.int64))
    _, first = np.unique(peak, axis=0, return_index=True)
    middle = _vertex(smooth, peak[first], reach=max(1, round(0.5 * _BLUR * pitch_A / size)))
    cut = _beside_edge(middle, smooth.shape, _BLUR * pitch_A / size)
    middle = np.where(cut[:, None], start[first], middle)
    near = np.hypot(*(middle - start[first]).T) <= _FARTHEST * pitch_A / size
    kept = found.take(first[near])
    merged = replace(kept, positions_A=middle[near] * size)
    return merged.take(np.lexsort(merged.positions_A.T[::-1]))


def _beside_edge(
    place: NDArray[np.float64], shape: tuple[int, ...], distance_px: float
) -> NDArray[np.bool_]:
    """Mark places so near the edge that the blurred image holds no peak of what stands there."""
    high = np.array(shape) - 1.0
    return np.asarray((np.minimum(place, high - place) < distance_px).any(axis=1))


def _climb(image: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the local maximum that every pixel (n, 2) leads up to, which may be at the edge."""
    high = np.array(image.shape) - 1
    place = np.clip(place, 0, high)
    for _ in range(_MOST_STEPS):
        around = np.clip(place[:, None, :] + _NEIGHBOURS, 0, high)
        best = image[around[..., 0], around[..., 1]].argmax(axis=1)
        moved = around[np.arange(len(place)), best]
        if (moved == place).all():
            break
        place = moved
    return place


def _vertex(
    image: NDArray[np.float64], peak: NDArray[np.int64], *, reach: int
) -> NDArray[np.float64]:
    """Return the vertex of a paraboloid through nine points ``reach`` pixels apart, (y, x) [px]."""
    high = np.array(image.shape) - 1
    at = np.clip(peak[:, None, :] + reach * _NEIGHBOURS, 0, high)
    value = image[at[..., 0], at[..., 1]]
    y, x = _NEIGHBOURS.T.astype(np.float64)
    terms = np.stack([np.ones(9), y, x, y * y, x * x, y * x], axis=1)
    _, by, bx, cy, cx, cross = (value @ np.linalg.pinv(terms).T).T
    det = 4.0 * cy * cx - cross**2
    safe = (det > 0) & (cy < 0)
    det = np.where(safe, det, 1.0)
    step = np.stack([cross * bx - 2 * cx * by, cross * by - 2 * cy * bx], axis=1) / det[:, None]
    inside = safe & (np.abs(step) <= 1.0).all(axis=1)
    return peak + reach * np.where(inside[:, None], step, 0.0)
