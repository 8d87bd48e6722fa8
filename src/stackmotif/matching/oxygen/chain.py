"""Leans to tilts: a chain along every row, all rows at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.oxygen.evidence import BETWEEN, FAINTEST, Evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

JUMP_NATS: Final = 8.0
"""Cost of a change of tilt from one column to the next: no glide makes it, a domain's end does."""
NO_LEAN_NATS: Final = 6.0
"""Cost of entering a stretch that leans neither way."""
NO_LEAN: Final = 0.02
"""Prior of leaning neither way: tilts on top of each other, a blurred or empty place."""
MATCH: Final = 0.5
"""Share of the pattern that must stand at a column: a shifted lattice has 0 or less."""


def tilt_probability(evidence: Evidence, row: Ints, slot: Ints) -> Floats:
    """Return P(R), P(L) and P(neither) of every column, shape (n, 3).

    A column without a usable patch takes part with no evidence of its own.
    """
    emission = _emission(evidence)
    shape = (int(slot.max()) + 1, int(row.max()) + 1, 3)
    grid = np.zeros(shape)
    grid[slot, row] = emission
    start = np.log([(1 - NO_LEAN) / 2, (1 - NO_LEAN) / 2, NO_LEAN])
    posterior = _forward_backward(grid, _transition(), start)[slot, row]
    lost = (evidence.match < MATCH) | (evidence.contrast < FAINTEST)
    lost = _spread(lost | evidence.displaced, evidence.used, row, slot)
    return np.where(lost[:, None], [0.0, 0.0, 1.0], posterior)


def _spread(lost: Bools, used: Bools, row: Ints, slot: Ints) -> Bools:
    """Give columns without a usable patch what their nearest neighbour in the row with one has."""
    from scipy.ndimage import distance_transform_edt

    shape = (int(row.max()) + 1, int(slot.max()) + 1)
    grid, there = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    grid[row[used], slot[used]], there[row[used], slot[used]] = lost[used], True
    # Rows are so far apart that the nearest one is in the same row, if there is any.
    away = distance_transform_edt(
        ~there, sampling=(2 * shape[1], 1), return_distances=False, return_indices=True
    )
    return np.asarray(grid[tuple(away)][row, slot])


def _emission(evidence: Evidence) -> Floats:
    """Return the log likelihood of each lean under R, L and neither."""
    centre = np.array([1.0, -1.0, 0.0])
    extra = np.array([0.0, 0.0, BETWEEN])
    variance = evidence.variance[:, None] + extra**2
    away = evidence.lean[:, None] - centre
    with np.errstate(invalid="ignore"):
        told = -0.5 * away**2 / variance - 0.5 * np.log(variance)
    return np.where(evidence.used[:, None], told, 0.0)


def _transition() -> Floats:
    """Return log probabilities (from, to) between neighbours in a row."""
    jump, none = np.exp(-JUMP_NATS), np.exp(-NO_LEAN_NATS)
    matrix = np.array([[0.0, jump, none * NO_LEAN], [jump, 0.0, none * NO_LEAN], [none, none, 0.0]])
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    return np.log(matrix)


def _forward_backward(emission: Floats, transition: Floats, start: Floats) -> Floats:
    """Return posteriors of chains (steps, rows, states)."""
    step = np.exp(transition)
    weight = np.exp(emission - emission.max(axis=2, keepdims=True))
    forward = np.empty_like(emission)
    current = weight[0] * np.exp(start)
    for k in range(len(emission)):
        if k:
            current = (current @ step) * weight[k]
        current = current / current.sum(axis=1, keepdims=True)
        forward[k] = current
    backward = np.ones_like(emission[0])
    for k in range(len(emission) - 2, -1, -1):
        backward = (backward * weight[k + 1]) @ step.T
        backward = backward / backward.sum(axis=1, keepdims=True)
        forward[k] *= backward
    return np.asarray(forward / forward.sum(axis=2, keepdims=True))
