"""Where grains lie and how they are turned: a seeded tessellation, and zones along the beam."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.structures.arguments import as_number, checked_generator
from stackmotif.structures.grains.model import Array, Grain
from stackmotif.structures.rocksalt.bulk import checked_sense

MAX_GRAINS: Final = 20_000
"""Tessellations of more grains are refused."""

_CANDIDATES: Final = 24
"""Places tried for each seed; the one farthest from all seeds before is taken."""

_SAMPLES: Final = 200_000

_CUBIC_TO_LAYERED: Final = np.array(
    [
        np.array([1.0, -1.0, 0.0]) / np.sqrt(2),
        np.array([1.0, 1.0, -2.0]) / np.sqrt(6),
        np.array([1.0, 1.0, 1.0]) / np.sqrt(3),
    ]
)
"""Cubic axes of rock salt of sense ``+`` in the layered frame: [1-10] along x, [111] along z."""

_HALF_TURN: Final = np.diag([-1.0, -1.0, 1.0])
"""Turn about [111] that makes one fcc sense the other."""


@dataclass(frozen=True)
class Tessellation:
    """Grains as the cells of a power diagram: Voronoi cells whose faces shift with their sizes.

    A point belongs to the grain with the least |r - seed|² - radius².

    Parameters
    ----------
    seeds_A : ndarray, shape (n, 3)
        Centres, those of the largest grains first [Å].
    radii_A : ndarray, shape (n,)
        Radii that the grains were drawn with [Å].
    box_A : ndarray, shape (2, 3)
        Lower and upper corner of what they fill [Å].
    """

    seeds_A: Array
    radii_A: Array
    box_A: Array

    def __len__(self) -> int:
        return len(self.seeds_A)

    def assign(self, points_A: Array) -> NDArray[np.intp]:
        """Return the grain of each point of shape (n, 3)."""
        from scipy.spatial import cKDTree

        # |r - s|² + (R² - radius²) is a distance in four dimensions, where a tree can search.
        height = np.sqrt(np.maximum(self.radii_A.max() ** 2 - self.radii_A**2, 0.0))
        tree = cKDTree(np.column_stack([self.seeds_A, height]))
        return tree.query(np.column_stack([points_A, np.zeros(len(points_A))]))[1]

    def cell_boxes(self) -> Array:
        """Return the box around each grain's cell, shape (n, 2, 3) [Å]; empty cells get NaN.

        The diagram is the lower hull of the seeds lifted to |s|² - radius². Mirror images of all
        seeds in the six faces make the box itself the outer faces of the cells.
        """
        from scipy.spatial import ConvexHull

        images = [self.seeds_A]
        for axis, side in product(range(3), range(2)):
            image = self.seeds_A.copy()
            image[:, axis] = 2 * self.box_A[side, axis] - image[:, axis]
            images.append(image)
        middle = self.box_A.mean(axis=0)
        points = np.concatenate(images) - middle
        lifted = (points**2).sum(axis=1) - np.tile(self.radii_A**2, 7)
        hull = ConvexHull(np.column_stack([points, lifted]))
        lower = hull.equations[:, 3] < -1e-12
        planes = hull.equations[lower]
        vertices = -planes[:, :3] / (2 * planes[:, 3:4]) + middle
        return self._boxes_of(hull.simplices[lower], vertices)

    def _boxes_of(self, cells: NDArray[np.intp], vertices: Array) -> Array:
        low, high = np.full((len(self), 3), np.inf), np.full((len(self), 3), -np.inf)
        for corner in cells.T:
            own = corner < len(self)
            np.minimum.at(low, corner[own], vertices[own])
            np.maximum.at(high, corner[own], vertices[own])
        boxes = np.stack([np.maximum(low, self.box_A[0]), np.minimum(high, self.box_A[1])], axis=1)
        boxes[~np.isfinite(low).all(axis=1)] = np.nan
        return boxes


def tessellate(
    box_A: Array,
    *,
    grain_size_A: float,
    grain_spread: float = 0.2,
    region: Callable[[Array], NDArray[np.bool_]] | None = None,
    rng: int | np.random.Generator = 0,
) -> Tessellation:
    """Return grains of a given mean size that fill a region.

    Diameters are log-normal. Seeds are placed one after the other, the largest first, each at the
    best of 24 random places: the one with most room to the spheres before it.

    Parameters
    ----------
    box_A : ndarray, shape (2, 3)
        Lower and upper corner of a box around the region [Å].
    grain_size_A : float
        Mean diameter; a grain's volume is that of the sphere [Å].
    grain_spread : float
        Standard deviation of the diameters, as a fraction of their mean.
    region : callable, optional
        Takes points (n, 3) and tells which are inside; the whole box by default.
    rng : int or numpy.random.Generator
        Seed or generator.

    Raises
    ------
    StructureError
        For a size or spread out of range, an empty region or too many grains.
    """
    check_sizes(grain_size_A, grain_spread)
    box_A = np.asarray(box_A, dtype=np.float64)
    generator = checked_generator(rng)
    points = generator.uniform(box_A[0], box_A[1], (_SAMPLES, 3))
    inside = points if region is None else points[region(points)]
    if len(inside) == 0:
        raise StructureError("the region of the grains is empty; expected room for one grain")
    volume = float(np.prod(np.ptp(box_A, axis=0))) * len(inside) / _SAMPLES
    diameters = _diameters(volume, grain_size_A, grain_spread, generator)
    return Tessellation(_seeds(inside, diameters / 2, generator), diameters / 2, box_A)


def check_sizes(grain_size_A: float, grain_spread: float) -> None:
    """Refuse a mean diameter or a spread out of range.

    Raises
    ------
    StructureError
        For a diameter below 5 or above 10 000 Å, or a spread outside 0 to 1.
    """
    if not 5 <= as_number(grain_size_A) <= 10_000:
        raise StructureError(
            f"grain size is {grain_size_A!r} Å; expected at least 5 Å and at most 10000 Å"
        )
    if not 0 <= as_number(grain_spread) <= 1:
        raise StructureError(f"grain spread is {grain_spread!r}; expected 0 to 1 (std / mean)")


def _diameters(
    volume_A3: float, mean_A: float, spread: float, generator: np.random.Generator
) -> Array:
    """Return log-normal diameters, largest first, whose spheres take the volume."""
    sigma = np.sqrt(np.log1p(spread**2))
    third_moment = mean_A**3 * (1 + spread**2) ** 3
    n = max(1, round(volume_A3 / (np.pi / 6 * third_moment)))
    if n > MAX_GRAINS:
        raise StructureError(
            f"{n} grains of {mean_A} Å; expected at most {MAX_GRAINS}: take larger grains"
        )
    drawn = np.exp(generator.normal(np.log(mean_A) - sigma**2 / 2, sigma, n))
    scale = np.cbrt(volume_A3 / (np.pi / 6 * (drawn**3).sum()))
    return np.sort(drawn * scale)[::-1]


def _seeds(inside: Array, radii_A: Array, generator: np.random.Generator) -> Array:
    seeds = np.empty((len(radii_A), 3))
    for k, radius in enumerate(radii_A):
        tried = inside[generator.integers(0, len(inside), _CANDIDATES)]
        if k:
            apart = np.linalg.norm(tried[:, None] - seeds[None, :k], axis=2)
            room = (apart - radii_A[:k] - radius).min(axis=1)
            tried = tried[[int(np.argmax(room))]]
        seeds[k] = tried[0]
    return seeds


def turned_grain(
    generator: np.random.Generator,
    *,
    zones: Mapping[str, float],
    senses: Sequence[str] = ("+",),
    max_rotation_deg: float = 20.0,
    max_tilt_deg: float = 0.0,
) -> Grain:
    """Return a grain of rock salt with a zone drawn at random along the beam.

    The crystal starts in the setting that continues O3 (``+``) or its twin. The member of the
    zone's family that is nearest to the beam, one of those equally near at random, is turned into
    the beam by the shortest way; then the grain is turned about the beam, and then tilted about an
    axis across it.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the draws come from.
    zones : Mapping of str to float
        Cubic zones such as ``112``, with weights.
    senses : sequence of str
        Fcc senses to choose from.
    max_rotation_deg, max_tilt_deg : float
        Turns about the beam are uniform in ± the first, tilts uniform from 0 to the second
        [degrees].
    """
    names = list(zones)
    weights = np.array([zones[name] for name in names], dtype=np.float64)
    zone = names[int(generator.choice(len(names), p=weights / weights.sum()))]
    sense = senses[int(generator.integers(len(senses)))]
    start = np.eye(3) if sense == "+" else _HALF_TURN
    aligned = _zone_to_beam(zone, start @ _CUBIC_TO_LAYERED, generator) @ start
    angle = float(generator.uniform(-max_rotation_deg, max_rotation_deg))
    tilt, azimuth = float(generator.uniform(0, max_tilt_deg)), generator.uniform(0, 2 * np.pi)
    across = np.array([0.0, np.cos(azimuth), np.sin(azimuth)])
    rotation = about(across, tilt) @ about(np.array([1.0, 0, 0]), angle) @ aligned
    return Grain("shell", rotation, rotation_deg=angle, zone=zone, sense=sense, tilt_deg=tilt)


def about(axis: Array, angle_deg: float) -> Array:
    """Return the right-handed rotation about an axis, as a matrix of shape (3, 3)."""
    from scipy.spatial.transform import Rotation

    unit = np.asarray(axis) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.radians(angle_deg) * unit).as_matrix()


def _zone_to_beam(zone: str, axes: Array, generator: np.random.Generator) -> Array:
    """Return the shortest rotation that brings a member of a zone's family to x."""
    members = zone_family(zone) @ axes.T
    members = members / np.linalg.norm(members, axis=1)[:, None]
    nearest = np.flatnonzero(members[:, 0] > members[:, 0].max() - 1e-9)
    unit = members[int(generator.choice(nearest))]
    axis = np.cross(unit, [1.0, 0.0, 0.0])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return about(axis, float(np.degrees(np.arctan2(sine, unit[0]))))


