"""Where a gap cell stands in the image: the four corners around its two columns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stackmotif.matching.tables import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axes2D:
    """Directions and distances of the rows, measured from the columns.

    Parameters
    ----------
    along : ndarray, shape (2,)
        One pitch along the rows, (y, x) [Å].
    across : ndarray, shape (2,)
        One row spacing towards rows of higher number, perpendicular to ``along``, (y, x) [Å].
    """

    along: Floats
    across: Floats


def row_axes(columns: "Table") -> Axes2D | None:
    """Measure the row direction, pitch and row spacing; None without two rows of two columns."""
    indexed = columns[columns["row"] >= 0]
    order = np.lexsort((indexed["slot"], indexed["row"]))
    row, slot = indexed["row"][order], indexed["slot"][order]
    position = np.stack([indexed["y_A"][order], indexed["x_A"][order]], axis=1)
    next_to = (np.diff(row) == 0) & (np.diff(slot) == 1)
    if not next_to.any() or row[0] == row[-1]:
        return None
    along = np.median(np.diff(position, axis=0)[next_to], axis=0)
    normal = np.array([along[1], -along[0]]) / np.hypot(*along)
    numbers, inverse, counts = np.unique(row, return_inverse=True, return_counts=True)
    height = np.bincount(inverse, weights=position @ normal) / counts
    spacing = float(np.median(np.diff(height) / np.diff(numbers)))
    return Axes2D(along=along, across=normal * spacing)


def cell_corners(gaps: "Table", columns: "Table", axes: Axes2D) -> Floats:
    """Return the corners of every gap cell: a strip one pitch wide between its two columns.

    Parameters
    ----------
    gaps, columns : Table
        Tables of a motif map.
    axes : Axes2D
        From `row_axes`.

    Returns
    -------
    ndarray, shape (n_gaps, 4, 2)
        Corners as (y, x) [Å], in order around the cell.
    """
    if len(gaps) == 0:
        return np.zeros((0, 4, 2))
    ends = _cell_ends(gaps, columns, axes)
    half = axes.along / 2
    upper, lower = ends[:, 0], ends[:, 1]
    return np.stack([upper - half, upper + half, lower + half, lower - half], axis=1)


def _cell_ends(gaps: "Table", columns: "Table", axes: Axes2D) -> Floats:
    """Upper and lower column of each cell, shape (n, 2, 2), snapped to found columns."""
    from scipy.spatial import cKDTree

    middle = np.stack([gaps["y_A"], gaps["x_A"]], axis=1)
    found = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    tree = cKDTree(found)
    best: Floats | None = None
    best_miss = np.inf
    for sign in (1.0, -1.0):
        offset = (sign * gaps["shift"][:, None] * axes.along - axes.across) / 2
        guess = np.stack([middle + offset, middle - offset], axis=1)
        distance, index = tree.query(guess)
        miss = float(np.median(distance))
        if miss < best_miss:
            near = distance < 0.35 * np.hypot(*axes.along)
            best, best_miss = np.where(near[..., None], found[index], guess), miss
    return middle[:, None].repeat(2, axis=1) if best is None else best
