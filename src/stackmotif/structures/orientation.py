"""Crystals turned into the frame of the image: an orthogonal cell along a zone axis."""

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_MAX_INDEX: Final = 4
_SINE_TOLERANCE: Final = 2e-3
_MATCH_A: Final = 0.02
"""Two atoms this close are the same one when translations are sought [Å]."""


@dataclass(frozen=True)
class OrientedCell:
    """An orthogonal periodic cell in image axes.

    x points right, y down and z along the beam (into the page), a right-handed frame; the zone
    axis points at the viewer, and +c is up, which is -y.

    Parameters
    ----------
    symbols : ndarray of str, shape (n,)
        Element of each site.
    positions_A : ndarray of float64, shape (n, 3)
        Sites (x, y, z) [Å], each inside the cell.
    occupancies : ndarray of float64, shape (n,)
        Mean occupation of each site, 0 to 1.
    extent_A : ndarray of float64, shape (3,)
        Edges of the cell (x, y, z) [Å]; the z edge is the period along the beam.
    """

    symbols: NDArray[np.str_]
    positions_A: NDArray[np.float64]
    occupancies: NDArray[np.float64]
    extent_A: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.symbols)


def orient(structure: "Structure", *, zone: tuple[int, int, int] = (1, 0, 0)) -> OrientedCell:
    """Return the smallest orthogonal cell of a crystal seen along a zone axis, with +c up.

    Slabs are parallel to a and b, and their normal stands upright: an oblique c axis does not tilt
    the image. The image's x axis is ``c × zone``, so that in a hexagonal cell a shift of
    e = (2/3, 1/3) moves a row by +d/3 to the right.

    Parameters
    ----------
    structure : pymatgen Structure
        Fully or partly occupied sites.
    zone : tuple of int
        Direction [uvw] that points at the viewer.

    Raises
    ------
    StructureError
        If no lattice vectors lie along the image axes, for a zone that is no three whole numbers,
        or a crystal without atoms.
    """
    if len(structure) == 0:
        raise StructureError("the crystal has no atoms; expected at least one")
    lattice = np.asarray(structure.lattice.matrix)
    rows = _axes_vectors(lattice, _checked_zone(zone))
    cell = structure.copy()
    cell.make_supercell(rows, to_unit_cell=False)
    fractions = _wrap(np.asarray(cell.frac_coords) * (-1.0, 1.0, -1.0))
    extent = np.linalg.norm(rows @ lattice, axis=1)[[1, 2, 0]]
    symbols, sites, occupancies = site_table(cell)
    return OrientedCell(
        symbols=symbols,
        positions_A=fractions[sites][:, [1, 2, 0]] * extent,
        occupancies=occupancies,
        extent_A=extent,
    )


def _checked_zone(zone: object) -> tuple[int, int, int]:
    indices = list(zone) if isinstance(zone, Iterable) and not isinstance(zone, str) else []
    whole = all(isinstance(i, Integral) and not isinstance(i, bool) for i in indices)
    if len(indices) != 3 or not whole or not any(indices):
        raise StructureError(
            f"zone axis is {zone!r}; expected three whole numbers, not all 0, such as (1, 0, 0)"
        )
    u, v, w = indices
    return int(u), int(v), int(w)


