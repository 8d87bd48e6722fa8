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
"""What a whole row may be off by, in leans: scan lines, guests, surroundings. A parameter."""
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
BETWEEN: Final = 0.3
"""Standard deviation of the lean of a stretch that leans neither way, in leans. A parameter."""
_NONE, _STRAY = 0.1, 0.02
"""Shares of stretches that lean neither way, and of anything, that are allowed for."""
_LAGS: Final = 3
_ENOUGH: Final = 20
DISPLACED: Final = 0.2
"""How much more of the pattern stands a third beside a row that is displaced. A parameter."""
_FEW: Final = 6
_BLOCK: Final = 9
_ALLOWED: Final = 1.5
"""Standard errors of a block that noise may take from what stands there."""
_MOST_ALLOWED: Final = 0.5


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
        How much of the even part of the mean patch (metal, oxygen of both tilts) stands there:
        about 1 on a lattice that is that of the columns, averaged along the row, and what noise may
        have taken from it added; NaN where no patch is.
    displaced : ndarray of bool, shape (n,)
        Columns of rows that the oxygen image shows a third of the pitch beside.
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
    displaced: Bools
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
    height = abs(float(pattern.heights[2:].sum()))
    noise, spread = _noise(raw, row, slot, used, height=height)
    # Whole rows show a faint lean, blocks one that changes along the row.
    blocks = (np.zeros_like(slot), slot // _BLOCK)
    means = [_means(raw, noise * spread, row, block, used) for block in blocks]
    amplitude, gain = max((_amplitude(*one, height=height) for one in means), key=lambda a: a[1])
    if not amplitude > 0:
        return _nothing(raw, noise, used)
    scale = amplitude
    contrast = _local_contrast(raw / scale, (noise / scale) ** 2, row, slot, used)
    length = np.minimum(np.bincount(row[used], minlength=int(row.max()) + 1), LONGEST)[row]
    floor = np.fmax(contrast, FAINTEST)
    variance = spread**2 * (noise / scale / floor) ** 2 + length * ROW_SPREAD**2
    match, displaced = _match(patches, row, slot)
    return Evidence(
        lean=raw / scale / floor,
        variance=variance,
        contrast=contrast,
        match=match,
        displaced=displaced & used,
        used=used,
        amplitude=amplitude,
        noise=noise,
        gain=gain,
    )


def _nothing(raw: Floats, noise: float, used: Bools) -> Evidence:
    nan = np.full(len(raw), np.nan)
    none = used & False
    return Evidence(0.0 * raw, nan + np.inf, nan, nan, none, used, 0.0, noise, 0.0)


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


def _noise(
    raw: Floats, row: Ints, slot: Ints, used: Bools, *, height: float
) -> tuple[float, float]:
    """Return the standard deviation of one column, and what correlation makes of it over a row.

    Steps along a row have no part of the lean. Correlation is that of what is left when each block
    of columns has the lean taken off that its mean is nearest to: ``height`` to either side, or 0.
    """
    grid = _grid(raw, row, slot, used)
    step = np.diff(grid, axis=1)
    step = step[np.isfinite(step)]
    if len(step) < _FEW:
        return float("inf"), 1.0
    noise = 1.4826 * float(np.median(np.abs(step))) / np.sqrt(2)
    local = _along(grid)
    lean = np.where(np.abs(local) > 0.5 * height, np.sign(local) * height, 0.0)
    rest = np.clip(grid - lean, -4 * noise, 4 * noise)
    return noise, float(np.sqrt(np.clip(_correlation(rest), 1.0, 2 * _LAGS + 1)))


def _correlation(rest: Floats) -> float:
    """Return 1 plus twice the sum of the correlations of neighbours along the rows."""
    power = float(np.nanmean(rest**2))
    total = 1.0
    for lag in range(1, min(_LAGS, rest.shape[1] - 1) + 1):
        product = rest[:, lag:] * rest[:, :-lag]
        if np.isfinite(product).sum() > _ENOUGH and power > 0:
            total += 2 * float(np.nanmean(product)) / power
    return total


def _means(raw: Floats, noise: float, row: Ints, block: Ints, used: Bools) -> tuple[Floats, Floats]:
    """Return the mean over each block of columns of each row, and its error."""
    number = row * (int(block.max()) + 1) + block
    count = np.bincount(number[used])
    mean = np.bincount(number[used], raw[used]) / np.maximum(count, 1)
    there = count > 0
    return mean[there], noise / np.sqrt(count[there])


def _amplitude(mean: Floats, error: Floats, *, height: float) -> tuple[float, float]:
    """Return the lean that explains means as plus and minus itself, and its gain over none.

    It is near the height of the oxygen in the mean patch, of which the tilts are no part. Some
    means may be near zero (tilts on top of each other), and a few anything.
    """
    if not len(mean) or not np.all(np.isfinite(error)) or not height > 0:
        return 0.0, 0.0
    tried = np.linspace(0.0, 2.0 * height, 121)
    wide = np.sqrt(error**2 + (ROW_SPREAD * tried[:, None]) ** 2)
    near = _log_normal(np.abs(mean) - tried[:, None], wide)
    far = _log_normal(np.abs(mean) + tried[:, None], wide)
    none = _log_normal(mean, np.sqrt(error**2 + (BETWEEN * tried[:, None]) ** 2))
    leaning = np.log(0.5) + np.logaddexp(near, far)
    density = np.logaddexp(np.log(1 - _NONE) + leaning, np.log(_NONE) + none)
    outlier = np.log(_STRAY) - np.log(4 * height)
    total = np.logaddexp(np.log(1 - _STRAY) + density, outlier).sum(axis=1)
    prior = -0.5 * ((tried - height) / (_HEIGHT_DOUBT * height)) ** 2
    best = int(np.argmax(total + prior))
    return float(tried[best]), 2 * float(total[best] - total[0])


def _log_normal(away: Floats, sigma: Floats) -> Floats:
    return np.asarray(-0.5 * (away / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi))


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


def _match(patches: Patches, row: Ints, slot: Ints) -> tuple[Floats, Bools]:
    """Compare patches with the even part of the mean patch, at their place and a third beside.

    Only what changes along the row counts: the profile across it is the same everywhere.

    Returns
    -------
    match : ndarray, shape (n,)
        Its height in the mean patch along the row; NaN where no patch is.
    displaced : ndarray of bool, shape (n,)
        Columns of rows that fit better a third of the pitch to either side.
    """
    mean = patches.values[patches.whole].mean(axis=0, dtype=np.float64)
    even = 0.5 * (mean + np.roll(mean[:, ::-1], 1, axis=1))
    even = even - even.mean(axis=1, keepdims=True)
    slope = np.asarray(patches.v[:, None] + 0 * even)
    raw = [_coefficient(patches.values, _beside(even, k / 3), slope) for k in (0, -1, 1)]
    grids = [_grid(one, row, slot, patches.whole) for one in raw]
    displaced = np.zeros(len(grids[0]), dtype=bool)
    for other in grids[1:]:
        displaced |= _clearly_above(other - grids[0])
    step = np.diff(grids[0], axis=1)
    step = step[np.isfinite(step)]
    noise = 1.4826 * float(np.median(np.abs(step))) / np.sqrt(2) if len(step) else 0.0
    allowed = min(_ALLOWED * noise / np.sqrt(_BLOCK), _MOST_ALLOWED)
    return _along(grids[0])[row, slot] + allowed, displaced[row]


def _beside(pattern: Floats, u: float) -> Floats:
    """Return a pattern (v, u) moved by ``u`` pitches, with the period of one pitch."""
    waves = np.fft.rfft(pattern, axis=1)
    turn = np.exp(-2j * np.pi * u * np.arange(waves.shape[1]))
    return np.asarray(np.fft.irfft(waves * turn, n=pattern.shape[1], axis=1))


def _clearly_above(grid: Floats) -> Bools:
    """Return which rows of a grid have a mean that is positive beyond doubt."""
    there = np.isfinite(grid)
    n = there.sum(axis=1)
    total = np.where(there, grid, 0.0)
    mean = total.sum(axis=1) / np.maximum(n, 1)
    spread = np.where(there, (grid - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(n - 1, 1)
    error = np.sqrt(spread / np.maximum(n, 1))
    return np.asarray((n >= _FEW) & (mean > DISPLACED + 2.5 * error))


def _along(grid: Floats) -> Floats:
    """Average a grid along its rows, over a block of columns."""
    from scipy.ndimage import uniform_filter1d

    there = np.isfinite(grid)
    size = min(_BLOCK, grid.shape[1])
    total = uniform_filter1d(np.where(there, grid, 0.0), size, axis=1, mode="constant")
    count = uniform_filter1d(there.astype(np.float64), size, axis=1, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(there, total / count, np.nan))
