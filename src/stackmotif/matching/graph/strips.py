"""Strip cells at which the state of a gap changes, among the columns of a graph."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.graph.arrays import ColumnArrays, Ints, state_codes
from stackmotif.stacking.strip_cells import UNITS, StripCells, classify_strip_cells

_STATE_OF_THIRDS = np.array([1, 0, 2])  # of 0, 1, 2 thirds modulo 3: codes of '0', '+', '-'


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
