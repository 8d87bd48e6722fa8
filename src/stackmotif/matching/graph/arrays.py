"""What a graph of columns is made of, as arrays: columns, in-row bonds, cross-gap bonds.

Everything here is in the gauge of the result: *right* is the direction along the rows in which
``x(upper) - x(lower)`` has the sign that the states have. In a result whose gauge is flipped (the
crystal seen from behind) that is the image's left, so that an image and its mirror image give the
same arrays.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stackmotif.errors import ResultError
from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.tables import Table

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Region = tuple[float, float, float, float]

LONGEST_BOND = 11 / 6
"""In-row distance from which a column is missing between two: half-way from 5/3 to 2 [pitch]."""

_LONG = 1.2  # in-row bonds beyond it are looked at for strays [pitch]
_NEAR = np.array([0.8, 0.5])  # along and across the row [pitch]: a stray this near is passed over
_STATES = np.array(["+", "0", "-", "x"])


@dataclass(frozen=True)
class ColumnArrays:
    """Columns of a region and their bonds; indices count the columns of the region.

    Parameters
    ----------
    columns : Table
        Lines of ``columns.csv``, all of the region, those of no row too.
    along : ndarray, shape (n,)
        Place along the rows, to the right in the gauge [pitch].
    right : ndarray of int, shape (n,)
        The next column to the right in the same row, -1 for none or a gap in the row.
    width : ndarray, shape (n,)
        Distance to it along the row [pitch]; NaN for none.
    upper, lower : ndarray of int, shape (m,)
        The two columns of every gap cell of the region.
    cells : Table
        The lines of ``gaps.csv`` of these cells, in their order.
    """

    columns: Table
    along: Floats
    right: Ints
    width: Floats
    upper: Ints
    lower: Ints
    cells: Table

    @property
    def left(self) -> Ints:
        """The next column to the left in the same row, -1 for none."""
        left = np.full(len(self.right), -1)
        has = np.flatnonzero(self.right >= 0)
        left[self.right[has]] = has
        return left


def checked_region(region: ArrayLike | None) -> Region | None:
    """Return a region as four floats.

    Raises
    ------
    ResultError
        Unless it is None or y0, x0, y1, x1 with y0 < y1 and x0 < x1, all finite.
    """
    if region is None:
        return None
    try:
        corners = np.asarray(region, dtype=np.float64)
    except (TypeError, ValueError):
        corners = np.empty(0)
    sound = corners.shape == (4,) and bool(np.isfinite(corners).all())
    if not sound or corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise ResultError(
            f"region is {region!r:.120}; expected y0, x0, y1, x1 in Å with y0 < y1 and x0 < x1"
        )
    y0, x0, y1, x1 = corners.tolist()
    return y0, x0, y1, x1


def column_arrays(result: "MotifMap", region: ArrayLike | None = None) -> ColumnArrays:
    """Return the columns and bonds of a region of a result.

    Parameters
    ----------
    result : MotifMap
        A result in which rows were found.
    region : (y0, x0, y1, x1), optional
        Columns on its edges count as inside [Å, image axes]; the whole field by default.

    Raises
    ------
    ResultError
        For a malformed region, one without a column that has a row, or a result without rows.
    """
    corners = checked_region(region)
    lattice = result.summary.get("lattice")
    if lattice is None or not (result.columns["row"] >= 0).any():
        raise ResultError(
            f"the result {result.name!r} has no rows of columns (status: {result.status}) and so "
            "no graph; expected one in which a stacking was read"
        )
    inside = _inside(result.columns, corners)
    if not (result.columns["row"][inside] >= 0).any():
        raise ResultError(
            f"no column of a row lies in the region {corners} Å; {_extent(result.columns)}"
        )
    along, across = _row_places(result)
    upper, lower = cell_columns(result)
    kept = inside[upper] & inside[lower]
    place = np.cumsum(inside) - 1
    columns = result.columns[inside].view(Table)
    right, width = row_bonds(columns["row"], along[inside])
    cut = _passes_a_stray(right, np.stack([along, across], axis=1), result.columns["row"], inside)
    right, width = np.where(cut, -1, right), np.where(cut, np.nan, width)
    return ColumnArrays(
        columns=columns,
        along=along[inside],
        right=right,
        width=width,
        upper=place[upper[kept]],
        lower=place[lower[kept]],
        cells=result.shifts[kept].view(Table),
    )


def cell_columns(result: "MotifMap") -> tuple[Ints, Ints]:
    """Return the upper and the lower column of every gap cell, as lines of the column table.

    The reading pairs columns by their decoded places and keeps the middle of each pair; the pair is
    taken back from there, nothing is paired anew.
    """
    columns, cells = result.columns, result.shifts
    known = np.flatnonzero(columns["row"] >= 0)
    row, slot = columns["row"][known], columns["slot"][known]
    grid = np.full((int(row.max(initial=0)) + 2, int(slot.max(initial=0)) + 3), -1)
    grid[row, slot + 1] = known
    upper = grid[cells["gap"], cells["slot"] + 1]
    position = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    target = 2.0 * np.stack([cells["y_A"], cells["x_A"]], axis=1) - position[upper]
    below = np.stack([grid[cells["gap"] + 1, cells["slot"] + k] for k in (0, 1, 2)])
    miss = np.abs(position[below] - target).sum(axis=2)
    best = np.where(below >= 0, miss, np.inf).argmin(axis=0) if len(cells) else np.empty(0, int)
    return upper, below[best, np.arange(len(cells))]


def row_bonds(row: Ints, along: Floats) -> tuple[Ints, Floats]:
    """Return, per column, the next one to the right in its row and the distance to it [pitch].

    Columns of no row (-1) have none, and none is given across a place where a column is missing.
    """
    order = np.lexsort((along, row))
    step = np.diff(along[order])
    bonded = (np.diff(row[order]) == 0) & (row[order][1:] >= 0) & (step < LONGEST_BOND)
    right, width = np.full(len(row), -1), np.full(len(row), np.nan)
    first = order[:-1][bonded]
    right[first], width[first] = order[1:][bonded], step[bonded]
    return right, width


def state_codes(cells: "Table") -> Ints:
    """Return the states of cells as indices into `stackmotif.conventions.STATES`."""
    return (np.asarray(cells["state"])[:, None] == _STATES[None]).argmax(axis=1)


def _inside(columns: "Table", corners: Region | None) -> NDArray[np.bool_]:
    if corners is None:
        return np.ones(len(columns), dtype=bool)
    y0, x0, y1, x1 = corners
    y, x = np.asarray(columns["y_A"]), np.asarray(columns["x_A"])
    return (y >= y0) & (y <= y1) & (x >= x0) & (x <= x1)


def _passes_a_stray(
    right: Ints, places: Floats, row: Ints, inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which long bonds pass over a column that the reading has given to no row.

    Such a column may belong there: the bond is then no wide cut but two short ones.
    """
    from scipy.spatial import cKDTree

    own, strays = places[inside], places[row < 0]
    long = np.flatnonzero(right >= 0)
    long = long[own[right[long], 0] - own[long, 0] > _LONG]
    passed = np.zeros(len(own), dtype=bool)
    if len(strays) and len(long):
        middle = 0.5 * (own[long] + own[right[long]])
        distance, _ = cKDTree(strays / _NEAR).query(middle / _NEAR)
        passed[long] = distance < 1.0
    return passed


def _row_places(result: "MotifMap") -> tuple[Floats, Floats]:
    """Return every column's place along the rows, to the right in the gauge, and across [pitch]."""
    lattice = result.summary["lattice"]
    position = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)
    u, v = to_row_frame(position, np.radians(lattice["rotation_deg"]))
    flipped = bool((result.summary.get("gauge") or {}).get("flipped"))
    return (-u if flipped else u) / lattice["pitch_A"], v / lattice["pitch_A"]


def _extent(columns: "Table") -> str:
    rows = columns[columns["row"] >= 0]
    y, x = rows["y_A"], rows["x_A"]
    return (
        f"expected one within y {y.min():.1f} to {y.max():.1f} and x {x.min():.1f} to "
        f"{x.max():.1f} Å"
    )
