"""Structural units at abrupt walls, found in strip cells of the columns of a graph."""

from dataclasses import dataclass

import numpy as np

from stackmotif.conventions import STATES
from stackmotif.matching.graph.arrays import ColumnArrays, Ints, state_codes
from stackmotif.matching.graph.strips import Walls, named

LEAST_SIGMA = 3.0
"""Standard deviations by which a unit must beat everything else to be named."""

BULK = 3
"""Thirds of the pitch of an in-row bond that carries no wall."""

UNCLEAR = 0
"""In place of thirds: the bond carries a wall that is not known to be abrupt."""


@dataclass(frozen=True)
class Unit:
    """A structural unit: one gap's side of an abrupt wall.

    Parameters
    ----------
    name : {'ASU', 'TSU', 'wide-ASU', 'wide-TSU'}
        What the strip cell is.
    resolved : bool
        Whether it beats every other reading, continuous walls included, by the sigma asked for.
        If not, the wall may be continuous, and ``name`` is only the best guess.
    sigma : float
        By how many standard deviations the next best reading is worse.
    gap : int
        Gap, counted from the image's top.
    states : str
        State of the gap left and right of the wall, in the gauge's direction.
    bond : tuple of int
        Ids of the two columns, left and right, between which the row is cut.
    columns : tuple of int
        Ids of its corners, in order around it, the cut bond first: the trapezoid of an ASU (a
        wide one has a fifth column on its long side), the triangle of a TSU.
    apex : int or None
        Id of the column at the apex of a TSU.
    y_A, x_A : float
        Centre of the corners, image axes [Å].
    """

    name: str
    resolved: bool
    sigma: float
    gap: int
    states: str
    bond: tuple[int, int]
    columns: tuple[int, ...]
    apex: int | None
    y_A: float
    x_A: float


def bond_thirds(arrays: ColumnArrays, walls: Walls, *, least_sigma: float) -> Ints:
    """Return the length of every in-row bond, in thirds of the pitch, by its left column.

    A bond at which no gap changes its state is bulk (3). At a wall it has the length of its unit if
    that is resolved in one of the gaps beside it; else, and where the state is unknown, it is
    `UNCLEAR`.
    """
    thirds = np.where(arrays.right >= 0, BULK, UNCLEAR)
    thirds[_into_unknown(arrays)] = UNCLEAR
    left = walls.corners[:, [0, 3]]
    sure = named(walls) & (walls.seen.sigma >= least_sigma)
    thirds[left[~sure].ravel()] = UNCLEAR
    for row in (0, 1):
        at, length = left[sure, row], walls.seen.width_thirds[sure, row]
        thirds[at[length == BULK]] = BULK
    for row in (0, 1):
        at, length = left[sure, row], walls.seen.width_thirds[sure, row]
        thirds[at[length != BULK]] = length[length != BULK]
    return thirds


def _into_unknown(arrays: ColumnArrays) -> Ints:
    """Return the left columns of the bonds between a cell of known state and one of unknown."""
    known = state_codes(arrays.cells) < STATES.index("x")
    found = []
    for own in (arrays.upper, arrays.lower):
        of_column = np.full(len(arrays.columns), -1)
        of_column[own] = known
        after = np.where(arrays.right >= 0, of_column[arrays.right], -1)[own]
        found.append(own[(after >= 0) & (after != known)])
    return np.concatenate(found)


def units_of(arrays: ColumnArrays, walls: Walls, *, least_sigma: float) -> tuple[Unit, ...]:
    """Return the structural units, from the top of the image down and from left to right."""
    chosen = np.flatnonzero(named(walls))
    order = np.lexsort((arrays.along[walls.corners[chosen, 0]], walls.gap[chosen]))
    return tuple(_unit(arrays, walls, int(k), least_sigma) for k in chosen[order])


def _unit(arrays: ColumnArrays, walls: Walls, k: int, least_sigma: float) -> Unit:
    name = str(walls.seen.kind[k])
    bond, corners = _outline(arrays, walls.corners[k].tolist(), bool(walls.in_top[k]))
    apex = None
    if name == "TSU":
        apex = _apex(arrays, bond, corners[2:])
        corners = [*bond, apex]
    ids = arrays.columns["id"]
    y, x = arrays.columns["y_A"][corners], arrays.columns["x_A"][corners]
    return Unit(
        name=name,
        resolved=bool(walls.seen.sigma[k] >= least_sigma),
        sigma=float(walls.seen.sigma[k]),
        gap=int(walls.gap[k]),
        states="".join(STATES[state] for state in walls.states[k]),
        bond=(int(ids[bond[0]]), int(ids[bond[1]])),
        columns=tuple(int(ids[corner]) for corner in corners),
        apex=None if apex is None else int(ids[apex]),
        y_A=float(y.mean()),
        x_A=float(x.mean()),
    )


def _outline(
    arrays: ColumnArrays, strip: list[int], in_top: bool
) -> tuple[tuple[int, int], list[int]]:
    """Return the cut bond, and the outline that it makes with the columns across the gap.

    Across the gap stand the partners of its two ends and whatever is between them; where one is
    missing, the corners of the strip cell alone.
    """
    top_left, top_right, bottom_right, bottom_left = strip
    bond = (top_left, top_right) if in_top else (bottom_left, bottom_right)
    across = [bottom_left, bottom_right] if in_top else [top_left, top_right]
    own, other = (arrays.upper, arrays.lower) if in_top else (arrays.lower, arrays.upper)
    ends = [set(other[own == end].tolist()) for end in bond]
    before, after = int(arrays.left[across[0]]), int(arrays.right[across[1]])
    if before in ends[0]:
        across.insert(0, before)
    if after in ends[1]:
        across.append(after)
    return bond, [*bond, *reversed(across)]


def _apex(arrays: ColumnArrays, bond: tuple[int, int], across: list[int]) -> int:
    """Return the column across the gap that is as far from both ends of the cut bond."""
    middle = 0.5 * (arrays.along[bond[0]] + arrays.along[bond[1]])
    return min(across, key=lambda column: abs(float(arrays.along[column] - middle)))
