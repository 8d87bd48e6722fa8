"""Columns inside a wall that has not finished: they belong to neither of its two stacks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import Cells, ColumnLattice, WeighedClasses
from stackmotif.matching.walls.fitting import PLACES, WIDTHS, place_shares
from stackmotif.matching.walls.reading import WallReading

Floats = NDArray[np.float64]

_SPAN = 14  # slots on either side of a wall
_FINISHED = 0.6  # pitches from the end of a wall at which a column is as good as beyond it
_BESIDE = 2.0  # pitches beyond its end as far as a wall tells where its columns belong


@dataclass(frozen=True)
class WallMembers:
    """What continuous walls say of the members of a lattice.

    Parameters
    ----------
    inside : ndarray, shape (m,)
        Probability that each stands inside a wall.
    reached : ndarray, shape (m,)
        Probability that it stands inside one or just beside it.
    """

    inside: Floats
    reached: Floats


def members_at_walls(walls: WallReading, lattice: ColumnLattice) -> WallMembers:
    """Return which members stand inside walls that are clearly not abrupt, and beside them."""
    m = len(lattice.row)
    found = WallMembers(np.zeros(m), np.zeros(m))
    if not len(walls):
        return found
    slots = lattice.slot[walls.found.left][:, None] + np.arange(-_SPAN, _SPAN + 1)
    seen = (slots >= 0) & (slots < lattice.grid.shape[1])
    slots = np.clip(slots, 0, lattice.grid.shape[1] - 1)
    member = lattice.grid[walls.found.row[:, None], slots]
    there = seen & (member >= 0)
    phase = lattice.phases.phase[member]
    slope = 1.0 + walls.jump_thirds[:, None] / (3.0 * WIDTHS)
    reach = {
        "inside": slope * (0.5 * WIDTHS - _FINISHED), "reached": slope * 0.5 * WIDTHS + _BESIDE
    }  # fmt: skip
    share = place_shares(lattice, walls.found, walls.jump_thirds, walls.centres)
    for name, half in reach.items():
        p = np.zeros(phase.shape)
        for k in range(1, len(WIDTHS)):  # an abrupt wall has no inside
            weight = walls.kinds.p_width[:, k, None] * share[:, k]
            apart = phase - walls.centres[:, k, None]
            for n, place in enumerate(PLACES):
                p += (np.abs(apart - place) < half[:, k, None]) * weight[:, n, None]
        np.maximum.at(getattr(found, name), member[there], (p * walls.found.p[:, None])[there])
    return found


def believe_walls(lattice: ColumnLattice, reached: Floats) -> ColumnLattice:
    """Return the lattice with the columns at walls in a class: the wall says which have none.

    The chain along a row knows no profile of a wall, and lets its columns of no class go on.
    """
    readings = tuple(replace(one, probability=_known(one, reached)) for one in lattice.readings)
    return replace(lattice, readings=readings)


def _known(reading: WeighedClasses, reached: Floats) -> Floats:
    """Return class posteriors (m, 4) with the share ``reached`` of no class given to the others."""
    unknown = reading.probability[:, 3] * (1.0 - reached)
    known = reading.probability[:, :3]
    known = known / np.maximum(known.sum(axis=1), 1e-300)[:, None] * (1.0 - unknown)[:, None]
    return np.concatenate([known, unknown[:, None]], axis=1)


def leave_unfinished(cells: Cells, inside: Floats) -> Floats:
    """Return the posterior of cells (n, 4) with what may lie inside a wall made unknown."""
    finished = (1.0 - inside[cells.upper]) * (1.0 - inside[cells.lower])
    known = cells.probability[:, :3] * finished[:, None]
    unknown = 1.0 - known.sum(axis=1)
    return np.concatenate([known, unknown[:, None]], axis=1)
