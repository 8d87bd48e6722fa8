"""Where rows jump: changes of class along every row of columns."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.decode import CLASSES
from stackmotif.matching.lattice import ColumnLattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHORTEST = 3
"""Columns of one class in a row that make a stretch of it; fewer are noise. A parameter."""
_UNDECIDED = len(CLASSES)
_VOTERS = 5


@dataclass(frozen=True)
class RowJumps:
    """Changes of class along rows, sorted by row and place.

    Parameters
    ----------
    row : ndarray of int, shape (n,)
        Row that jumps.
    left, right : ndarray of int, shape (n,)
        Members of the lattice beside the jump: the last column of the old class, the first one of
        the new class.
    class_left, class_right : ndarray of int, shape (n,)
        Classes in thirds of the pitch, -1, 0 or 1.
    begin, end : ndarray, shape (n,)
        Phases [pitch] at which the stretch left of the jump begins and the one right of it ends.
    p : ndarray, shape (n,)
        Probability that the two stretches are of different classes.
    """

    row: Ints
    left: Ints
    right: Ints
    class_left: Ints
    class_right: Ints
    begin: Floats
    end: Floats
    p: Floats

    def __len__(self) -> int:
        return len(self.row)

    def only(self, index: Ints | list[int]) -> "RowJumps":
        """Return some of the jumps."""
        chosen = np.asarray(index, dtype=np.int64)
        return RowJumps(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})


def find_jumps(lattice: ColumnLattice) -> RowJumps:
    """Return the changes of class along the rows of a lattice, as its best paths have them."""
    order = solid_members(lattice)
    row, phase = lattice.row[order], lattice.phases.phase[order]
    best = lattice.classes.best[order]
    start = _starts(row, best)
    run = np.cumsum(start) - 1
    first = np.flatnonzero(start)
    last = np.append(first[1:], len(order)) - 1
    jump = np.flatnonzero(row[first[1:]] == row[first[:-1]]) if len(first) else first
    confident = _confident(lattice, order, run, first, last)
    unlike = 1.0 - np.sum(confident[jump, :, 1] * confident[jump + 1, :, 0], axis=1)
    return RowJumps(
        row=row[first[jump]],
        left=order[last[jump]],
        right=order[first[jump + 1]],
        class_left=CLASSES[best[first[jump]]],
        class_right=CLASSES[best[first[jump + 1]]],
        begin=phase[first[jump]],
        end=phase[last[jump + 1]],
        p=unlike,
    )


def solid_members(lattice: ColumnLattice) -> Ints:
    """Return the members in stretches of one class, sorted by row and phase."""
    order = np.lexsort((lattice.phases.phase, lattice.row))
    order = order[lattice.classes.best[order] != _UNDECIDED]
    for _ in range(2):
        start = _starts(lattice.row[order], lattice.classes.best[order])
        run = np.cumsum(start) - 1
        order = order[np.bincount(run, minlength=1)[run] >= _SHORTEST]
    return order


def _starts(row: Ints, best: Ints) -> NDArray[np.bool_]:
    start = np.ones(len(row), dtype=bool)
    start[1:] = (row[1:] != row[:-1]) | (best[1:] != best[:-1])
    return start


def _confident(lattice: ColumnLattice, order: Ints, run: Ints, first: Ints, last: Ints) -> Floats:
    """Return the class posterior of the surest column near the ends of each run, (runs, 3, 2)."""
    posterior = lattice.classes.probability[order]
    result = np.empty((len(first), len(CLASSES), 2))
    for side, (end, step) in enumerate(((first, 1), (last, -1))):
        near = end[:, None] + step * np.arange(_VOTERS)
        near = np.clip(near, first[:, None], last[:, None])
        votes = posterior[near]
        surest = votes[:, :, : len(CLASSES)].max(axis=2).argmax(axis=1)
        result[:, :, side] = votes[np.arange(len(first)), surest, : len(CLASSES)]
    return result
