"""How much each column's patch leans, in units of the lean of a slab, and how sure that is.

The patches of tilts R and L differ by oxygen spots of opposite sign at the four corners around the
metal: odd along the row and odd across it. A displaced metal, a gradient and a round tail are none
of that, so they drop out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.oxygen.patches import Patches
from stackmotif.matching.oxygen.pattern import Pattern, spots

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROW_SPREAD: Final = 0.15
"""What a whole row may be off by, in leans: displaced scan lines, guests, surroundings. Parameter."""
LONGEST: Final = 20
"""Columns beyond which more of the same row add nothing."""
NEIGHBOURS: Final = (1.5, 5.0)
"""Gaussian sigma of the neighbourhood that contrast is taken from: rows, columns. A parameter."""
FAINTEST: Final = 0.35
"""Contrast, relative to that of the field, below which a place does not tell. A parameter."""
_SIGNIFICANT: Final = 9.0
"""Gain in twice the log likelihood that leaning patches at all must have."""
_HEIGHT_DOUBT: Final = 0.25
"""How far the lean may be from the height of the oxygen spots in the mean patch, relative to it."""
_LAGS: Final = 3


@dataclass(frozen=True)
class Evidence:
    """The lean of every column's patch.

    Parameters
    ----------
    lean : ndarray, shape (n,)
        +1 for tilt ``R`` (oxygen above the metal displaced towards +u), -1 for ``L``, and noise.
    variance : ndarray, shape (n,)
        Of each, such that a whole row adds up right.
    contrast : ndarray, shape (n,)
        Contrast of the neighbourhood, relative to that of the field; NaN where no patch is.
    match : ndarray, shape (n,)
        How much of the even part of the mean patch (metal, oxygen of both tilts) stands there: about
        1 on a lattice that is that of the columns, averaged along the row; NaN where no patch is.
    used : ndarray of bool, shape (n,)
        Columns whose patch lies inside the image.
    amplitude, noise : float
        Lean of a slab and standard deviation of one column, in grey levels.
    gain : float
        Twice the log likelihood that patches lean, against that they do not.
    """

    lean: Floats
    variance: Floats
    contrast: Floats
    match: Floats
    used: Bools
    amplitude: float
    noise: float
    gain: float

    @property
    def significant(self) -> bool:
        """Whether there is any lean at all."""
        return self.gain > _SIGNIFICANT and self.amplitude > 0


def weigh(patches: Patches, pattern: Pattern, row: Ints, slot: Ints) -> Evidence:
    """Return the lean of every patch.

    Parameters
    ----------
    patches : Patches
        Around the columns, offset taken out, ``REACH`` above and below.
    pattern : Pattern
        Of the field.
    row, slot : ndarray of int, shape (n,)
        Place of each column on the integer lattice.
    """
    _, metal, right, left = spots(patches.u, patches.v, pattern.widths)
    sign = 1.0 if pattern.bright else -1.0
    raw = sign * _coefficient(patches.values, 0.5 * (right - left), _odd(patches, metal))
    used = patches.whole
    noise, spread = _noise(raw, row, slot, used)
    mean, error, _ = _row_means(raw, noise * spread, row, used)
    amplitude, gain = _amplitude(mean, error, height=abs(float(pattern.heights[2:].sum())))
    if not amplitude > 0:
        return _nothing(raw, noise, used)
    scale = amplitude
    contrast = _local_contrast(raw / scale, (noise / scale) ** 2, row, slot, used)
    length = np.minimum(np.bincount(row[used], minlength=int(row.max()) + 1), LONGEST)[row]
    floor = np.fmax(contrast, FAINTEST)
    variance = spread**2 * (noise / scale / floor) ** 2 + length * ROW_SPREAD**2
    return Evidence(
        lean=raw / scale / floor,
        variance=variance,
        contrast=contrast,
        match=_match(patches, row, slot),
        used=used,
        amplitude=amplitude,
        noise=noise,
        gain=gain,
    )


def _nothing(raw: Floats, noise: float, used: Bools) -> Evidence:
    nan = np.full(len(raw), np.nan)
    return Evidence(0.0 * raw, nan + np.inf, nan, nan, used & False, 0.0, noise, 0.0)


def _odd(patches: Patches, metal: Floats) -> Floats:
    """Return the lean of an elongated metal spot (astigmatism), which oxygen has no part in."""
    lean = np.sin(2 * np.pi * patches.u)[None] * patches.v[:, None] * metal
    return np.asarray(lean)


def _coefficient(values: NDArray[np.float32], wanted: Floats, unwanted: Floats) -> Floats:
    """Return the height of ``wanted`` in each patch, background and ``unwanted`` fitted beside."""
    others = np.stack([np.ones(wanted.size), unwanted.ravel()], axis=1)
    rest = wanted.ravel() - others @ np.linalg.lstsq(others, wanted.ravel(), rcond=None)[0]
    flat = values.reshape(len(values), -1).astype(np.float64)
    return np.asarray(flat @ (rest / np.sum(rest**2)))


def _grid(values: Floats, row: Ints, slot: Ints, used: Bools) -> Floats:
    """Lay values on the (row, slot) grid, NaN where there is none."""
    grid = np.full((int(row.max()) + 1, int(slot.max()) + 1), np.nan)
    grid[row[used], slot[used]] = values[used]
    return grid


def _noise(raw: Floats, row: Ints, slot: Ints, used: Bools) -> tuple[float, float]:
    """Return the standard deviation of one column, and what correlation makes of it over a row.

    From second differences along the rows, in which the lean of a slab drops out.
    """
    grid = _grid(raw, row, slot, used)
    step = np.diff(grid, axis=1)
    step = step[np.isfinite(step)]
    if len(step) < 8:
        return float("inf"), 1.0
    grid = grid[np.isfinite(grid).any(axis=1)]
    centred = grid - np.nanmedian(grid, axis=1, keepdims=True)
    noise = 1.4826 * float(np.median(np.abs(step))) / np.sqrt(2)
    limit = 4 * noise
    small = np.where(np.abs(centred) < limit, centred, np.nan)
    total = 1.0
    power = float(np.nanmean(small**2)) if np.isfinite(small).any() else 1.0
    for lag in range(1, _LAGS + 1):
        if lag < small.shape[1]:
            product = small[:, lag:] * small[:, :-lag]
            if np.isfinite(product).sum() > 20:
                total += 2 * float(np.nanmean(product)) / power
    return noise, float(np.sqrt(np.clip(total, 1.0, 2 * _LAGS + 1)))


def _row_means(raw: Floats, noise: float, row: Ints, used: Bools) -> tuple[Floats, Floats, Floats]:
    count = np.bincount(row[used], minlength=int(row.max()) + 1)
    mean = np.bincount(row[used], raw[used], int(row.max()) + 1) / np.maximum(count, 1)
    there = count > 0
    return mean[there], noise / np.sqrt(count[there]), count[there]


def _amplitude(mean: Floats, error: Floats, *, height: float) -> tuple[float, float]:
    """Return the lean that explains row means as plus and minus itself, and its gain over none.

    It is near the height of the oxygen in the mean patch, of which the tilts are no part.
    """
    if not len(mean) or not np.all(np.isfinite(error)) or not height > 0:
        return 0.0, 0.0
    tried = np.linspace(0.0, 2.0 * height, 121)
    wide = np.sqrt(error**2 + (ROW_SPREAD * tried[:, None]) ** 2)
    near = -0.5 * ((np.abs(mean) - tried[:, None]) / wide) ** 2
    far = -0.5 * ((np.abs(mean) + tried[:, None]) / wide) ** 2
    density = np.log(0.5) + np.logaddexp(near, far) - np.log(wide)
    outlier = np.log(0.02) - np.log(4 * height)
    total = np.logaddexp(np.log(0.98) + density, outlier).sum(axis=1)
    prior = -0.5 * ((tried - height) / (_HEIGHT_DOUBT * height)) ** 2
    best = int(np.argmax(total + prior))
    return float(tried[best]), 2 * float(total[best] - total[0])


def _local_contrast(lean: Floats, noise2: float, row: Ints, slot: Ints, used: Bools) -> Floats:
    """Return the root of the local mean square lean, noise taken off."""
    from scipy.ndimage import gaussian_filter

    grid = _grid(lean, row, slot, used)
    there = np.isfinite(grid)
    weight = gaussian_filter(there.astype(np.float64), NEIGHBOURS, mode="constant")
    power = gaussian_filter(np.where(there, grid**2, 0.0), NEIGHBOURS, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        square = power / weight - noise2
        doubt = noise2 * np.sqrt(2 / np.maximum(weight * _neighbourhood(), 1.0))
    # Shrunk towards the field's own contrast where noise leaves it open.
    prior = 0.25
    square = (square * prior**2 + doubt**2) / (prior**2 + doubt**2)
    local = np.sqrt(np.clip(square, 0.0, 16.0))
    return np.where(used, local[row, slot], np.nan)


def _neighbourhood() -> float:
    """Return the number of columns that a full neighbourhood averages over."""
    return float(4 * np.pi * NEIGHBOURS[0] * NEIGHBOURS[1])


def _match(patches: Patches, row: Ints, slot: Ints) -> Floats:
    """Return the height of the even part of the mean patch in the mean patch along the row."""
    from scipy.ndimage import uniform_filter1d

    mean = patches.values[patches.whole].mean(axis=0, dtype=np.float64)
    even = 0.5 * (mean + np.roll(mean[:, ::-1], 1, axis=1))
    slope = np.asarray(patches.v[:, None] + 0 * even)
    grid = _grid(_coefficient(patches.values, even, slope), row, slot, patches.whole)
    there = np.isfinite(grid)
    size = min(9, grid.shape[1])
    total = uniform_filter1d(np.where(there, grid, 0.0), size, axis=1, mode="constant")
    count = uniform_filter1d(there.astype(np.float64), size, axis=1, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        local = np.where(there, total / count, np.nan)
    return np.asarray(local[row, slot])
