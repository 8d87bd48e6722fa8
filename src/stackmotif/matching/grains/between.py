"""Weak columns between rows of strong ones: metal in the guest layer that shows as columns."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_REACH_A: Final = 3.55
"""The farthest of six columns of the two rows beside a guest site, 3.4 Å in O1 [Å]."""
_WEAK: Final = 0.55
_STRONG: Final = 3
_MOST: Final = 14


def weak_between(positions_A: Floats, heights: Floats) -> Bools:
    """Tell which columns are much weaker than those around, of which at least three are strong.

    A column in a row of a layered oxide has two neighbours within reach, one on the guest site
    six. All columns of rock salt are alike, and none of them is weak.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) [Å].
    heights : ndarray, shape (n,)
        How far columns stand out.
    """
    from scipy.spatial import cKDTree

    n = len(positions_A)
    if n < _MOST:
        return np.zeros(n, dtype=bool)
    distance, index = cKDTree(positions_A).query(
        positions_A, k=_MOST, distance_upper_bound=_REACH_A
    )
    around = np.append(heights, np.nan)[index[:, 1:]]
    around[~np.isfinite(distance[:, 1:])] = np.nan
    strong = np.sum(around * _WEAK > heights[:, None], axis=1) >= _STRONG
    typical = np.full(n, np.inf)
    typical[strong] = np.nanmedian(around[strong], axis=1)
    return np.asarray(strong & (heights < _WEAK * typical))
