"""What a picture shows between the rows: gap kinds of a word, or the state of every cell."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog.drawing.view import View
from stackmotif.stacking import Word
from stackmotif.stacking.palette import GAP_COLOURS, STATE_COLOURS, UNIT_COLOURS
from stackmotif.structures import site_roles

if TYPE_CHECKING:
    from pymatgen.core import Structure

Array = NDArray[np.float64]

_ROW_A: Final = 1.0
"""Metals whose heights differ by less belong to one row [Å]."""

_STATE_TOLERANCE: Final = 0.2
"""A cell has a state if its shift is this close to it, in thirds of the pitch."""

_BOND_A: Final = 2.45
_LEAN_A: Final = 1.5
_TIE_A: Final = 1e-3
_END_A: Final = 3.2
"""Metals nearer to the picture's sides than this may have lost anions to the vacuum [Å]."""


@dataclass(frozen=True)
class Band:
    """A coloured rectangle, with the letter that says what it means, if any [Å]."""

    x_A: float
    y_A: float
    width_A: float
    height_A: float
    colour: str
    letter: str = ""


def row_heights(view: View) -> list[float]:
    """Return the height of every row of metals, from the bottom up [Å]."""
    heights = np.sort(view.positions_A[view.roles == "M", 1])
    if len(heights) == 0:
        return []
    rows = np.split(heights, np.flatnonzero(np.diff(heights) > _ROW_A) + 1)
    return [float(row.mean()) for row in rows]


def kind_bands(view: View, word: Word) -> list[Band]:
    """Return one band per gap, in the colour of its kind; the first slab is the lowest row."""
    rows = row_heights(view)
    half = _half_slab(view)
    kinds = word.gap_kinds
    return [
        Band(
            0.0,
            low + half,
            float(view.size_A[0]),
            high - low - 2 * half,
            GAP_COLOURS[kinds[k % len(kinds)]],
            kinds[k % len(kinds)],
        )
        for k, (low, high) in enumerate(pairwise(rows))
    ]


def window_of_interest(view: View, word: Word, *, flank: int) -> tuple[float, float]:
    """Return the heights between which a finite word has more to show than its two ends.

    Of the runs of equal slabs at the two ends, ``flank`` slabs stay.
    """
    rows = row_heights(view)
    steps = [(s.tilt, s.shift) for s in word.slabs[:-1]]
    runs = [len(list(run)) for _, run in groupby(steps)]
    first = max(runs[0] - flank, 0)
    last = min(len(rows) - 1 - (runs[-1] - flank), len(rows) - 1)
    margin = 2 * _half_slab(view)
    return max(rows[first] - margin, 0.0), min(rows[last] + margin, float(view.size_A[1]))


def state_bands(view: View) -> list[Band]:
    """Return bands of cells with one state each, for rows whose metals are all in their planes."""
    rows, half, bands = row_heights(view), _half_slab(view), []
    columns = [_columns_at(view, y) for y in rows]
    for low, high, lower, upper in zip(rows, rows[1:], columns, columns[1:], strict=False):
        if len(lower) < 2 or len(upper) < 2:
            continue
        states = _cell_states(lower, upper)
        sides = _cell_bounds(lower)
        reach = float(np.median(np.diff(lower))) / 2
        inside = np.flatnonzero((lower > upper[0] - reach) & (lower < upper[-1] + reach))
        for state, cells in groupby(inside.tolist(), key=states.__getitem__):
            members = list(cells)
            start, stop = float(sides[members[0]]), float(sides[members[-1] + 1])
            bands.append(
                Band(start, low + half, stop - start, high - low - 2 * half, STATE_COLOURS[state])
            )
    return bands


def cell_sides(view: View) -> Array:
    """Return lines from every metal to the nearest one of the next row, shape (n, 2, 2) [Å]."""
    rows = row_heights(view)
    columns = [_columns_at(view, y) for y in rows]
    lines = [np.zeros((0, 2, 2))]
    for low, high, lower, upper in zip(rows, rows[1:], columns, columns[1:], strict=False):
        if len(lower) < 2 or len(upper) < 2:
            continue
        nearest = _nearest(lower, upper)
        shift = nearest / float(np.median(np.diff(lower)))
        inside = (shift > -0.45) & (shift < 0.55)
        start, stop = lower[inside], (lower + nearest)[inside]
        ends = [np.column_stack([x, np.full(len(x), y)]) for x, y in ((start, low), (stop, high))]
        lines.append(np.stack(ends, axis=1))
    return np.concatenate(lines)


