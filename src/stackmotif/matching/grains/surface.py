"""Where the crystal ends, and how deep everything lies below that."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.grains.crystalline import is_crystalline
from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_GRID_A: Final = 1.0
_SKIN_A: Final = 1.2
"""From the outermost columns to the edge [Å]: half a distance of cation planes in rock salt."""
_REACH_A: Final = 4.5
"""Half of the widest hole between columns of a crystal, less a little [Å]: places farther from
every column are outside."""
_EMPTY_A2: Final = 150.0
"""Area of the smallest outside that counts [Å²]; smaller ones are holes in the columns found."""


@dataclass(frozen=True)
class Surface:
    """The edge of the crystal.

    Parameters
    ----------
    points_A : ndarray, shape (n, 2)
        Places (y, x) on it [Å].
    normal : ndarray, shape (2,), optional
        Of a straight edge, into the crystal; depths are then signed distances from the line
        through the first point.
    method : str
        ``columns`` or ``line``.
    sigma_A : float
        How well the edge is known [Å].
    """

    points_A: Floats
    normal: Floats | None
    method: str
    sigma_A: float

    @classmethod
    def line(cls, y0_A: float, x0_A: float, y1_A: float, x1_A: float) -> "Surface":
        """Return a straight edge.

        The crystal is to the right of the way from 0 to 1, as seen in the image (y down).

        Raises
        ------
        StackmotifError
            If the two points are one, or not finite.

        Examples
        --------
        >>> edge = Surface.line(10.0, 0.0, 10.0, 50.0)
        >>> edge.depth_A(np.array([[14.0, 20.0]])).tolist()
        [4.0]
        """
        ends = np.array([[y0_A, x0_A], [y1_A, x1_A]], dtype=np.float64)
        step = ends[1] - ends[0]
        length = float(np.hypot(*step))
        if not np.isfinite(ends).all() or length <= 0:
            raise StackmotifError(
                f"surface from ({y0_A}, {x0_A}) to ({y1_A}, {x1_A}) Å is no line; expected two "
                "different points"
            )
        return cls(ends, np.array([step[1], -step[0]]) / length, "line", 0.0)

    def depth_A(self, positions_A: Floats) -> Floats:
        """Return the distance of places inside the crystal from the edge [Å]."""
        if self.normal is not None:
            return np.asarray((positions_A - self.points_A[0]) @ self.normal)
        from scipy.spatial import cKDTree

        return np.asarray(cKDTree(self.points_A).query(positions_A)[0] + _SKIN_A)


def find_surface(result: MotifMap) -> Surface | None:
    """Return the edge of the crystal against vacuum or an amorphous film.

    It runs along the outermost columns: those of the host's rows and of rock salt. The outside
    is what is farther from all of them than columns of a crystal are from each other, if it
    reaches the border of the image and is large. A region whose power spectra show a lattice is a
    crystal that was not recognised, and no outside.

    Returns
    -------
    Surface or None
        None where the crystal fills the field.
    """
    from scipy.spatial import cKDTree

    if result.image is None or not len(result.columns):
        return None
    inside = crystal_columns(result)
    if inside.sum() < 10:
        return None
    places = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)[inside]
    extent = np.array(result.image.shape) * result.pixel_size_A
    y, x = (np.arange(0.5 * _GRID_A, size, _GRID_A) for size in extent)
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    tree = cKDTree(places)
    away = tree.query(grid.reshape(-1, 2))[0].reshape(grid.shape[:2])
    outside = _outside(away > _REACH_A, np.asarray(result.image), result.pixel_size_A)
    if not outside.any():
        return None
    near, _ = cKDTree(grid[outside]).query(places)
    edge = near < _REACH_A + 1.4 * _GRID_A
    if edge.sum() < 3:
        return None
    return Surface(places[edge], None, "columns", 0.5 * _SKIN_A)


def crystal_columns(result: MotifMap) -> Bools:
    """Tell which columns belong to a crystal that was recognised."""
    return np.asarray((result.columns["row"] >= 0) | (result.columns["label"] == "rocksalt"))


def _outside(far: Bools, image: Floats, pixel_size_A: float) -> Bools:
    """Keep the regions that are large, reach the border and have no lattice of their own."""
    from scipy.ndimage import label

    numbers, n = label(far)
    large = np.bincount(numbers.ravel(), minlength=n + 1) * _GRID_A**2 >= _EMPTY_A2
    rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    reaches = np.bincount(rim, minlength=n + 1) > 0
    kept = large & reaches
    kept[0] = False
    for number in np.flatnonzero(kept):
        kept[number] = not is_crystalline(
            image, numbers == number, pixel_size_A=pixel_size_A, step_A=_GRID_A
        )
    return np.asarray(kept[numbers])
