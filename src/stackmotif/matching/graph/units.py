"""Structural units at abrupt walls, found in strip cells of the columns of a graph."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.graph.arrays import ColumnArrays, Ints, state_codes
from stackmotif.stacking.strip_cells import UNITS, StripCells, classify_strip_cells

LEAST_SIGMA = 3.0
"""Standard deviations by which a unit must beat everything else to be named."""

BULK = 3
"""Thirds of the pitch of an in-row bond that carries no wall."""

UNCLEAR = 0
"""In place of thirds: the bond carries a wall that is not known to be abrupt."""

_STATE_OF_THIRDS = np.array([1, 0, 2])  # of 0, 1, 2 thirds modulo 3: codes of '0', '+', '-'


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


@dataclass(frozen=True)
class Walls:
    """Strip cells in which the state of a gap changes; indices count the columns of a region."""

    corners: Ints
    gap: Ints
    states: Ints
    seen: StripCells
    in_top: NDArray[np.bool_]


def find_walls(arrays: ColumnArrays) -> Walls:
    """Return the strip cells at which the state of a gap changes, each once.

    A strip cell starts at a gap cell and takes the next columns of both rows; the state on its
    other side is that of the gap cell of either of these. It is looked for from both sides, since
    beside a missing column it shows from one only; of two with the same cut bond the surer is kept.
    """
    parts = [_strips(arrays, rightwards=True), _strips(arrays, rightwards=False)]
    walls = Walls(
        corners=np.concatenate([part.corners for part in parts]),
        gap=np.concatenate([part.gap for part in parts]),
        states=np.concatenate([part.states for part in parts]),
        seen=_joined([part.seen for part in parts]),
        in_top=np.concatenate([part.in_top for part in parts]),
    )
    return _each_once(walls)


def named(walls: Walls) -> NDArray[np.bool_]:
    """Return which strip cells are units with the states that the unit has."""
    expected = _STATE_OF_THIRDS[walls.seen.shift_thirds % 3]
    return np.isin(walls.seen.kind, UNITS) & (expected == walls.states).all(axis=1)


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


def _strips(arrays: ColumnArrays, *, rightwards: bool) -> Walls:
    """Return the strip cells that start at a gap cell and lie on one side of it."""
    step = arrays.right if rightwards else arrays.left
    next_up, next_down = step[arrays.upper], step[arrays.lower]
    state = state_codes(arrays.cells)
    whole = np.flatnonzero((next_up >= 0) & (next_down >= 0))
    beyond = _state_beyond(arrays, state, next_up[whole], next_down[whole])
    known = (beyond >= 0) & (beyond < 3) & (state[whole] < 3) & (beyond != state[whole])
    whole, beyond = whole[known], beyond[known]
    here = np.stack([arrays.upper[whole], arrays.lower[whole]], axis=1)
    there = np.stack([next_up[whole], next_down[whole]], axis=1)
    left, right = (here, there) if rightwards else (there, here)
    states = np.stack([state[whole], beyond], axis=1)
    widths = arrays.along[right] - arrays.along[left]
    change = widths[:, 0] - widths[:, 1]
    shift = np.asarray(arrays.cells["shift"])[whole]
    s_left = shift if rightwards else shift - change
    seen = classify_strip_cells(
        s_left, s_left + change, widths[:, 0], widths[:, 1],
        sigma=np.asarray(arrays.cells["sigma"])[whole] / np.sqrt(2.0),
    )  # fmt: skip
    return Walls(
        corners=np.stack([left[:, 0], right[:, 0], right[:, 1], left[:, 1]], axis=1),
        gap=np.asarray(arrays.cells["gap"])[whole],
        states=states if rightwards else states[:, ::-1],
        seen=seen,
        in_top=widths[:, 0] >= widths[:, 1],
    )


def _state_beyond(arrays: ColumnArrays, state: Ints, next_up: Ints, next_down: Ints) -> Ints:
    """Return the state of the gap cell of the next upper or lower column, -1 for none.

    At a TSU one of the two is the apex and has no partner in this gap.
    """
    of_upper, of_lower = np.full(len(arrays.columns), -1), np.full(len(arrays.columns), -1)
    of_upper[arrays.upper], of_lower[arrays.lower] = state, state
    first, second = of_upper[next_up], of_lower[next_down]
    agreed = np.where(first < 0, second, first)
    return np.where((first >= 0) & (second >= 0) & (first != second), -1, agreed)


def _joined(parts: list[StripCells]) -> StripCells:
    names = ("kind", "sigma", "shift_thirds", "width_thirds")
    return StripCells(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def _each_once(walls: Walls) -> Walls:
    """Keep one strip cell per gap and cut bond: a unit before any other, then the surer one."""
    bond = np.where(walls.in_top, walls.corners[:, 0], walls.corners[:, 3])
    order = np.lexsort((-walls.seen.sigma, ~named(walls), bond, walls.gap))
    key = np.stack([walls.gap[order], bond[order], walls.in_top[order]], axis=1)
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(key, axis=0) != 0).any(axis=1)
    keep = order[first]
    return replace(
        walls,
        corners=walls.corners[keep],
        gap=walls.gap[keep],
        states=walls.states[keep],
        seen=_at(walls.seen, keep),
        in_top=walls.in_top[keep],
    )


def _at(seen: StripCells, keep: Ints) -> StripCells:
    return StripCells(
        seen.kind[keep], seen.sigma[keep], seen.shift_thirds[keep], seen.width_thirds[keep]
    )
