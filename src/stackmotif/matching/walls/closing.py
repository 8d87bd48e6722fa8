"""The conservation law along a row, solved for the jumps that images leave open.

A change of class by a third is a jump of J or of J - 1. Between perfect regions the jumps of a row
add up to the number of columns that it lacks, and a row that lacks one is rarer than one that does
not: the jumps of a row are chosen together, by dynamic programming over their sum.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING_COLUMN_NATS = 1.0
"""Cost of every column that a row lacks or has too many. A parameter, unverified."""


def weigh_jumps(jumps: Ints, log_evidence: Floats, row: Ints) -> Floats:
    """Weigh the two jumps of every wall, all walls of a row together.

    Parameters
    ----------
    jumps : ndarray of int, shape (n, 2)
        The two jumps that each wall may be, in thirds.
    log_evidence : ndarray, shape (n, 2)
        Their log evidence.
    row : ndarray of int, shape (n,)
        Row of each wall; walls are sorted by row.

    Returns
    -------
    ndarray, shape (n, 2)
        Posterior probability of both jumps, summed over all choices of the other walls of the row.
    """
    p = np.empty((len(row), 2))
    if not len(row):
        return p
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    for first, stop in zip(starts, np.append(starts[1:], len(row)), strict=True):
        p[first:stop] = _row_posterior(jumps[first:stop], log_evidence[first:stop])
    return p


def _row_posterior(jumps: Ints, log_evidence: Floats) -> Floats:
    """Return the posterior of both jumps of every wall of one row, shape (n, 2)."""
    reach = int(np.abs(jumps).max(axis=1).sum())
    sums = np.arange(-reach, reach + 1)
    open_row = jumps[:, 0].sum() % 3 != 0  # the row ends in another class: its sum is not known
    cost = np.zeros(len(sums)) if open_row else -MISSING_COLUMN_NATS * np.abs(sums / 3.0)
    none = np.full(len(sums), -np.inf)
    forward, backward = [none.copy()], [cost]
    forward[0][reach] = 0.0
    for jump, weight in zip(jumps, log_evidence, strict=True):
        moved = [w + np.roll(forward[-1], int(j)) for j, w in zip(jump, weight, strict=True)]
        forward.append(np.logaddexp(*moved))
    for jump, weight in zip(jumps[::-1], log_evidence[::-1], strict=True):
        moved = [w + np.roll(backward[-1], -int(j)) for j, w in zip(jump, weight, strict=True)]
        backward.append(np.logaddexp(*moved))
    backward = backward[::-1]
    joint = np.array(
        [
            [
                np.logaddexp.reduce(forward[k] + np.roll(backward[k + 1], -int(j))) + w
                for j, w in zip(jumps[k], log_evidence[k], strict=True)
            ]
            for k in range(len(jumps))
        ]
    )
    return np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
