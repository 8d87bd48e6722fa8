"""Walls that lean against the beam: they mimic continuous ones, but their columns are elongated.

Where a wall crosses the foil at an angle, a column shows its two places at once, in shares f and
1 - f. Over the width of the wall its variance along the row grows by J^2 d^2 f (1 - f), on average
by a sixth of the jump squared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.walls.jumps import RowJumps

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_EXCLUDED = 2.0  # standard errors between what is seen and what a leaning wall would show
_LONGEST = 1.8  # ellipticity that one column may count with
_SPAN = 16  # slots on either side of a wall that are looked at


@dataclass(frozen=True)
class ColumnShapes:
    """Shapes of the members of a lattice.

    Parameters
    ----------
    ellipticity : ndarray, shape (m,)
        Ratio of the long to the short width, 1 or more.
    width_A : ndarray, shape (m,)
        Gaussian sigma [Å].
    """

    ellipticity: Floats
    width_A: Floats


def may_lean(
    lattice: ColumnLattice,
    found: RowJumps,
    jump: Ints,
    centre: Floats,
    width: Floats,
    shapes: ColumnShapes | None,
) -> Bools:
    """Tell which walls wider than a column may be leaning ones.

    That is where their columns are not clearly rounder than those of a leaning wall would be.

    Parameters
    ----------
    lattice, found : ColumnLattice, RowJumps
        Rows of columns, and where they jump.
    jump : ndarray of int, shape (n,)
        Jumps in thirds of the pitch.
    centre, width : ndarray, shape (n,)
        Place and width of every wall [pitch].
    shapes : ColumnShapes, optional
        None where only positions are known: then nothing can be said, and none is marked.
    """
    n = len(found)
    if shapes is None or not n or np.ptp(shapes.ellipticity) < 1e-6:
        return np.zeros(n, dtype=bool)
    value = np.minimum(shapes.ellipticity, _LONGEST)
    low, middle, high = np.quantile(value, [0.16, 0.5, 0.84])
    wall, member = _members_within(lattice, found, centre, width)
    count = np.maximum(np.bincount(wall, minlength=n), 1)
    seen = np.bincount(wall, value[member] - middle, n) / count
    error = 0.5 * (high - low) / np.sqrt(count)
    sigma_A = float(np.median(shapes.width_A))
    variance = (jump / 3.0 * lattice.phases.pitch_A) ** 2 / 6.0
    leaning = middle * (np.sqrt(1.0 + variance / sigma_A**2) - 1.0)
    return (width > 1.0) & (leaning - seen < _EXCLUDED * error)


def _members_within(
    lattice: ColumnLattice, found: RowJumps, centre: Floats, width: Floats
) -> tuple[Ints, Ints]:
    """Return pairs of wall and member that stands within it."""
    slots = lattice.slot[found.left][:, None] + np.arange(-_SPAN, _SPAN + 1)
    inside = (slots >= 0) & (slots < lattice.grid.shape[1])
    member = lattice.grid[found.row[:, None], np.clip(slots, 0, lattice.grid.shape[1] - 1)]
    apart = np.abs(lattice.phases.phase[member] - centre[:, None])
    wall, place = np.nonzero(inside & (member >= 0) & (apart < 0.5 * width[:, None]))
    return wall, member[wall, place]
