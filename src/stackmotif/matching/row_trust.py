"""How far the steps between short rows can be trusted: what a displacement modulo a third may be.

Rows stand where a slow course, a shear and an offset of their own have put them, and each is known
modulo a third of the pitch. One or two rows a third away, all rows below a gap a third away, or a
shear of a third more are other readings of the same columns; each is as likely as the normal
density says that its displacements are, summed over how far offsets and course may spread.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OFFSETS = np.geomspace(0.008, 0.12, 9)
"""Standard deviations of a row's own offset that are weighed, evenly in the logarithm [pitch]."""
_COURSES = np.geomspace(0.02, 0.6, 4)
"""Standard deviations of the slowest bend of the course that are weighed [pitch]."""
_SHEAR = 0.06
"""Standard deviation of scan shear expected of a microscope [pitch per row]."""
_PLACE = 1.0
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
    moves, group = _moves(len(row))
    steps = np.rint(3.0 * np.diff(moves, axis=1)).astype(np.int64)
    kind = np.stack([steps == k for k in (-1, 0, 1)], axis=2).astype(np.float64)
    apart = np.triu(group[:, None] != group[None, :], 1)
    found, total = [], []
    for offset, course in itertools.product(_OFFSETS, _COURSES):
        precision, log_density = _density(offset, course, displacement, variance, bends, row)
        single = -moves @ precision @ displacement
        cross = moves @ precision @ moves.T
        single -= 0.5 * np.diag(cross)
        double = single[:, None] + single - cross
        largest = max(0.0, float(single.max()), float(double[apart].max(initial=-np.inf)))
        one = np.exp(single - largest)
        two = np.where(apart, np.exp(np.minimum(double - largest, 0.0)), 0.0)
        found.append(_shares(np.exp(-largest), one, two, kind))
        total.append(log_density + largest + np.log(found[-1].sum(axis=1)[0]))
    of = np.exp(np.array(total) - max(total))
    of /= of.sum()
    share = sum(w * one / one.sum(axis=1, keepdims=True) for w, one in zip(of, found, strict=True))
    squares = np.repeat(_OFFSETS**2, len(_COURSES))
    return np.asarray(share), float(np.sqrt(2.0 * np.sum(of * squares)))


def _moves(n: int) -> tuple[Floats, Ints]:
    """Return other readings (m, n) [pitch] and the place of each: two of one place exclude another.

    A row, or all rows below a gap, a third to either side; or a shear of a third. The first and the
    last row need not be both.
    """
    rows = np.eye(n)
    below = np.tri(n, n - 1, -1).T[1:-1] if n > 3 else np.zeros((0, n))
    shapes = np.concatenate([rows, below, np.arange(n)[None] - (n - 1) / 2.0])
    return np.concatenate([shapes, -shapes]) / 3.0, np.tile(np.arange(len(shapes)), 2)


def _density(
    offset: float,
    course: float,
    displacement: Floats,
    variance: Floats,
    bends: Floats,
    row: Ints,
) -> tuple[Floats, float]:
    """Return the inverse covariance of displacements, and the log density of those found."""
    size = course * (2.0 / np.arange(2, 2 + bends.shape[1])) ** 2
    covariance = np.diag(offset**2 + variance) + (bends * size**2) @ bends.T + _PLACE**2
    covariance += _SHEAR**2 * np.outer(row - row.mean(), row - row.mean())
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    centred = displacement - displacement.mean()
    return precision, -0.5 * float(centred @ precision @ centred + log_det)


def _shares(base: float, one: Floats, two: Floats, kind: Floats) -> Floats:
    """Add up the weights of readings by the step (n_gaps, 3) that they have at every gap."""
    total = np.einsum("m,mgk->gk", one, kind)
    total[:, 1] += base
    pairs = np.einsum("mga,mgb->gab", kind, np.einsum("mj,jgb->mgb", two, kind))
    for a, b in itertools.product(range(3), range(3)):
        total[:, (a + b - 2 + 1) % 3] += pairs[:, a, b]
    return total
