"""Columns inside a wall that has not finished: they belong to neither of its two stacks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import Cells, ColumnLattice, WeighedClasses
from stackmotif.matching.walls.fitting import PLACES, WIDTHS, place_shares
from stackmotif.matching.walls.jumps import RowJumps
from stackmotif.matching.walls.reading import WallReading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SPAN = 14  # slots on either side of a wall
_FINISHED = 0.5  # pitches from its end within which a wall is as good as over, a parameter
_BESIDE = 2.0  # pitches beyond its end as far as a wall tells where columns belong, a parameter


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
    result = WallMembers(np.zeros(m), np.zeros(m))
    clear = np.flatnonzero(walls.kinds.p_width.any(axis=1))
    if not len(clear):
        return result
    found, jump = walls.found.only(clear), walls.jump_thirds[clear]
    centre, p_width = walls.centres[clear], walls.kinds.p_width[clear]
    member, there = _near(found, lattice)
    apart = lattice.phases.phase[member][:, None, :] - centre[:, :, None]
    slope = 1.0 + jump[:, None] / (3.0 * WIDTHS)
    weight = p_width[:, :, None] * place_shares(lattice, found, jump, centre)
    reach = (slope * (0.5 * WIDTHS - _FINISHED), slope * 0.5 * WIDTHS + _BESIDE)
    for total, half in zip((result.inside, result.reached), reach, strict=True):
        p = np.zeros(member.shape)
        for n, place in enumerate(PLACES):
            near = np.abs(apart - place) < half[:, :, None]
            near[:, 0] = False  # an abrupt wall has no inside
            p += np.einsum("wks,wk->ws", near, weight[:, :, n])
        np.maximum.at(total, member[there], (p * found.p[:, None])[there])
    return result


def _near(found: RowJumps, lattice: ColumnLattice) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the members about each wall, and which of them are there, (n, 2 `_SPAN` + 1) each."""
    slots = lattice.slot[found.left][:, None] + np.arange(-_SPAN, _SPAN + 1)
    seen = (slots >= 0) & (slots < lattice.grid.shape[1])
    member = lattice.grid[found.row[:, None], np.clip(slots, 0, lattice.grid.shape[1] - 1)]
    return member, seen & (member >= 0)


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


def leave_unfinished(cells: Cells, inside: Floats) -> Cells:
    """Return the cells with what may lie inside a wall made unknown."""
    finished = (1.0 - inside[cells.upper]) * (1.0 - inside[cells.lower])
    known = cells.probability[:, :3] * finished[:, None]
    unknown = 1.0 - known.sum(axis=1)
    probability = np.concatenate([known, unknown[:, None]], axis=1)
    return replace(cells, probability=probability, finished=finished)
