"""Columns that are elongated, or in ABF dim, together: two stackings that overlap along the beam.

A domain that ends inside the foil shows two sets of columns at once. Where they are not resolved
the blend lies in between, at a place that can look like another stacking; its columns are elongated
along the row. Such cells must not be read.
"""

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice

_WINDOW = 15  # columns along a row that are judged together
_CLEAR = 5.0  # standard deviations of the windows at which elongation alone is enough
_BOTH = 4.0  # the same where the columns are wider too
_Z05, _Z25 = 1.645, 0.674  # the 5 % and 25 % points of a normal distribution, below the mean
_FLOOR = 0.015  # smallest standard deviation of a window mean that is believed
_FLOOR_BESIDE_OXYGEN = 0.04  # the same where oxygen is fitted beside the columns
_DIM = 0.8  # of the usual height: stacks that share the foil share the contrast
_LONGER_AND_DIM = 2.0
_VERY_DIM = 0.7  # of the usual height: enough without elongation


def blended_columns(
    lattice: ColumnLattice,
    ellipticity: NDArray[np.float64],
    width_A: NDArray[np.float64],
    *,
    height_beside_oxygen: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Return which members stand in a stretch of row whose columns are elongated.

    Parameters
    ----------
    lattice : ColumnLattice
        Rows and slots of the columns.
    ellipticity : ndarray, shape (m,)
        Ratio of the long to the short width of each member, 1 or more.
    width_A : ndarray, shape (m,)
        Gaussian sigma of each member [Å].
    height_beside_oxygen : ndarray, shape (m,), optional
        Peak heights, of an image that shows oxygen. It hides part of the elongation there, so that
        less of it is enough where columns are dim as well, and none where they are very dim.
    """
    if not len(ellipticity) or np.ptp(ellipticity) < 1e-6:
        return np.zeros(len(ellipticity), dtype=bool)
    wide = width_A / max(float(np.median(width_A)), 1e-9)
    height = height_beside_oxygen
    floor = _FLOOR if height is None else _FLOOR_BESIDE_OXYGEN
    longer, wider = (_excess(lattice, one, floor) for one in (ellipticity, wide))
    blended = (longer > _CLEAR) | ((longer > _BOTH) & (wider > _BOTH))
    if height is None:
        return blended
    local, _ = _window_means(lattice, height)
    usual = float(np.quantile(local, 0.75))
    longer, wider = (_excess(lattice, one, _FLOOR) for one in (ellipticity, wide))
    dim = (local < _DIM * usual) & (np.maximum(longer, wider) > _LONGER_AND_DIM)
    return blended | dim | (local < _VERY_DIM * usual)


def _excess(
    lattice: ColumnLattice, value: NDArray[np.float64], floor: float
) -> NDArray[np.float64]:
    """Return how far the window of each member lies above a single column's, in deviations.

    Mean and deviation of single columns are those of a normal distribution with the lower quartile
    of the windows: blends may fill up to about two thirds of the field. A small field has few
    windows; the deviation is no less than the scatter of neighbours in a row gives.
    """
    local, count = _window_means(lattice, value)
    low, quarter = np.quantile(local, [0.05, 0.25])
    scatter = _scatter(lattice, value) / np.sqrt(_WINDOW)
    spread = max((quarter - low) / (_Z05 - _Z25), scatter, floor)
    excess = (local - quarter) / spread - _Z25
    return excess * np.sqrt(count / _WINDOW)


def _scatter(lattice: ColumnLattice, value: NDArray[np.float64]) -> float:
    """Return the standard deviation of one member, from steps between row neighbours."""
    order = np.lexsort((lattice.slot, lattice.row))
    clipped = np.minimum(value, np.quantile(value, 0.98))[order]
    step = np.diff(clipped)[np.diff(lattice.row[order]) == 0]
    return float(np.sqrt(np.mean(step**2) / 2.0)) if len(step) else 0.0


def _window_means(
    lattice: ColumnLattice, value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each member and its neighbours in the row, and how many they are."""
    from scipy.ndimage import uniform_filter1d

    grid = lattice.grid
    found = (grid >= 0).astype(np.float64)
    clipped = np.minimum(value, np.quantile(value, 0.98))
    laid = np.where(grid >= 0, clipped[grid], 0.0)
    total = uniform_filter1d(laid, _WINDOW, axis=1, mode="constant")
    count = uniform_filter1d(found, _WINDOW, axis=1, mode="constant")
    place = (lattice.row, lattice.slot)
    return total[place] / count[place], count[place] * _WINDOW