def _axes_vectors(lattice: NDArray[np.float64], zone: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return integer vectors (beam, right, up) of the orthogonal cell."""
    beam = np.asarray(zone) @ lattice
    toward = beam / np.linalg.norm(beam)
    normal = np.cross(lattice[0], lattice[1])
    normal *= np.sign(normal @ lattice[2]) / np.linalg.norm(normal)
    up = normal - (normal @ toward) * toward
    if np.linalg.norm(up) < 0.5:
        raise StructureError(
            f"zone axis {list(zone)} is (nearly) parallel to c; expected one across the slabs, "
            "such as [1, 0, 0]"
        )
    up /= np.linalg.norm(up)
    right = np.cross(up, toward)
    return np.array([zone, _shortest_along(lattice, right, "x"), _shortest_along(lattice, up, "y")])


def _shortest_along(
    lattice: NDArray[np.float64], direction: NDArray[np.float64], axis: str
) -> NDArray[np.int64]:
    span = np.arange(-_MAX_INDEX, _MAX_INDEX + 1)
    indices = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    vectors = indices @ lattice
    lengths = np.linalg.norm(vectors, axis=1)
    along = vectors @ direction
    across = np.linalg.norm(vectors - along[:, None] * direction, axis=1)
    good = (along > 0) & (across <= _SINE_TOLERANCE * lengths)
    if not good.any():
        raise StructureError(
            f"the cell has no lattice vector with indices up to {_MAX_INDEX} along the image's "
            f"{axis} axis; expected a hexagonal or an orthogonal cell with the slabs' normal along "
            "c and the zone axis across it: convert it to the conventional cell first"
        )
    return indices[good][np.argmin(lengths[good])]


def _wrap(fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.mod(np.round(np.mod(fractions, 1.0), 9), 1.0)


def site_table(
    structure: "Structure",
) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.float64]]:
    """Return element, site index and occupancy, one row per element on a site."""
    rows = [
        (getattr(species, "element", species).symbol, index, float(amount))
        for index, site in enumerate(structure)
        for species, amount in sorted(site.species.items(), key=lambda item: str(item[0]))
        if amount > 0
    ]
    symbols, sites, occupancies = zip(*rows, strict=True)
    return np.array(symbols), np.array(sites), np.array(occupancies)


def translations_A(cell: OrientedCell) -> NDArray[np.float64]:
    """Return every translation that maps the crystal onto itself, shape (n, 3) [Å].

    The zero vector comes first; all lie inside the cell.
    """
    from scipy.spatial import cKDTree

    kinds, labels = np.unique(
        np.char.add(cell.symbols, np.round(cell.occupancies, 6).astype(str)), return_inverse=True
    )
    anchors = np.flatnonzero(labels == np.argmin(np.bincount(labels, minlength=len(kinds))))
    shifts = _inside(cell.positions_A[anchors] - cell.positions_A[anchors[0]], cell)
    trees = [
        cKDTree(_inside(cell.positions_A[labels == kind], cell), boxsize=cell.extent_A)
        for kind in range(len(kinds))
    ]
    kept = [shift for shift in shifts if _maps_onto_itself(cell, labels, trees, shift)]
    order = np.argsort([float(shift @ shift) for shift in kept], kind="stable")
    return np.array(kept)[order]


def _maps_onto_itself(
    cell: OrientedCell, labels: NDArray[np.int64], trees: list, shift: NDArray[np.float64]
) -> bool:
    for kind, tree in enumerate(trees):
        moved = _inside(cell.positions_A[labels == kind] + shift, cell)
        if (tree.query(moved)[0] > _MATCH_A).any():
            return False
    return True


def _inside(positions_A: NDArray[np.float64], cell: OrientedCell) -> NDArray[np.float64]:
    # Twice: the remainder of a tiny negative number is the edge itself.
    return np.mod(np.mod(positions_A, cell.extent_A), cell.extent_A)


def repeat(cell: OrientedCell, repeats: tuple[int, int, int]) -> OrientedCell:
    """Return the cell repeated along (x, y, z).

    The repetition along the beam is the slowest index, so that a thicker crystal begins with the
    same list of atoms as a thinner one.
    """
    nx, ny, nz = repeats
    steps = np.stack(np.meshgrid(range(nz), range(nx), range(ny), indexing="ij"), -1)
    offsets = steps.reshape(-1, 3)[:, [1, 2, 0]] * cell.extent_A
    positions = (offsets[:, None] + cell.positions_A[None]).reshape(-1, 3)
    copies = len(offsets)
    return OrientedCell(
        symbols=np.tile(cell.symbols, copies),
        positions_A=positions,
        occupancies=np.tile(cell.occupancies, copies),
        extent_A=cell.extent_A * (nx, ny, nz),
    )
