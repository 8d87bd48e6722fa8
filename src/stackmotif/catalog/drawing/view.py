"""Atoms of a crystal as columns of a picture: projected along the beam, repeated to a window."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import CatalogError
from stackmotif.structures import site_roles

if TYPE_CHECKING:
    from pymatgen.core import Structure

Array = NDArray[np.float64]

ZONES: Final = {"100": (1, 0, 0), "010": (0, 1, 0), "110": (1, 1, 0)}

_VACUUM_A: Final = 6.0
"""An empty interval along a cell vector that is wider than this is vacuum [Å]."""

_THIN_A: Final = 4.0
"""Cells shorter than this along the beam hold one atom per column, whose height can be shown."""

_SAME_A: Final = 0.05
"""Columns of one role closer than this are one [Å]."""


@dataclass(frozen=True)
class View:
    """Columns in a window, x to the right and y along +c [Å]; the window starts at (0, 0).

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        Columns (x, y), each once.
    roles : ndarray of str, shape (n,)
        ``M``, ``O`` or ``A``, as `stackmotif.structures.site_roles` tells them.
    halfway : ndarray of bool, shape (n,)
        Columns whose atoms stand half a beam period before or behind those of the lowest metal on
        the left.
    sites : ndarray of int, shape (n,)
        A site of the crystal in each column.
    size_A : ndarray, shape (2,)
        Width and height of the window [Å].
    free : tuple of bool
        Whether vacuum bounds the crystal to the sides, and above and below.
    """

    positions_A: Array
    roles: NDArray[np.str_]
    halfway: NDArray[np.bool_]
    sites: NDArray[np.int64]
    size_A: Array
    free: tuple[bool, bool]

    def inside(self, low_A: float, high_A: float) -> "View":
        """Return the part from one height to another."""
        return self._window(np.array([0.0, low_A]), np.array([self.size_A[0], high_A]))

    def middle(self, share: float) -> "View":
        """Return the middle part, of that share of the width and of the height."""
        cut = self.size_A * (1.0 - share) / 2.0
        return self._window(cut, self.size_A - cut)

    def _window(self, low: Array, high: Array) -> "View":
        positions = self.positions_A
        kept = np.all((positions > low - _SAME_A) & (positions < high + _SAME_A), axis=1)
        return View(
            positions[kept] - low,
            self.roles[kept],
            self.halfway[kept],
            self.sites[kept],
            high - low,
            self.free,
        )


def view_of(
    structure: "Structure",
    *,
    zone: str,
    width_A: float,
    height_A: float,
    slice_A: float | None = None,
) -> View:
    """Return the columns of a crystal in a window of at least the given size.

    The beam is the cell's zone axis and points at the viewer; the normal of the slabs, on the side
    of c, is up. Axes with vacuum are not repeated; others are, to whole periods upwards. Of thick
    models a slice through the middle may be taken.

    Raises
    ------
    CatalogError
        For a zone that shows no stacking.
    """
    if zone not in ZONES:
        raise CatalogError(f"zone {zone!r} shows no stacking; expected one of {', '.join(ZONES)}")
    matrix = np.asarray(structure.lattice.matrix)
    beam = np.asarray(ZONES[zone]) @ matrix
    axes = _axes(matrix, beam)
    fractions, free = _unwrapped(np.asarray(structure.frac_coords), matrix)
    atoms = fractions @ matrix @ axes.T
    shown = _slice(atoms[:, 2], slice_A)
    cell = matrix @ axes.T
    side = 1 if abs(cell[1, 0]) > abs(cell[0, 0]) else 0
    cell, free = cell[[side, 2]], free[[side, 2]]
    size, start = _window(atoms[:, :2], cell, free, (width_A, height_A))
    repeats = _repeats(cell, free, size)
    points = (atoms[shown, None, :] + repeats[None, :, :]).reshape(-1, 3)
    sites = np.repeat(shown, len(repeats))
    planar = points[:, :2] - start
    kept = np.flatnonzero(np.all((planar > -_SAME_A) & (planar < size + _SAME_A), axis=1))
    roles = site_roles(structure)[sites]
    period = float(np.linalg.norm(beam))
    depth = np.round(points[:, 2] / period, 6) % 1.0
    kept = kept[np.argsort(depth[kept], kind="stable")]
    kept = kept[_distinct(planar[kept], roles[kept])]
    metals = depth[kept][roles[kept] == "M"]
    depth = (depth[kept] - metals[:1].sum()) % 1.0
    return View(
        planar[kept],
        roles[kept],
        (np.abs(depth - 0.5) < 0.25) & (period < _THIN_A),
        sites[kept],
        size,
        (bool(free[0]), bool(free[1])),
    )


def _axes(matrix: Array, beam: Array) -> Array:
    """Return unit vectors as rows: right and up in the picture, and towards the viewer."""
    toward = beam / np.linalg.norm(beam)
    normal = np.cross(matrix[0], matrix[1])
    up = np.sign(normal @ matrix[2]) * normal / np.linalg.norm(normal)
    return np.stack([np.cross(up, toward), up, toward])


def _slice(depths_A: Array, slice_A: float | None) -> NDArray[np.int64]:
    """Return the atoms of a slice through the middle, all of them without one."""
    if slice_A is None:
        return np.arange(len(depths_A))
    middle = (depths_A.min() + depths_A.max()) / 2.0
    return np.flatnonzero(np.abs(depths_A - middle) <= slice_A / 2.0)


def _unwrapped(fractions: Array, matrix: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return fractions that cross no vacuum, and which axes have vacuum."""
    fractions = np.round(fractions, 9) % 1.0
    free = np.zeros(3, dtype=bool)
    for axis in range(3):
        spacing = abs(np.linalg.det(matrix)) / np.linalg.norm(
            np.cross(matrix[axis - 1], matrix[axis - 2])
        )
        ordered = np.sort(fractions[:, axis])
        empty = np.diff(ordered, append=ordered[0] + 1.0)
        widest = int(np.argmax(empty))
        if empty[widest] * spacing > _VACUUM_A:
            free[axis] = True
            start = ordered[(widest + 1) % len(ordered)]
            fractions[:, axis] = start + np.round(fractions[:, axis] - start, 9) % 1.0
    return fractions, free


