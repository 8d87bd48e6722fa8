"""Outer forms of models with a shell: slabs, ellipsoids and faceted particles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.structures.arguments import as_number
from stackmotif.structures.grains.model import Array
from stackmotif.structures.lattices.lattice import Lattice

Plane = tuple[int, int, int]

OUTSIDE, CORE, SHELL = -1, 0, 1
"""What `Shape.part` says of a point."""

MAX_INDEX: Final = 999
"""Planes with larger indices are refused."""

_EDGE_A: Final = 1e-5
"""Atoms this far outside a slab's surface still belong to it, as those on a face of its box do."""


@dataclass(frozen=True)
class Shape:
    """A form with a core and a shell.

    Parameters
    ----------
    box_A : ndarray, shape (2, 3)
        Corners of the box around it [Å].
    core_center_A : ndarray, shape (3,)
        Where the core's crystal has its origin [Å].
    part : callable
        Takes points (n, 3) [Å] and returns `OUTSIDE`, `CORE` or `SHELL` for each, shape (n,).
    """

    box_A: Array
    core_center_A: Array
    part: Callable[[Array], NDArray[np.int8]]


def slab_shape(size_A: tuple[float, float, float], *, thickness_A: float, normal: Array) -> Shape:
    """Return a box from the origin, cut by a plane, with a shell of even thickness under it.

    A surface along two edges of the box is one of its faces. An inclined one leaves the box, if
    that is high enough, through the four edges along one axis, and the corner above it is empty.

    Parameters
    ----------
    size_A : tuple of float
        Edges along the beam, to the right and up [Å].
    thickness_A : float
        Depth of the shell along the normal [Å].
    normal : ndarray, shape (3,)
        Outward normal of the surface, a unit vector.

    Raises
    ------
    StructureError
        For an edge that is not positive, or a shell that leaves no core.
    """
    size = checked_lengths(size_A, what="size")
    box = np.array([np.zeros(3), size])
    reach = size * np.abs(normal)
    checked_thickness(thickness_A, room_A=float(reach.max()))
    empty = float(reach.sum() - reach.max())
    surface = float(np.maximum(normal, 0) @ size) - empty

    def part(points: Array) -> NDArray[np.int8]:
        depth = surface - points @ normal
        inside = np.where(depth >= thickness_A, CORE, SHELL)
        return np.where(depth >= -_EDGE_A, inside, OUTSIDE).astype(np.int8)

    center = (size - normal * (thickness_A + empty)) / 2
    return Shape(box, center, part)


def ellipsoid_shape(radii_A: tuple[float, float, float], *, thickness_A: float) -> Shape:
    """Return an ellipsoid around the origin; each radius of its core is shorter by the thickness.

    Raises
    ------
    StructureError
        For a radius that is not positive, or a shell that leaves no core.
    """
    radii = checked_lengths(radii_A, what="radii")
    checked_thickness(thickness_A, room_A=float(radii.min()))

    def part(points: Array) -> NDArray[np.int8]:
        outer = ((points / radii) ** 2).sum(axis=1) <= 1
        inner = ((points / (radii - thickness_A)) ** 2).sum(axis=1) <= 1
        return np.where(outer, np.where(inner, CORE, SHELL), OUTSIDE).astype(np.int8)

    return Shape(np.array([-radii, radii]), np.zeros(3), part)


def faceted_shape(normals: Array, distances_A: Array, *, thickness_A: float) -> Shape:
    """Return the particle that planes enclose; the core's planes are nearer by the shell.

    Parameters
    ----------
    normals : ndarray, shape (n, 3)
        Outward unit normals.
    distances_A : ndarray, shape (n,)
        Of the planes from the origin [Å].
    thickness_A : float
        Of the shell, along every normal [Å].

    Raises
    ------
    StructureError
        If the planes enclose nothing finite, or the shell leaves no core.
    """
    checked_thickness(thickness_A, room_A=float(distances_A.min()))
    corners = _corners(normals, distances_A)

    def part(points: Array) -> NDArray[np.int8]:
        depth = (distances_A - points @ normals.T).min(axis=1)
        inside = np.where(depth >= thickness_A, CORE, SHELL)
        return np.where(depth >= 0, inside, OUTSIDE).astype(np.int8)

    return Shape(np.array([corners.min(axis=0), corners.max(axis=0)]), np.zeros(3), part)


