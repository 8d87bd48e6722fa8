"""The layers of a crystal: their normal, in-plane basis, repeat along the normal, and planes."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError

if TYPE_CHECKING:
    from pymatgen.core import Structure

Array = NDArray[np.float64]

_NEIGHBOUR_RATIO: Final = 1.15
"""In-plane metal neighbours are within this factor of the closest pair."""

_PLANARITY: Final = 0.1
"""Largest out-of-plane part of the neighbour vectors, relative to their in-plane part."""

_PLANE_SPLIT_A: Final = 0.5
"""Atoms farther apart along the normal belong to different planes [Å]."""

_MAX_LAYERS: Final = 2000


@dataclass(frozen=True)
class Frame:
    """Coordinates of a layered crystal.

    Parameters
    ----------
    basis : ndarray, shape (2, 3)
        In-plane lattice vectors of one metal plane, 120 degrees apart [Å].
    normal : ndarray, shape (3,)
        Unit vector along the stacking.
    repeat : ndarray, shape (3,)
        The crystal's lattice vector that leads to the next period along the normal [Å].
    """

    basis: Array
    normal: Array
    repeat: Array

    @property
    def period_A(self) -> float:
        """Length of the repeat along the normal [Å]."""
        return float(self.repeat @ self.normal)

    def height_A(self, positions: Array) -> Array:
        """Return heights along the normal of positions of shape (..., 3) [Å]."""
        return positions @ self.normal

    def lateral(self, positions: Array) -> Array:
        """Return in-plane coordinates of positions (..., 3) in units of the basis, (..., 2)."""
        return positions @ np.linalg.pinv(self.basis)


def find_frame(structure: "Structure", metals: NDArray[np.bool_]) -> Frame:
    """Return the frame of a crystal from the neighbours of its metal atoms.

    Raises
    ------
    StructureError
        If the metals form no triangular planes, or the cell no period across them.
    """
    vectors = _neighbour_vectors(structure, metals)
    normal = _normal(vectors)
    cell = np.asarray(structure.lattice.matrix)
    direction = next((v for v in cell[::-1] if abs(v @ normal) > 1e-3), normal)
    normal = normal * np.sign(direction @ normal)
    return Frame(_basis(vectors, normal, cell[0]), normal, _repeat(cell, normal))


def _neighbour_vectors(structure: "Structure", metals: NDArray[np.bool_]) -> Array:
    """Return the vectors between neighbouring metals, of one plane in a layered crystal."""
    from pymatgen.core import Structure

    if not metals.any():
        raise StructureError("structure has no metal atoms; expected MO2 slabs")
    coordinates = structure.cart_coords[metals]
    only = Structure(
        structure.lattice, ["X"] * int(metals.sum()), coordinates, coords_are_cartesian=True
    )
    centers, others, images, distances = only.get_neighbor_list(4.5)
    if len(distances) == 0:
        raise StructureError("no two metals within 4.5 Å; expected a triangular metal plane")
    near = distances < _NEIGHBOUR_RATIO * distances.min()
    ends = only.cart_coords[others] + images @ only.lattice.matrix
    return (ends - only.cart_coords[centers])[near]


def _normal(vectors: Array) -> Array:
    _, sizes, axes = np.linalg.svd(vectors, full_matrices=False)
    if len(sizes) < 3 or sizes[1] < 0.5 * sizes[0] or sizes[2] > _PLANARITY * sizes[1]:
        raise StructureError(
            "the metals' nearest neighbours do not lie in planes; expected layers of MO2 "
            "(rock salt and spinel cannot be read as words)"
        )
    return axes[2]


def _basis(vectors: Array, normal: Array, a_axis: Array) -> Array:
    """Return two mean neighbour vectors, the first nearest to the cell's a, the second +120°."""
    start = a_axis - (a_axis @ normal) * normal
    aligned = vectors @ start if np.linalg.norm(start) > 1e-3 else np.zeros(len(vectors))
    first = vectors[int(np.argmax(aligned))]
    side = np.cross(normal, first)
    angles = np.degrees(np.arctan2(vectors @ side, vectors @ first))
    means = []
    for target in (0.0, 120.0):
        near = np.abs((angles - target + 180) % 360 - 180) < 20
        if not near.any():
            raise StructureError("a metal plane is not triangular; expected neighbours 60° apart")
        means.append(vectors[near].mean(axis=0))
    return np.array(means)


def _repeat(cell: Array, normal: Array) -> Array:
    """Return the lattice vector with the least positive height: three heights to one divisor."""
    heights = cell @ normal
    largest = np.abs(heights).max()
    for divisor in range(1, _MAX_LAYERS):
        multiples = heights / (largest / divisor)
        if np.all(np.abs(multiples - np.round(multiples)) * largest / divisor < 0.05):
            weights = _bezout([round(m) for m in multiples])
            return np.array(weights, dtype=np.float64) @ cell
        if largest / divisor < 1.0:
            break
    raise StructureError("the cell's vectors have no common period across the layers")


def _bezout(values: list[int]) -> list[int]:
    """Return integers whose products with ``values`` sum to the greatest common divisor."""
    weights, divisor = [1 if values[0] >= 0 else -1, 0, 0], abs(values[0])
    for k in (1, 2):
        g, p, q = _extended_gcd(divisor, values[k])
        weights = [p * w for w in weights]
        weights[k] = q
        divisor = g
    return weights


def _extended_gcd(a: int, b: int) -> tuple[int, int, int]:
    x, y, u, v = 1, 0, 0, 1
    while b:
        q, r = divmod(a, b)
        a, b, x, y, u, v = b, r, u, v, x - q * u, y - q * v
    return (a, x, y) if a >= 0 else (-a, -x, -y)


def split_planes(heights_A: Array, period_A: float) -> list[float]:
    """Return the mean height of each plane of atoms, in [start, start + period), ascending.

    ``start`` is the middle of the widest empty interval, so that no plane is cut in two.
    """
    z = np.sort(heights_A % period_A)
    spacing = np.diff(z, append=z[0] + period_A)
    widest = int(np.argmax(spacing))
    start = z[widest] + spacing[widest] / 2
    unwrapped = np.sort((z - start) % period_A) + start
    cuts = np.flatnonzero(np.diff(unwrapped) > _PLANE_SPLIT_A) + 1
    return [float(plane.mean()) for plane in np.split(unwrapped, cuts)]


def circular_mean(values: Array) -> tuple[Array, float]:
    """Return the mean modulo 1 of coordinates (n, m), and the least resultant length of them."""
    resultant = np.exp(2j * math.pi * values).mean(axis=0)
    return np.angle(resultant) / (2 * math.pi) % 1.0, float(np.abs(resultant).min())
