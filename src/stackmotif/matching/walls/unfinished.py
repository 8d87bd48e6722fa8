"""Columns inside a wall that has not finished: they belong to neither of its two stacks."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import Cells, ColumnLattice
from stackmotif.matching.walls.fitting import WIDTHS
from stackmotif.matching.walls.reading import WallReading

Floats = NDArray[np.float64]

_SPAN = 14  # slots on either side of a wall
_FINISHED = 0.6  # pitches from the end of a wall at which a column is as good as beyond it


def unfinished_members(walls: WallReading, lattice: ColumnLattice) -> Floats:
    """Return the probability that each member stands inside a wall, shape (m,)."""
    result = np.zeros(len(lattice.row))
    if not len(walls):
        return result
    slots = lattice.slot[walls.found.left][:, None] + np.arange(-_SPAN, _SPAN + 1)
    inside = (slots >= 0) & (slots < lattice.grid.shape[1])
    slots = np.clip(slots, 0, lattice.grid.shape[1] - 1)
    member = lattice.grid[walls.found.row[:, None], slots]
    there = inside & (member >= 0)
    phase = lattice.phases.phase[member]
    half = 0.5 * (WIDTHS + walls.jump_thirds[:, None] / 3.0) - _FINISHED
    p = np.zeros(phase.shape)
    for k in range(1, len(WIDTHS)):  # an abrupt wall has no inside
        near = np.abs(phase - walls.centres[:, k, None]) < half[:, k, None]
        p += near * walls.kinds.p_width[:, k, None]
    np.maximum.at(result, member[there], (p * walls.found.p[:, None])[there])
    return result


def leave_unfinished(cells: Cells, inside: Floats) -> Floats:
    """Return the posterior of cells (n, 4) with what may lie inside a wall made unknown."""
    finished = (1.0 - inside[cells.upper]) * (1.0 - inside[cells.lower])
    known = cells.probability[:, :3] * finished[:, None]
    unknown = 1.0 - known.sum(axis=1)
    return np.concatenate([known, unknown[:, None]], axis=1)