def _corners(normals: Array, distances_A: Array) -> Array:
    """Return the corners of the body within all planes."""
    from scipy.optimize import linprog
    from scipy.spatial import HalfspaceIntersection

    bounded = all(
        linprog(-sign * np.eye(3)[axis], A_ub=normals, b_ub=distances_A, bounds=(None, None)).status
        == 0
        for axis in range(3)
        for sign in (1, -1)
    )
    if not bounded:
        raise StructureError(
            f"{len(normals)} facets do not enclose a particle; expected planes on all sides, such "
            "as {001} and {104}"
        )
    halves = np.column_stack([normals, -distances_A])
    return HalfspaceIntersection(halves, np.zeros(3)).intersections


def plane_normal(hkl: Plane, *, lattice: Lattice) -> Array:
    """Return the unit normal of a lattice plane in the model's frame, shape (3,).

    Indices refer to the hexagonal O3 cell of the lattice: a along x, c three rows of kind 3 high.
    Planes with h = 0 contain the beam, [100], and are seen edge-on.

    Raises
    ------
    StructureError
        If the indices are not three whole numbers, or all zero.

    Examples
    --------
    >>> from stackmotif.structures import get_lattice
    >>> plane_normal((0, 1, 0), lattice=get_lattice("LiNiO2:1")).tolist()
    [0.0, 1.0, 0.0]
    """
    h, k, l = checked_plane(hkl)  # noqa: E741
    in_plane = np.array([h, (h + 2 * k) / np.sqrt(3)]) / lattice.a_A
    normal = np.array([*in_plane, l / (3 * lattice.row_spacing_A())])
    return normal / np.linalg.norm(normal)


def checked_plane(hkl: Any) -> Plane:
    """Return plane indices as whole numbers, or refuse them.

    Raises
    ------
    StructureError
        If they are not three whole numbers of at most three digits, or all zero.
    """
    plane = hkl if isinstance(hkl, list | tuple | np.ndarray) else ()
    numbers = [as_number(index) for index in plane]
    whole = all(number.is_integer() and abs(number) <= MAX_INDEX for number in numbers)
    if len(numbers) != 3 or not whole or not any(numbers):
        raise StructureError(
            f"plane is {hkl!r}; expected three whole numbers from {-MAX_INDEX} to {MAX_INDEX}, not "
            "all zero, such as (0, 0, 1)"
        )
    h, k, l = map(int, numbers)  # noqa: E741
    return h, k, l


def plane_family(hkl: Plane) -> list[Plane]:
    """Return the planes equivalent to one in the point group -3m of O3.

    Examples
    --------
    >>> len(plane_family((1, 0, 4))), plane_family((0, 0, 1))
    (6, [(0, 0, -1), (0, 0, 1)])
    """
    h, k, l = hkl  # noqa: E741
    i = -h - k
    turned = [(h, k, l), (k, i, l), (i, h, l), (k, h, -l), (i, k, -l), (h, i, -l)]
    return sorted({(s * a, s * b, s * c) for a, b, c in turned for s in (1, -1)})


def facet_planes(facets: Mapping[Plane, float], *, lattice: Lattice) -> tuple[Array, Array]:
    """Return normals (n, 3) and distances (n,) [Å] of all planes equivalent to the given ones.

    Raises
    ------
    StructureError
        For no facets, or a distance that is not positive.
    """
    if not isinstance(facets, Mapping) or not facets:
        raise StructureError("no facets; expected planes with their distance from the centre in Å")
    normals, distances = [], []
    for hkl, distance_A in facets.items():
        checked_lengths(distance_A, what=f"distance of facet {hkl}", count=1)
        for plane in plane_family(checked_plane(hkl)):
            normals.append(plane_normal(plane, lattice=lattice))
            distances.append(distance_A)
    return np.array(normals), np.array(distances, dtype=np.float64)


def checked_lengths(values_A: Any, *, what: str, count: int = 3) -> Array:
    """Return one length or three as an array, or refuse what is not positive and finite."""
    many = isinstance(values_A, list | tuple | np.ndarray)
    given = list(values_A) if many else [values_A]
    lengths = np.array([as_number(value) for value in given])
    if len(lengths) != count or not (np.isfinite(lengths) & (lengths > 0)).all():
        expected = "a positive length" if count == 1 else f"{count} positive lengths"
        raise StructureError(f"{what} is {values_A!r} Å; expected {expected}")
    return lengths


def checked_thickness(thickness_A: float, *, room_A: float) -> None:
    """Refuse a shell that is not positive or leaves no core."""
    if not 0 < as_number(thickness_A) < room_A:
        raise StructureError(
            f"shell thickness is {thickness_A!r} Å; expected more than 0 and less than the model's "
            f"{room_A:.1f} Å, so that a core is left"
        )
