"""Named motifs of a field with their lateral ends: where they are and why they end there."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.domains import label_domains
from stackmotif.matching.runs import (
    MINUS,
    NO_MOTIF,
    OUTSIDE,
    UNKNOWN,
    ZERO,
    motif_grid,
    motif_name,
)
from stackmotif.matching.statistics.grids import dense_states, majority_states

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
States = NDArray[np.int8]

EXTENT_FIELDS: Final = [
    ("motif", "U16"), ("gap", "i8"), ("n_gaps", "i8"), ("n_cells", "i8"), ("left_x_A", "f8"),
    ("left_y_A", "f8"), ("left_end", "U8"), ("right_x_A", "f8"), ("right_y_A", "f8"),
    ("right_end", "U8"), ("extent_A", "f8"),
]  # fmt: skip
"""One line per motif: name (``O1`` and ``O3r`` where the run of gaps has none), first gap from the
top, gaps and cells, both ends in image axes [Å] (half a pitch beyond its last cells) with how it
ends (``inside``, ``edge`` of the rows, or ``unknown`` where unread cells follow), and the distance
of the ends along the row [Å]."""

INSIDE, EDGE, CUT = "inside", "edge", "unknown"


def motif_extents(r: "MotifMap", *, states: States | None = None) -> NDArray[np.void]:
    """Return every motif of a result, O1 and reversed gaps, with its lateral extent.

    Parameters
    ----------
    r : MotifMap
        The result.
    states : ndarray of int8, shape (n_gaps, n_slots), optional
        Dense states to take in place of those of the result.

    Returns
    -------
    ndarray
        Fields `EXTENT_FIELDS`, from the top down. Left is the end with the smaller position along
        the row (smaller x, but for rows that stand upright). A motif of several gaps reaches from
        its outermost left to its outermost right cell.
    """
    lattice = r.summary.get("lattice")
    if not lattice or not r.field.state.size:
        return np.zeros(0, dtype=EXTENT_FIELDS)
    if states is None:
        states = majority_states(dense_states(r))
    codes = motif_grid(states)
    named = (codes != NO_MOTIF) | (states == ZERO) | (states == MINUS)
    numbers = np.where(named, label_domains(states, codes), -1)
    gap, slot = np.nonzero(numbers >= 0)
    if not len(gap):
        return np.zeros(0, dtype=EXTENT_FIELDS)
    _, own = np.unique(numbers[gap, slot], return_inverse=True)
    table = np.zeros(int(own.max()) + 1, dtype=EXTENT_FIELDS)
    _fill_names(table, np.where(codes == NO_MOTIF, -1 - states, codes), own, gap, slot)
    along = _direction(lattice)
    points = _positions(r, along, float(lattice["pitch_A"]))
    _fill_ends(table, states, numbers, (own, gap, slot), points, along, float(lattice["pitch_A"]))
    return table[np.lexsort((table["left_x_A"], table["gap"]))]


def describe_extents(table: NDArray[np.void]) -> list[dict[str, Any]]:
    """Return the lines of an extent table as plain values, lengths to 0.01 Å."""
    return [
        {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in zip(table.dtype.names or (), line.tolist(), strict=True)
        }
        for line in table
    ]


def _fill_names(table: NDArray[np.void], codes: Ints, own: Ints, gap: Ints, slot: Ints) -> None:
    n = len(table)
    first = np.zeros(n, dtype=np.int64)
    first[own[::-1]] = np.arange(len(own))[::-1]
    table["motif"] = [_name(int(c)) for c in codes[gap[first], slot[first]]]
    low, high = np.full(n, 10**9), np.zeros(n, dtype=np.int64)
    np.minimum.at(low, own, gap)
    np.maximum.at(high, own, gap)
    table["gap"], table["n_gaps"] = low, high - low + 1
    table["n_cells"] = np.bincount(own, minlength=n)


def _name(code: int) -> str:
    """Return the name of a motif code, or of a state without a motif, given as -1 - state."""
    return {-1 - ZERO: "O1", -1 - MINUS: "O3r"}.get(code) or motif_name(code)


def _fill_ends(
    table: NDArray[np.void],
    states: States,
    numbers: Ints,
    cells: tuple[Ints, Ints, Ints],
    points: tuple[Floats, Floats],
    along: tuple[float, float],
    pitch_A: float,
) -> None:
    """Fill positions and kinds of both ends, each from the outermost cell on that side."""
    own, gap, slot = cells
    y, x = points
    u = y[gap, slot] * along[0] + x[gap, slot] * along[1]
    reach: dict[int, Floats] = {}
    for side, name in ((-1, "left"), (1, "right")):
        order = np.lexsort((-side * u, own))
        outermost = order[np.unique(own[order], return_index=True)[1]]
        where = (gap[outermost], slot[outermost])
        half = 0.5 * side * pitch_A
        table[f"{name}_y_A"] = y[where] + half * along[0]
        table[f"{name}_x_A"] = x[where] + half * along[1]
        reach[side] = u[outermost] + half
        table[f"{name}_end"] = _ends(states, numbers, cells, side, len(table))
    table["extent_A"] = reach[1] - reach[-1]


def _ends(
    states: States, numbers: Ints, cells: tuple[Ints, Ints, Ints], side: int, n: int
) -> NDArray[np.str_]:
    """Return how each motif ends on one side: the least certain of what follows its gaps."""
    own, gap, slot = cells
    beside = slot + side
    beyond = (beside < 0) | (beside >= states.shape[1])
    beside = np.clip(beside, 0, states.shape[1] - 1)
    follows = np.where(beyond, OUTSIDE, states[gap, beside].astype(np.int64))
    last = beyond | (numbers[gap, beside] != numbers[gap, slot])
    edge = np.bincount(own[last & (follows == OUTSIDE)], minlength=n) > 0
    cut = np.bincount(own[last & (follows == UNKNOWN)], minlength=n) > 0
    return np.where(edge, EDGE, np.where(cut, CUT, INSIDE))


def _direction(lattice: dict[str, Any]) -> tuple[float, float]:
    """Return the unit vector (y, x) along the rows, to the right."""
    angle = np.radians(float(lattice["rotation_deg"]))
    return -float(np.sin(angle)), float(np.cos(angle))


def _positions(r: "MotifMap", along: tuple[float, float], pitch_A: float) -> tuple[Floats, Floats]:
    """Return y and x [Å] of every cell; one that was not measured is placed from the nearest."""
    shape = r.field.state.shape
    filled = np.full((2, *shape), np.nan)
    where = (r.shifts["gap"], r.shifts["slot"])
    filled[0][where], filled[1][where] = r.shifts["y_A"], r.shifts["x_A"]
    known = np.isfinite(filled[0])
    slot = np.arange(shape[1])
    before = np.maximum.accumulate(np.where(known, slot, -(10**6)), axis=1)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(known, slot, 10**6), 1), axis=1), 1)
    nearest = np.where(slot - before <= after - slot, before, after)
    step = (slot - nearest) * pitch_A
    nearest = np.clip(nearest, 0, shape[1] - 1)
    y = np.take_along_axis(filled[0], nearest, axis=1) + step * along[0]
    x = np.take_along_axis(filled[1], nearest, axis=1) + step * along[1]
    return y, x
