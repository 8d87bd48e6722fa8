"""How far a network moves the columns of an image, and along which axes.

An image filter that works alike in all directions may blur columns or lose them, but cannot move
them all to one side. A network can: what it does to an image and to the turned image differ.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.finding import find_columns
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]

LARGEST_SHIFT_PX: Final = 0.05
"""A network that shifts columns by more than this measures nothing."""
VIEWS: Final = (
    "as it is", "turned by 90°", "turned by 180°", "turned by 270°",
    "mirrored", "mirrored, turned by 90°", "mirrored, turned by 180°", "mirrored, turned by 270°",
)  # fmt: skip
"""The eight ways to lay an image on a square grid; turns are counter-clockwise as seen."""
_NEAR: Final = 0.3
_FEWEST: Final = 10


@dataclass(frozen=True)
class PositionBias:
    """Network minus raw positions, for each way to lay the image.

    Parameters
    ----------
    shift_px : ndarray, shape (8, 2)
        Mean displacement (y, x) on the axes that the network saw [px].
    spread_px : ndarray, shape (8,)
        Standard deviation about it, per axis [px].
    n : ndarray of int, shape (8,)
        Columns compared.
    """

    shift_px: Floats
    spread_px: Floats
    n: NDArray[np.int64]

    @property
    def largest_px(self) -> float:
        """The longest mean displacement [px]."""
        return float(np.hypot(*self.shift_px.T).max())

    @property
    def measures(self) -> bool:
        """Whether positions may be taken from the network's image."""
        return self.largest_px <= LARGEST_SHIFT_PX

    def __str__(self) -> str:
        lines = ["| image | mean shift y, x (px) | spread (px) | columns |", "|---|---|---|---|"]
        for name, (y, x), spread, n in zip(
            VIEWS, self.shift_px, self.spread_px, self.n, strict=True
        ):
            lines.append(f"| {name} | {y:+.3f}, {x:+.3f} | {spread:.3f} | {n} |")
        return "\n".join(lines)


def position_bias(
    micrograph: Micrograph,
    network: Callable[[Micrograph], Micrograph],
    *,
    pitch_A: float = 2.5,
    contrast: str = "auto",
    seen_contrast: str | None = None,
) -> PositionBias:
    """Compare columns of a network's image with those of the raw one in all eight orientations.

    Parameters
    ----------
    micrograph : Micrograph
        With columns that can be fitted without help.
    network : callable
        Takes a micrograph and returns one of the same size.
    pitch_A : float
        Distance of neighbouring columns [Å].
    contrast, seen_contrast : str
        Of the columns in the raw image, and in the network's (the same by default).

    Raises
    ------
    ColumnsError
        If fewer than ten columns are found in both.
    """
    raw = find_columns(micrograph, pitch_A=pitch_A, contrast=contrast)
    size, shape = micrograph.pixel_size_A, micrograph.shape
    truth = raw.positions_A[raw.quality > 0] / size
    shifts, spreads, counts = [], [], []
    for view in range(len(VIEWS)):
        laid = replace(micrograph, image=np.ascontiguousarray(_lay(micrograph.image, view)))
        found = find_columns(network(laid), pitch_A=pitch_A, contrast=seen_contrast or contrast)
        shift = _matched(
            _laid_points(truth, view, shape), found.positions_A[found.quality > 0] / size,
            _NEAR * pitch_A / size,
        )  # fmt: skip
        if len(shift) < _FEWEST:
            raise ColumnsError(
                f"{len(shift)} columns of the raw image were found in the network's, "
                f"{VIEWS[view]}; expected {_FEWEST} or more: take an image with more columns"
            )
        shifts.append(shift.mean(axis=0))
        spreads.append(float(np.sqrt(shift.var(axis=0).mean())))
        counts.append(len(shift))
    return PositionBias(np.array(shifts), np.array(spreads), np.array(counts))


def _lay(image: NDArray[np.floating], view: int) -> NDArray[np.floating]:
    return np.rot90(image[:, ::-1] if view >= 4 else image, view % 4)


def _laid_points(points: Floats, view: int, shape: tuple[int, ...]) -> Floats:
    """Return where points (y, x) [px] of an image of a shape come to lie."""
    y, x = points.T
    height, width = shape[:2]
    if view >= 4:
        x = width - 1 - x
    for _ in range(view % 4):
        y, x, height, width = width - 1 - x, y, width, height
    return np.stack([y, x], axis=1)


def _matched(truth: Floats, found: Floats, reach_px: float) -> Floats:
    """Return found minus true positions of the pairs that are each other's nearest."""
    from scipy.spatial import cKDTree

    if not len(truth) or not len(found):
        return np.zeros((0, 2))
    distance, nearest = cKDTree(truth).query(found)
    _, back = cKDTree(found).query(truth)
    paired = (distance < reach_px) & (back[nearest] == np.arange(len(found)))
    return found[paired] - truth[nearest[paired]]