def bonds(view: View) -> Array:
    """Return lines from every metal to the two anions that it leans on, shape (n, 2, 2) [Å].

    Of a metal's anions, these are a third of the pitch to its sides; the others, two thirds.
    """
    from scipy.spatial import cKDTree

    metals, anions = (view.positions_A[view.roles == role] for role in "MO")
    if len(metals) == 0 or len(anions) == 0:
        return np.zeros((0, 2, 2))
    near = cKDTree(metals).query_ball_point(anions, _LEAN_A)
    pairs = [(k, anion) for anion, found in enumerate(near) for k in sorted(found)]
    chosen = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    lines: Array = np.stack([metals[chosen[:, 0]], anions[chosen[:, 1]]], axis=1)
    return lines


def _half_slab(view: View) -> float:
    """Return half the height of a slab: the least height of an anion above a row of metals."""
    rows = np.array(row_heights(view))
    anions = view.positions_A[view.roles == "O", 1]
    if len(rows) == 0 or len(anions) == 0:
        return 0.0
    apart = np.abs(anions[:, None] - rows[None, :])
    return float(apart[apart > 0.3].min())


def _columns_at(view: View, y_A: float) -> Array:
    metals = view.positions_A[view.roles == "M"]
    return np.sort(metals[np.abs(metals[:, 1] - y_A) < _ROW_A / 2, 0])


def _cell_bounds(columns: Array) -> Array:
    """Return the sides of the cells around columns, half-way between them, shape (n + 1,)."""
    between = (columns[1:] + columns[:-1]) / 2
    half = float(np.median(np.diff(columns))) / 2
    return np.concatenate([[columns[0] - half], between, [columns[-1] + half]])


def _cell_states(lower: Array, upper: Array) -> list[str]:
    """Return the state above every column of the lower row, from the nearest one above."""
    thirds = 3.0 * _nearest(lower, upper) / float(np.median(np.diff(lower)))
    return [_state(float(t)) for t in thirds]


def _nearest(lower: Array, upper: Array) -> Array:
    """Return the way from every lower column to the nearest upper one, to the right in a tie."""
    apart = upper[None, :] - lower[:, None]
    return apart[np.arange(len(lower)), np.argmin(np.abs(apart - _TIE_A), axis=1)]


def _state(thirds: float) -> str:
    closest = round(thirds)
    if abs(thirds - closest) > _STATE_TOLERANCE or abs(closest) > 1:
        return "x"
    return {1: "+", 0: "0", -1: "-"}[closest]


def five_coordinate(structure: "Structure", view: View) -> dict[str, list[int]]:
    """Return the view's columns of five-coordinate metals, by the colour of their unit.

    Metals near a free side are left out. A wall between ``+`` and ``-`` gaps is a triangle unit
    (TSU), any other an abrupt unit (ASU).
    """
    roles = site_roles(structure)
    centers, neighbours, _, _ = structure.get_neighbor_list(_BOND_A)
    bonds = (roles[centers] == "M") & (roles[neighbours] == "O")
    counts = np.bincount(centers[bonds], minlength=len(roles))
    x = view.positions_A[:, 0]
    inside = (x > _END_A) & (x < view.size_A[0] - _END_A) if view.free[0] else x > -1.0
    short = np.flatnonzero((view.roles == "M") & (counts[view.sites] == 5) & inside)
    found: dict[str, list[int]] = {}
    for column in short:
        unit = "TSU" if {"+", "-"} <= _states_around(view, int(column)) else "ASU"
        found.setdefault(UNIT_COLOURS[unit], []).append(int(column))
    return found


def _states_around(view: View, column: int) -> set[str]:
    """Return the states of the gaps above and below a metal, up to two columns to either side."""
    rows = row_heights(view)
    x, y = view.positions_A[column]
    k = int(np.argmin(np.abs(np.array(rows) - y)))
    found: set[str] = set()
    for lower, upper in ((k - 1, k), (k, k + 1)):
        if lower < 0 or upper >= len(rows):
            continue
        below = _columns_at(view, rows[lower])
        near = np.abs(below - x) < 2.5 * float(np.median(np.diff(below)))
        states = _cell_states(below, _columns_at(view, rows[upper]))
        gap = {s for s, close in zip(states, near, strict=True) if close} - {"x"}
        found |= gap if {"+", "-"} <= gap else set()
    return found
