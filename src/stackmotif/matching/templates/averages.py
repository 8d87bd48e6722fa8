"""Mean patches of groups of cells, and the noise that the cells' differences show."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.cells import CellSet
from stackmotif.matching.templates.places import PatchGrid, patches_at, whole_inside

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEWEST: Final = 20
"""Degrees of freedom below which the scatter of cells is not taken for a measurement."""
_MOST_RESIDUALS: Final = 2000
_AT_ONCE: Final = 4000


@dataclass(frozen=True)
class Averages:
    """Mean patches of groups, their means taken out.

    Parameters
    ----------
    mean : ndarray, shape (group, point)
        Mean patch; zero for a group without a whole patch.
    count : ndarray of int, shape (group,)
        Cells in each mean.
    noise_energy : float
        Expected sum of squares of the noise of one cell's patch; 0 where it is not measured.
    residuals : ndarray, shape (m, point)
        Cells less the mean of their group, some of them.
    """

    mean: Floats
    count: Ints
    noise_energy: float
    residuals: Floats

    @property
    def energy(self) -> Floats:
        """Sum of squares of each mean patch."""
        return np.sum(self.mean**2, axis=1)

    @property
    def noise_in_mean(self) -> Floats:
        """Expected sum of squares of the noise in each mean patch."""
        return self.noise_energy / np.maximum(self.count, 1)


def average_cells(image: NDArray[Any], cells: CellSet, grid: PatchGrid) -> Averages:
    """Return the mean patch of every group; patches that reach beyond the image are left out."""
    whole = np.flatnonzero(whole_inside(cells.places, grid, np.shape(image)[:2]))
    group, n = cells.group[whole], len(cells)
    total, squares = np.zeros((n, len(grid))), np.zeros(n)
    for part in np.array_split(whole, max(1, -(-len(whole) // _AT_ONCE))):
        patches = _patches(image, cells, part, grid)
        total += _sums(patches, cells.group[part], n)
        squares += np.bincount(cells.group[part], np.sum(patches**2, axis=1), n)
    count = np.bincount(group, minlength=n)
    mean = total / np.maximum(count, 1)[:, None]
    scatter = np.maximum(squares - count * np.sum(mean**2, axis=1), 0.0)
    several = count > 1
    freedom = int((count[several] - 1).sum())
    noise = float(scatter[several].sum()) / freedom if freedom >= _FEWEST else 0.0
    chosen = whole[several[group]]
    chosen = chosen[:: max(1, len(chosen) // _MOST_RESIDUALS)]
    own = cells.group[chosen]
    residuals = _patches(image, cells, chosen, grid) - mean[own]
    residuals *= np.sqrt(count[own] / np.maximum(count[own] - 1, 1))[:, None]
    return Averages(mean, count, noise, residuals)


def _patches(image: NDArray[Any], cells: CellSet, part: Ints, grid: PatchGrid) -> Floats:
    values = patches_at(image, cells.places[part], grid).astype(np.float64)
    return values - values.mean(axis=1, keepdims=True)


def _sums(values: Floats, group: Ints, n: int) -> Floats:
    from scipy.sparse import csr_matrix

    place = (group, np.arange(len(group)))
    picked = csr_matrix((np.ones(len(group)), place), shape=(n, len(group)))
    return np.asarray(picked @ values)