def _window(
    atoms: Array, cell: Array, free: NDArray[np.bool_], wanted_A: tuple[float, float]
) -> tuple[Array, Array]:
    """Return size and lower left corner of the window: the atoms' extent, or whole periods."""
    low, high = atoms.min(axis=0), atoms.max(axis=0)
    size = high - low
    for axis in (0, 1):
        if not free[axis]:
            period = abs(float(cell[axis, axis]))
            size[axis] = period * max(1, np.ceil(wanted_A[axis] / period - 1e-6))
    return size, low


def _repeats(cell: Array, free: NDArray[np.bool_], size: Array) -> Array:
    """Return all translations of the cell that can reach the window, shape (n, 3) [Å]."""
    vectors = cell[~free]
    if len(vectors) == 0:
        return np.zeros((1, 3))
    lengths = np.linalg.norm(vectors[:, :2], axis=1)
    margin = np.abs(cell[:, :2]).sum(axis=0)
    reach = int(np.ceil((size.sum() + margin.sum()) / lengths.min()))
    counts = [np.arange(-reach, reach + 1)] * len(vectors)
    grid: Array = np.stack(np.meshgrid(*counts), axis=-1).reshape(-1, len(vectors)) @ vectors
    return grid[np.all(np.abs(grid[:, :2]) <= size + margin + 1.0, axis=1)]


def _distinct(positions: Array, roles: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the first of all columns that coincide, from the bottom up and left to right."""
    keys = np.round(positions / _SAME_A + 1e-6).astype(np.int64)
    labels = np.searchsorted(["A", "M", "O"], roles)
    _, first = np.unique(np.column_stack([labels, keys[:, ::-1]]), axis=0, return_index=True)
    return first
