"""States beside every wall, and the structural units of abrupt ones, strip by strip.

A strip is what lies between two rows. Where its upper row jumps by J and the lower one by K at one
place, its state changes by J - K: from O1 to O3 over a third it holds an abrupt unit (ASU), from
one O3 variant to the other through half a pitch a triangle unit (TSU).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.walls.jumps import RowJumps, solid_members

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNITS: Final = ("none", "ASU", "TSU", "wide-ASU", "wide-TSU")
NO_ROW: Final = 9
"""State of a strip that has no second row."""

SURE: Final = 0.8
"""Probability that a unit is named from: a parameter."""

_UNKNOWN = 3
_FAR = 3.0  # pitches from a column beyond which its row is not there
_AT_ONE_PLACE = 0.45  # pitches by which two jumps of one strip cell may seem to be apart
_NEIGHBOURS = 4


@dataclass(frozen=True)
class Strips:
    """The strip above (first) and below (second) every wall.

    Parameters
    ----------
    left, right : ndarray of int, shape (n, 2)
        States on either side, as the image lies: 0 to 2 for ``+``, ``0``, ``-``, 3 unknown,
        `NO_ROW` where there is no row.
    change_thirds : ndarray of int, shape (n, 2)
        Jump of the upper row less that of the lower one.
    partner : ndarray of int, shape (n, 2)
        The wall of the other row of the strip at the same place, or -1.
    """

    left: Ints
    right: Ints
    change_thirds: Ints
    partner: Ints


def find_strips(
    lattice: ColumnLattice, found: RowJumps, jump: Ints, centre: Floats, width: Floats
) -> Strips:
    """Return the states on both sides of every wall, above and below its row.

    Parameters
    ----------
    lattice : ColumnLattice
        Rows of columns.
    found : RowJumps
        Changes of class.
    jump : ndarray of int, shape (n,)
        Jumps in thirds of the pitch.
    centre, width : ndarray, shape (n,)
        Place and width of every wall [pitch].
    """
    shape = (len(found), 2)
    left, right = np.full(shape, NO_ROW), np.full(shape, NO_ROW)
    change, partner = np.zeros(shape, dtype=np.int64), np.full(shape, -1)
    for side, step in enumerate((-1, 1)):
        other = _partners(found, jump, centre, width, step)
        partner[:, side] = other
        there = other >= 0
        own_left = _class_near(lattice, found.row + step, centre)
        class_left = np.where(there, found.class_left[other], own_left)
        class_right = np.where(there, found.class_right[other], own_left)
        left[:, side] = _state(found.class_left, class_left, step)
        right[:, side] = _state(found.class_right, class_right, step)
        net = jump - np.where(there, jump[other], 0)
        change[:, side] = step * net
    return Strips(left, right, change, partner)


def _partners(found: RowJumps, jump: Ints, centre: Floats, width: Floats, step: int) -> Ints:
    """Return, per wall, the wall of the row above (-1) or below (1) in the same strip cells.

    Columns with one index stand a shift apart, and so do cuts between the same columns, but for
    half of what their jumps differ by.
    """
    from scipy.spatial import cKDTree

    n = len(found)
    if n < 2:
        return np.full(n, -1)
    far = 1e4
    tree = cKDTree(np.stack([found.row * far, centre], axis=1))
    near = min(_NEIGHBOURS, n)
    wanted = np.stack([(found.row + step) * far, centre], axis=1)
    _, other = tree.query(wanted, k=near, distance_upper_bound=far / 2)
    there = other < n
    other = np.where(there, other, 0)
    aside = wrapped_thirds(found.class_left[other] - found.class_left[:, None]) / 3.0
    expected = aside + (jump[other] - jump[:, None]) / 6.0
    off = np.abs(centre[other] - centre[:, None] - expected)
    reach = np.maximum(_AT_ONE_PLACE, 0.5 * np.minimum(width[other], width[:, None]))
    off = np.where(there & (off <= reach), off, np.inf)
    best = off.argmin(axis=1)
    lines = np.arange(n)
    return np.where(np.isfinite(off[lines, best]), other[lines, best], -1)


def wrapped_thirds(thirds: Ints) -> Ints:
    """Return whole thirds of the pitch as -1, 0 or 1."""
    return (thirds + 1) % 3 - 1


def _class_near(lattice: ColumnLattice, row: Ints, phase: Floats) -> Ints:
    """Return the class of a row at a place; 8 unknown, `NO_ROW` where it has no column near."""
    own = lattice.phases.phase
    order = solid_members(lattice)
    far = float(np.ptp(own)) + 100.0
    base = own.min()
    key = lattice.row[order] * far + own[order] - base
    wanted = row * far + phase - base
    after = np.clip(np.searchsorted(key, wanted), 1, max(len(key) - 1, 1))
    nearest = np.where(wanted - key[after - 1] <= key[after] - wanted, after - 1, after)
    distance = np.abs(key[nearest] - wanted)
    found = lattice.classes.best[order[nearest]] - 1
    rows = lattice.grid.shape[0]
    there = (row >= 0) & (row < rows)
    return np.where(there, np.where(distance < _FAR, found, 8), NO_ROW)


def _state(own: Ints, other: Ints, step: int) -> Ints:
    """Return the state of the strip between a wall's row and the one above (-1) or below (1)."""
    upper, lower = (other, own) if step < 0 else (own, other)
    state = 1 - wrapped_thirds(upper - lower)
    return np.where(other == NO_ROW, NO_ROW, np.where(other == 8, _UNKNOWN, state))


def name_units(strips: Strips, p_abrupt: Floats) -> Ints:
    """Return the unit of every strip, shape (n, 2): an index into `UNITS`.

    A unit needs every jump of its cell to be abrupt, with a probability of `SURE` or more.

    Parameters
    ----------
    strips : Strips
        What lies above and below every wall.
    p_abrupt : ndarray, shape (n,)
        Probability that each wall is one column wide.
    """
    others = np.where(strips.partner >= 0, p_abrupt[strips.partner], 1.0)
    abrupt = p_abrupt[:, None] * others >= SURE
    whole = abrupt & (strips.left <= 2) & (strips.right <= 2)
    one, two = strips.left, strips.right
    straight = (one == 1) | (two == 1)
    size = np.abs(strips.change_thirds)
    unit = np.where(straight, 1, 2) + np.where(size == 2, 2, 0)
    return np.where(whole & (size >= 1) & (size <= 2) & (one != two), unit, 0)


def wall_classes(strips: Strips) -> NDArray[np.str_]:
    """Return the class of the wall in every strip, shape (n, 2): ``O1|O3 +1/3`` and the like.

    The sign is that of a jump of one row alone: positive where the row that jumps more is
    stretched against the other one.
    """
    straight = (strips.left == 1) | (strips.right == 1)
    known = (strips.left <= 2) & (strips.right <= 2) & (strips.left != strips.right)
    own = np.stack([-strips.change_thirds[:, 0], strips.change_thirds[:, 1]], axis=1)
    names = np.where(straight, "O1|O3", "O3|O3r").astype("U24")
    numbers = {k: f" {'+' if k > 0 else '-'}{abs(k)}/3" for k in (-2, -1, 1, 2)}
    result = np.full(names.shape, "", dtype="U24")
    for thirds, text in numbers.items():
        chosen = known & (own == thirds)
        result[chosen] = np.char.add(names[chosen], text)
    return result
