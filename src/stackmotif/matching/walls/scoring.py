"""How right are the walls of a reading? Comparison with the walls that were planted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.orientation import to_row_frame
from stackmotif.stacking.columnset import ColumnSet
from stackmotif.stacking.wallset import PlantedWall

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR_PITCHES: Final = 4.0
"""Lateral distance within which a wall that was found is the planted one."""

_ACROSS = 0.4  # row spacings


@dataclass(frozen=True)
class WallScore:
    """Which wall that was found is which planted one.

    Parameters
    ----------
    found, planted : ndarray of int, shape (n,)
        Lines of ``result.walls`` and numbers of the planted walls that belong together.
    n_found, n_planted : int
        How many there are of each.
    """

    found: Ints
    planted: Ints
    n_found: int
    n_planted: int

    @property
    def recall(self) -> float:
        """Share of the planted walls that were found."""
        return len(self.planted) / self.n_planted if self.n_planted else float("nan")

    @property
    def precision(self) -> float:
        """Share of the walls that were found and were planted."""
        return len(self.found) / self.n_found if self.n_found else float("nan")


def score_walls(result: "MotifMap", truth: ColumnSet, planted: Sequence[PlantedWall]) -> WallScore:
    """Match the walls of a result, made from ``truth`` or an image of it, with the planted ones.

    A wall is found if one is reported in its row within `NEAR_PITCHES` of its middle.

    Parameters
    ----------
    result : MotifMap
        The reading.
    truth : ColumnSet
        Columns in the axes of the result.
    planted : sequence of PlantedWall
        What was planted.
    """
    none = np.empty(0, dtype=np.int64)
    lattice = result.summary["lattice"]
    if not len(planted) or not len(result.walls) or lattice is None:
        return WallScore(none, none, len(result.walls), len(planted))
    places = np.stack([result.walls["y_A"], result.walls["x_A"]], axis=1)
    one, two = match_places(
        places, _middles(truth, planted), lattice=lattice, near_pitches=NEAR_PITCHES
    )
    return WallScore(one, two, len(result.walls), len(planted))


def match_places(
    places_A: Floats, others_A: Floats, *, lattice: Mapping[str, Any], near_pitches: float
) -> tuple[Ints, Ints]:
    """Pair places (n, 2) and (m, 2) of walls in the same row and near each other along it.

    Parameters
    ----------
    places_A, others_A : ndarray, shape (n, 2) and (m, 2)
        (y, x) [Å].
    lattice : mapping
        ``summary["lattice"]`` of a result.
    near_pitches : float
        Distance along the row below which two walls may be the same [pitch].

    Returns
    -------
    one, two : ndarray of int, shape (k,)
        Indices of the places that belong together.
    """
    from scipy.optimize import linear_sum_assignment

    angle = float(np.radians(lattice["rotation_deg"]))
    u, v = to_row_frame(places_A, angle)
    other_u, other_v = to_row_frame(others_A, angle)
    along = np.abs(u[:, None] - other_u) / lattice["pitch_A"] / near_pitches
    across = np.abs(v[:, None] - other_v) / lattice["row_spacing_A"] / _ACROSS
    distance = np.where((along < 1) & (across < 1), along + across, 1e3)
    one, two = linear_sum_assignment(distance)
    near = distance[one, two] < 1e3
    return one[near], two[near]


def _middles(truth: ColumnSet, planted: Sequence[PlantedWall]) -> Floats:
    """Return the place of every planted wall [Å]: the mean of the columns that it spans."""
    shape = truth.phases.shape
    at = np.full(shape, -1)
    real = np.flatnonzero(truth.row >= 0)
    at[truth.row[real], truth.slot[real]] = real
    result = np.full((len(planted), 2), np.inf)
    for k, wall in enumerate(planted):
        span = at[wall.row, wall.start : wall.start + wall.width + 1]
        if (span >= 0).any():
            result[k] = truth.positions_A[span[span >= 0]].mean(axis=0)
    return result
