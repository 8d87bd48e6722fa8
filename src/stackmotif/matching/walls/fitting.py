"""How far a row jumps, and over how many columns: every wall against every profile at once.

A row that jumps by J shows a metal at X + J clip((X - a) / n, 0, 1) for every integer X, in units
of the pitch: n = 1 is an abrupt wall, more a continuous one that starts at a. A change of class by
a third is a jump of J or of J - 1, which differ by one column of the row.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.walls.jumps import RowJumps

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDTHS: Final = np.array([1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 14, 16])
"""Widths that are tried [pitch]."""

_REACH = 12.0  # columns on either side of a wall that are fitted
_COARSE, _FINE_STEP = 0.5, 0.1
_CENTRES = np.arange(-6.0, 6.25, _COARSE)  # of a wall about the change of class [pitch]
_FINE = np.arange(-0.4, 0.45, _FINE_STEP)  # about the best of these
_FARTHEST = 6.65
PLACES: Final = np.arange(-2.0, 2.01, 0.2)
"""Distances from its best place at which a wall may stand [pitch]."""
_STEPS = np.arange(-7.0, 8.0)  # of an abrupt one
_UNFITTED = 0.02  # slow distortion that is left, a parameter [pitch]
_OFFSET = 0.03  # prior standard deviation of a row's leftover offset, a parameter [pitch]
_OUTLIER = 0.02
_ROBUST = 2.5
_FALSE_NATS = 3.0  # cost of two columns on one site: a hole in a row invites a false column
_MISSING = (0.15, 0.35)  # bounds of the share of columns that are not found beside a wall


@dataclass(frozen=True)
class WallFits:
    """Likelihood of every profile at every wall.

    Parameters
    ----------
    jumps : ndarray of int, shape (n, 2)
        The two jumps that a change of class may be, in thirds: stretched, squeezed.
    log_likelihood : ndarray, shape (n, 2, n_widths)
        Log likelihood of jump and width, averaged over places.
    centre : ndarray, shape (n, 2, n_widths)
        Best place of the middle of the wall [pitch], in phases of the lattice.
    """

    jumps: Ints
    log_likelihood: Floats
    centre: Floats


@dataclass(frozen=True)
class _Windows:
    """Columns around every wall, padded: phases from the left lattice, errors, validity."""

    y: Floats
    sigma: Floats
    used: NDArray[np.bool_]
    middle: Floats
    miss_nats: float


def fit_walls(lattice: ColumnLattice, found: RowJumps) -> WallFits:
    """Return the likelihood of every width and jump at every wall."""
    change = (found.class_right - found.class_left) % 3
    jumps = np.stack([change, change - 3], axis=1)
    shape = (len(found), 2, len(WIDTHS))
    likelihood, centre = np.full(shape, -np.inf), np.zeros(shape)
    if not len(found):
        return WallFits(jumps, likelihood, centre)
    windows = _windows(lattice, found)
    for side in range(2):
        for k, width in enumerate(WIDTHS):
            one, place = _averaged(windows, jumps[:, side], float(width))
            likelihood[:, side, k], centre[:, side, k] = one, place
    centre = centre + (found.class_left / 3.0)[:, None, None]
    return WallFits(jumps, likelihood, centre)


def place_shares(lattice: ColumnLattice, found: RowJumps, jump: Ints, centre: Floats) -> Floats:
    """Return how likely each wall of each width stands beside its best place.

    Parameters
    ----------
    jump : ndarray of int, shape (n,)
        Jump of each wall, in thirds.
    centre : ndarray, shape (n, n_widths)
        Its best places [pitch], in phases of the lattice.

    Returns
    -------
    ndarray, shape (n, n_widths, n_places)
        Share of every one of `PLACES`; the sum over them is 1.
    """
    log_share = np.zeros((len(found), len(WIDTHS), len(PLACES)))
    if not len(found):
        return log_share
    windows = _windows(lattice, found)
    jumped = jump / 3.0
    middle = centre - (0.5 * jumped + found.class_left / 3.0)[:, None]
    for k, width in enumerate(WIDTHS):
        for m, place in enumerate(PLACES):
            start = middle[:, k] + place - width / 2
            log_share[:, k, m] = _likelihood(windows, jumped, start, float(width))
    share = np.exp(log_share - log_share.max(axis=2, keepdims=True))
    return np.asarray(share / share.sum(axis=2, keepdims=True))


def _windows(lattice: ColumnLattice, found: RowJumps) -> _Windows:
    """Collect the columns on both sides of every wall, those that share a slot included."""
    phase = np.concatenate([lattice.phases.phase, lattice.doubled_phase])
    row = np.concatenate([lattice.row, lattice.doubled_row])
    more = np.full(len(lattice.doubled_row), float(np.median(lattice.sigma)))
    sigma = np.hypot(np.concatenate([lattice.sigma, more]), _UNFITTED)
    order = np.lexsort((phase, row))
    phase, row, sigma = phase[order], row[order], sigma[order]
    far = float(np.ptp(phase)) + 100.0
    key = row * far + (phase - phase.min())
    own = lattice.phases.phase
    low = np.maximum(found.begin, own[found.left] - _REACH)
    high = np.minimum(found.end, own[found.right] + _REACH)
    base = found.row * far - phase.min()
    first = np.searchsorted(key, base + low - 1e-9)
    stop = np.searchsorted(key, base + high + 1e-9)
    index = first[:, None] + np.arange(int((stop - first).max()))
    used = index < stop[:, None]
    index = np.minimum(index, len(key) - 1)
    middle = 0.5 * (own[found.left] + own[found.right]) - found.class_left / 3.0
    return _Windows(
        y=phase[index] - (found.class_left / 3.0)[:, None],
        sigma=sigma[index],
        used=used,
        middle=middle,
        miss_nats=-float(np.log(_missing_share(lattice))),
    )


def _missing_share(lattice: ColumnLattice) -> float:
    """Return the share of slots between the ends of the rows that hold no column."""
    found = lattice.grid >= 0
    n = found.shape[1]
    first, last = found.argmax(axis=1), n - 1 - found[:, ::-1].argmax(axis=1)
    slots = float(np.where(found.any(axis=1), last - first + 1, 0).sum())
    return float(np.clip(1.0 - found.sum() / max(slots, 1.0), *_MISSING))


def _averaged(windows: _Windows, jump: Ints, width: float) -> tuple[Floats, Floats]:
    """Return the log likelihood averaged over places, and the best place, for every wall."""
    if width == 1:
        centres = np.floor(windows.middle)[:, None] + 0.5 + _STEPS
        total, place = _summed(windows, jump, width, centres, spacing=1.0)
    else:
        total, place = _summed(
            windows, jump, width, windows.middle[:, None] + _CENTRES, spacing=_COARSE
        )
        finer, better = _summed(windows, jump, width, place[:, None] + _FINE, spacing=_FINE_STEP)
        place = np.where(finer > total, better, place)
        total = np.maximum(total, finer)
    return total, place + 0.5 * jump / 3.0


def _summed(
    windows: _Windows, jump: Ints, width: float, centres: Floats, *, spacing: float
) -> tuple[Floats, Floats]:
    """Return the log of the likelihood summed over places (n, k), and the best of them."""
    likelihood = np.stack(
        [_likelihood(windows, jump / 3.0, place - width / 2, width) for place in centres.T], axis=1
    )
    near = np.abs(centres - windows.middle[:, None]) <= _FARTHEST
    likelihood = np.where(near, likelihood, -np.inf)
    best = likelihood.argmax(axis=1)
    lines = np.arange(len(best))
    top = np.maximum(likelihood[lines, best], -1e6)
    total = np.exp(likelihood - top[:, None]).sum(axis=1) * spacing / (2 * _CENTRES[-1])
    return top + np.log(np.maximum(total, 1e-300)), centres[lines, best]


def _likelihood(windows: _Windows, jump: Floats, start: Floats, width: float) -> Floats:
    """Return the log likelihood of walls that start at ``start`` [pitch], one per wall."""
    slope = 1.0 + jump / width
    a, stretched = start[:, None], slope[:, None]
    inside = (windows.y - a) / stretched
    site = np.where(inside < 0, windows.y, a + inside)
    beyond = inside > width
    site = np.where(beyond, windows.y - jump[:, None], site)
    whole = np.rint(site)
    local = np.where((inside < 0) | beyond, 1.0, stretched)
    rest = (site - whole) * local
    rest = rest - _row_offset(rest, windows)[:, None]
    density = np.exp(-0.5 * (rest / windows.sigma) ** 2) / (windows.sigma * np.sqrt(2 * np.pi))
    each = np.log((1.0 - _OUTLIER) * density + _OUTLIER)
    count = windows.used.sum(axis=1)
    last = whole[np.arange(len(count)), count - 1]
    spare = last - whole[:, 0] + 1 - count
    cost = np.where(spare > 0, windows.miss_nats * spare, -_FALSE_NATS * spare)
    return np.where(windows.used, each, 0.0).sum(axis=1) - cost


def _row_offset(rest: Floats, windows: _Windows) -> Floats:
    """Return the common offset of the columns of each window [pitch], shrunk by its prior."""
    pull = rest / windows.sigma
    weight = windows.used / windows.sigma**2 / (1.0 + (pull / _ROBUST) ** 2)
    return np.sum(weight * rest, axis=1) / (weight.sum(axis=1) + 1.0 / _OFFSET**2)
