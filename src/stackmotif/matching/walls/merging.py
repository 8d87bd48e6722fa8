"""One wide wall of two thirds, or two walls of a third each? Their evidences decide."""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.walls.fitting import fit_walls
from stackmotif.matching.walls.jumps import RowJumps
from stackmotif.matching.walls.kinds import evidence

Ints = NDArray[np.int64]

_CLOSE = 12.0
"""Pitches between two changes of class within which they may be one wall. A parameter."""
_SECOND_WALL_NATS = 3.5
"""Cost of a second wall within 12 pitches where one of 400 columns carries one. A parameter."""


def merge_jumps(lattice: ColumnLattice, found: RowJumps) -> RowJumps:
    """Return the changes of class with pairs in one direction joined where one wall explains them.

    A wall of two thirds that rises over many columns passes through the class between.
    """
    first = _pairs(lattice, found)
    if not len(first):
        return found
    one, two = found.only(first), found.only(first + 1)
    shared = _middle_column(lattice, one, two)
    joined = replace(
        one, right=two.right, class_right=two.class_right, end=two.end, p=np.maximum(one.p, two.p)
    )
    apart = evidence(fit_walls(lattice, replace(one, end=shared)))
    apart = apart + evidence(fit_walls(lattice, replace(two, begin=shared)))
    apart = apart - _SECOND_WALL_NATS - _twice(lattice)
    better = _alternating(evidence(fit_walls(lattice, joined)) - apart, first)
    drop = np.zeros(len(found), dtype=bool)
    drop[first[better] + 1] = True
    merged = {}
    for field in fields(found):
        old, new = getattr(found, field.name), getattr(joined, field.name)
        merged[field.name] = _with(old, first[better], new[better])
    return RowJumps(**merged).only(np.flatnonzero(~drop))


def _middle_column(lattice: ColumnLattice, one: RowJumps, two: RowJumps) -> NDArray[np.float64]:
    """Return the phase of the middle column of the stretch between two changes [pitch].

    Both walls are fitted up to it, so that no spacing of columns is left out.
    """
    middle = (lattice.slot[one.right] + lattice.slot[two.left]) // 2
    slots = np.clip(middle[:, None] + np.arange(-3, 4), 0, lattice.grid.shape[1] - 1)
    member = lattice.grid[one.row[:, None], slots]
    phase = np.where(member >= 0, lattice.phases.phase[member], np.inf)
    low, high = lattice.phases.phase[one.right], lattice.phases.phase[two.left]
    distance = np.abs(phase - 0.5 * (low + high)[:, None])
    nearest = phase[np.arange(len(phase)), distance.argmin(axis=1)]
    return np.clip(np.where(np.isfinite(nearest), nearest, low), low, high)


def _twice(lattice: ColumnLattice) -> float:
    """Return the log density of a typical column, which two windows that share one count twice."""
    return float(-np.log(np.median(lattice.sigma) * np.sqrt(2 * np.pi)) - 0.5)


def _pairs(lattice: ColumnLattice, found: RowJumps) -> Ints:
    """Return the first of every two neighbouring changes in one row and one direction."""
    change = (found.class_right - found.class_left) % 3
    phase = lattice.phases.phase
    near = phase[found.right[1:]] - phase[found.left[:-1]] < _CLOSE
    same = (found.row[1:] == found.row[:-1]) & (change[1:] == change[:-1])
    return np.flatnonzero(near & same)


def _alternating(gain: NDArray[np.float64], first: Ints) -> NDArray[np.bool_]:
    """Return which pairs to join; of two that share a wall the one that gains more."""
    better = gain > 0
    chain = np.flatnonzero(np.diff(first) == 1)
    for k in chain:
        if better[k] and better[k + 1]:
            better[k if gain[k] < gain[k + 1] else k + 1] = False
    return better


def _with(values: NDArray, places: Ints, new: NDArray) -> NDArray:
    result = values.copy()
    result[places] = new
    return result
