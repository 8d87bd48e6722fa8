"""Mean patches of groups of cells, and the noise that the cells' differences show."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.cells import CellSet
from stackmotif.matching.templates.places import PatchGrid, patches_at, points_inside

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEWEST: Final = 20
"""Degrees of freedom below which the scatter of cells is not taken for a measurement."""
_LEAST_SEEN: Final = 0.5
"""Share of a patch that a group at the edge of the image has to show."""
_OFTEN: Final = 0.6
"""Share of a group's cells in which a point is inside, for it to count; the other cells do not."""
_MOST_RESIDUALS: Final = 2000
_AT_ONCE: Final = 4000


@dataclass(frozen=True)
class Averages:
    """Mean patches of groups, their means taken out.

    Parameters
    ----------
    mean : ndarray, shape (group, point)
        Mean patch; zero where a group is not seen.
    mask : ndarray of bool, shape (group, point)
        What is seen of a group: all of it but for groups at the edge of the image.
    count : ndarray of int, shape (group,)
        Cells in each mean.
    noise_energy : float
        Expected sum of squares of the noise of one cell's patch; 0 where it is not measured.
    residuals : ndarray, shape (m, point)
        Cells less the mean of their group, some of them.
    """

    mean: Floats
    mask: NDArray[np.bool_]
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
        return self.noise_energy * self.mask.mean(axis=1) / np.maximum(self.count, 1)


def average_cells(image: NDArray[Any], cells: CellSet, grid: PatchGrid) -> Averages:
    """Return the mean patch of every group, of what the image shows of it."""
    group, n = cells.group, len(cells)
    inside = points_inside(cells.places, grid, np.shape(image)[:2])
    mask = _masks(inside, group, n)
    used = np.flatnonzero((inside | ~mask[group]).all(axis=1) & mask[group].any(axis=1))
    total, squares = np.zeros((n, len(grid))), np.zeros(n)
    for part in np.array_split(used, max(1, -(-len(used) // _AT_ONCE))):
        patches = _patches(image, cells, part, grid, mask)
        total += _sums(patches, group[part], n)
        squares += np.bincount(group[part], np.sum(patches**2, axis=1), n)
    count = np.bincount(group[used], minlength=n)
    mean = total / np.maximum(count, 1)[:, None]
    scatter = np.maximum(squares - count * np.sum(mean**2, axis=1), 0.0)
    several = (count > 1) & mask.all(axis=1)
    freedom = int((count[several] - 1).sum())
    noise = float(scatter[several].sum()) / freedom if freedom >= _FEWEST else 0.0
    chosen = used[several[group[used]]]
    chosen = chosen[:: max(1, len(chosen) // _MOST_RESIDUALS)]
    own = group[chosen]
    residuals = _patches(image, cells, chosen, grid, mask) - mean[own]
    residuals *= np.sqrt(count[own] / np.maximum(count[own] - 1, 1))[:, None]
    return Averages(mean, mask, count, noise, residuals)


def _masks(inside: NDArray[np.bool_], group: Ints, n: int) -> NDArray[np.bool_]:
    """Return the points of each group that count: all, or at the edge those mostly inside."""
    count = np.maximum(np.bincount(group, minlength=n), 1)[:, None]
    whole = np.bincount(group, inside.all(axis=1), n)[:, None] / count
    mask = np.where(whole >= 1 - _OFTEN, True, _sums(inside, group, n) / count >= _OFTEN)
    return mask & (mask.mean(axis=1, keepdims=True) >= _LEAST_SEEN)


def _patches(
    image: NDArray[Any], cells: CellSet, part: Ints, grid: PatchGrid, mask: NDArray[np.bool_]
) -> Floats:
    """Return patches, zero where their group's mask is, their mean over the rest taken out."""
    values = patches_at(image, cells.places[part], grid).astype(np.float64)
    seen = mask[cells.group[part]]
    mean = np.sum(values * seen, axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, values - mean[:, None], 0.0)


def _sums(values: NDArray[Any], group: Ints, n: int) -> Floats:
    """Return the sums of lines over groups, shape (n, point)."""
    from scipy.sparse import csr_matrix

    place = (group, np.arange(len(group)))
    picked = csr_matrix((np.ones(len(group)), place), shape=(n, len(group)))
    return np.asarray(picked @ values.astype(np.float64))