def zone_family(zone: str) -> Array:
    """Return all cubic directions equivalent to a zone of three digits, shape (n, 3).

    Raises
    ------
    StructureError
        If it is not three digits, or 000.
    """
    if not (isinstance(zone, str) and re.fullmatch("[0-9]{3}", zone)) or zone == "000":
        raise StructureError(f"zone is {zone!r}; expected three digits such as '110'")
    signed = {
        tuple(s * int(d) for s, d in zip(signs, digits, strict=True))
        for digits in permutations(zone)
        for signs in product((1, -1), repeat=3)
    }
    return np.array(sorted(signed), dtype=np.float64)


def checked_zones(zones: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    """Return zones with weights, equal ones for a sequence, or refuse them.

    Raises
    ------
    StructureError
        For no zone, one that is not three digits, or a weight that is not positive.
    """
    if not isinstance(zones, Mapping | list | tuple) or not zones:
        raise StructureError(f"zones is {zones!r}; expected several, such as ('110', '100')")
    weighted = zones if isinstance(zones, Mapping) else dict.fromkeys(zones, 1.0)
    for zone, weight in weighted.items():
        zone_family(zone)
        if not 0 < as_number(weight) < np.inf:
            raise StructureError(f"weight of zone {zone} is {weight!r}; expected a positive number")
    return dict(weighted)


def checked_senses(senses: str) -> tuple[str, ...]:
    """Return the fcc senses of ``+``, ``-`` or ``both``, or refuse them."""
    return ("+", "-") if senses == "both" else (checked_sense(senses),)
