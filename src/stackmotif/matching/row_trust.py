"""How far the steps between short rows can be trusted: what a displacement modulo a third may be.

Rows stand where a slow course, a shear and an offset of their own have put them, and each is known
modulo a third of the pitch. One or two rows a third away, all rows below a gap a third away, or a
shear of a third more are other readings of the same columns; each is as likely as the normal
density says that its displacements are, summed over how far offsets and course may spread.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OFFSETS = np.geomspace(0.008, 0.12, 9)
"""Standard deviations of a row's own offset that are weighed, evenly in the logarithm [pitch]."""
_TYPICAL = (0.05, 0.15)
"""Beyond which offsets and courses are expected less and less, parameters [pitch]."""
_ALL = 7
"""Rows up to which every reading is looked at."""
_COURSES = np.geomspace(0.02, 0.6, 4)
"""Standard deviations of the slowest bend of the course that are weighed [pitch]."""
_SHEAR = 0.06
"""Standard deviation of scan shear expected of a microscope [pitch per row]."""
_BLOCK, _MARGIN = 12, 6
"""Rows that are judged together, and rows on both sides that are looked at with them."""


@dataclass(frozen=True)
class RowTrust:
    """Weights (n_rows - 1, 3) of steps a third less than measured, as measured, a third more.

    ``spread`` is the standard deviation of the steps that offsets of rows make [pitch].
    """

    weight: Floats
    spread: float


def trust_rows(displacement: Floats, variance: Floats, bends: Floats) -> RowTrust:
    """Weigh the readings of row displacements that are known modulo a third of the pitch.

    Parameters
    ----------
    displacement : ndarray, shape (n_rows,)
        How far each row is displaced, shear and course included [pitch].
    variance : ndarray, shape (n_rows,)
        Of each, as the columns of the row leave it.
    bends : ndarray, shape (n_rows, k)
        Shapes of the slow course, each a quarter as large as the one of half its degree.
    """
    n = len(displacement)
    weight, spreads = np.zeros((n - 1, 3)), []
    for start in range(0, n - 1, _BLOCK):
        rows = np.arange(max(start - _MARGIN, 0), min(start + _BLOCK + 1 + _MARGIN, n))
        share, spread = _weigh(displacement[rows], variance[rows], bends[rows], rows)
        stop = min(start + _BLOCK, n - 1)
        weight[start:stop] = share[start - rows[0] : stop - rows[0]]
        spreads.append(spread)
    return RowTrust(weight, float(np.mean(spreads)))


def _weigh(
    displacement: Floats, variance: Floats, bends: Floats, row: Ints
) -> tuple[Floats, float]:
    """Weigh the readings of some rows; return the shares of steps and the spread of steps."""
    steps = _readings(len(row))
    moves = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1) / 3.0
    moves += displacement
    settings = list(itertools.product(_OFFSETS, _COURSES))
    total = np.empty((len(settings), len(steps)))
    for number, (offset, course) in enumerate(settings):
        precision, log_norm = _density(offset, course, variance, bends, row)
        total[number] = log_norm - 0.5 * np.sum((moves @ precision) * moves, axis=1)
        total[number] -= offset / _TYPICAL[0] + course / _TYPICAL[1]
    share = np.exp(total - total.max())
    share /= share.sum()
    each = share.sum(axis=0)
    kinds = (steps[:, :, None] + 1) % 3 == np.arange(3)
    squares = np.array([offset**2 for offset, _ in settings])
    spread = float(np.sqrt(2.0 * np.sum(share.sum(axis=1) * squares)))
    return np.einsum("m,mgk->gk", each, kinds), spread


@lru_cache(maxsize=64)
def _readings(n: int) -> Ints:
    """Return the thirds (m, n - 1) by which steps may differ: all, or one or two moves in a field.

    A move takes a row, or all rows below a gap, a third to either side, or a shear of a third.
    """
    if n <= _ALL:
        return np.array(list(itertools.product((-1, 0, 1), repeat=n - 1)), dtype=np.int64)
    of_rows = np.diff(np.eye(n, dtype=np.int64), axis=1)
    shapes = np.concatenate([of_rows, np.eye(n - 1, dtype=np.int64), np.ones((1, n - 1), int)])
    moves = np.concatenate([np.zeros((1, n - 1), dtype=np.int64), shapes, -shapes])
    pairs = moves[:, None] + moves[None, :]
    return np.unique(pairs.reshape(-1, n - 1), axis=0)


def _density(
    offset: float, course: float, variance: Floats, bends: Floats, row: Ints
) -> tuple[Floats, float]:
    """Return the inverse covariance of displacements, and the log of their density's norm.

    A displacement of all rows together costs nothing.
    """
    size = course * (2.0 / np.arange(2, 2 + bends.shape[1])) ** 2
    covariance = np.diag(offset**2 + variance) + (bends * size**2) @ bends.T
    covariance += _SHEAR**2 * np.outer(row - row.mean(), row - row.mean())
    precision = np.linalg.inv(covariance)
    together = precision.sum(axis=0)
    precision = precision - np.outer(together, together) / together.sum()
    log_det = float(np.linalg.slogdet(covariance)[1] + np.log(together.sum()))
    return np.asarray(precision), -0.5 * log_det
