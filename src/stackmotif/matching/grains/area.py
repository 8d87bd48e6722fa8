"""Which part of the crystal's area is rock salt, on a grid of places."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.surface import crystal_columns
from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]

STEP_A: Final = 2.0
BLOCK_A: Final = 15.0
"""Edge of the blocks that errors take as independent [Å]."""
_NEAR_A: Final = 3.0


@dataclass(frozen=True)
class RockSaltArea:
    """Places in the crystal.

    Parameters
    ----------
    places_A : ndarray, shape (n, 2)
        (y, x) [Å].
    share : ndarray, shape (n,)
        1 in rock salt, 0 elsewhere.
    block : ndarray of int, shape (n,)
        Square of the field that it lies in.
    """

    places_A: Floats
    share: Floats
    block: NDArray[np.int64]


def rocksalt_area(result: MotifMap) -> RockSaltArea:
    """Return the places in the crystal; each is what the column nearest to it is."""
    from scipy.spatial import cKDTree

    inside = crystal_columns(result)
    columns = result.columns[inside]
    places = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    if not len(places):
        return RockSaltArea(np.empty((0, 2)), np.empty(0), np.empty(0, dtype=np.int64))
    low, high = places.min(axis=0), places.max(axis=0)
    y, x = (np.arange(a, b + STEP_A, STEP_A) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    away, who = cKDTree(places).query(grid)
    near = away < _NEAR_A
    grid, who = grid[near], who[near]
    salt = (columns["label"] == "rocksalt")[who].astype(np.float64)
    square = ((grid - low) / BLOCK_A).astype(np.int64)
    block = square[:, 0] * (int(square[:, 1].max()) + 1) + square[:, 1]
    return RockSaltArea(grid, salt, block)
