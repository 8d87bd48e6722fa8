"""A domain of one stacking, turned about the beam, cut out of and set into another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import Word
from stackmotif.structures.arguments import as_number, checked_angle, checked_generator
from stackmotif.structures.grains.assembly import assemble
from stackmotif.structures.grains.filling import GRAIN_LIMITS_A, Crystal, anion_numbers, fill_box
from stackmotif.structures.grains.model import Array, Grain, Model
from stackmotif.structures.grains.shapes import checked_lengths
from stackmotif.structures.grains.tessellation import about
from stackmotif.structures.lattices.lattice import Lattice, get_lattice
from stackmotif.structures.polytype import build

_BEAM = np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Region:
    """Part of the image plane.

    Parameters
    ----------
    half_width_A, half_height_A : float
        Half axes to the right and up [Å].
    shape : {'ellipse', 'rectangle'}
        Its outline.
    right_A, up_A : float
        Its centre, from the centre of the host [Å].
    angle_deg : float
        Turn of the outline, counter-clockwise for the viewer [degrees].
    """

    half_width_A: float
    half_height_A: float
    shape: Literal["ellipse", "rectangle"] = "ellipse"
    right_A: float = 0.0
    up_A: float = 0.0
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        checked_lengths(self.half_width_A, what="half width", count=1)
        checked_lengths(self.half_height_A, what="half height", count=1)
        checked_angle(self.angle_deg, what="turn of the region")
        if self.shape not in ("ellipse", "rectangle"):
            raise StructureError(f"region is a {self.shape!r}; expected 'ellipse' or 'rectangle'")

    def contains(self, points_A: Array) -> NDArray[np.bool_]:
        """Return which points (n, 3), from the centre of the host, lie in it."""
        c, s = np.cos(np.radians(self.angle_deg)), np.sin(np.radians(self.angle_deg))
        y, z = points_A[:, 1] - self.right_A, points_A[:, 2] - self.up_A
        along = np.abs(c * y + s * z) / self.half_width_A
        across = np.abs(c * z - s * y) / self.half_height_A
        if self.shape == "rectangle":
            return np.maximum(along, across) <= 1
        return np.hypot(along, across) <= 1


def embed_domain(
    domain: Word | str = "|R0|",
    *,
    host: Word | str = "R+11 R.",
    width_A: float = 60.0,
    region: Region | None = None,
    rotation_deg: float = 0.0,
    lattice: Lattice | str = "LiNiO2:0.5",
    domain_lattice: Lattice | str = "O1-NiO2",
    limits_A: Mapping[str, float] = GRAIN_LIMITS_A,
    vacuum_A: float = 15.0,
    rng: int | np.random.Generator = 0,
) -> Model:
    """Return a stack of slabs in which a region holds another stacking, one period a thick.

    The host's atoms in the region go, and those of the domain's own crystal come: with its own
    row spacing and pitch, turned about the beam, a metal of it on a metal of the host in the
    middle. Only along the beam is the domain strained, to the host's a, so that the model repeats
    there. The boundary is a cut, not a relaxed interface; atoms too close across it are resolved by
    the rule that ``Model.conflicts`` states and counts.

    Parameters
    ----------
    domain : Word or str
        A periodic word.
    host : Word or str
        A finite word.
    width_A : float
        Of the host, to the right [Å].
    region : Region, optional
        What the domain takes: an ellipse of half the host's width and height by default.
    rotation_deg : float
        Turn of the domain about the beam, counter-clockwise for the viewer [degrees].
    lattice, domain_lattice : Lattice or str
        Of the host and of the domain.
    limits_A : Mapping of str to float
        Least distances across the boundary [Å].
    vacuum_A : float
        Added to the cell's edges to the right and up [Å].
    rng : int or numpy.random.Generator
        Seed of partly filled sites.

    Returns
    -------
    Model
        Periodic along the beam.

    Raises
    ------
    StructureError
        For a periodic host, a finite domain, or a region or length out of range.

    Examples
    --------
    >>> model = embed_domain("|R0|", width_A=40, rotation_deg=3)
    >>> [grain.kind for grain in model.grains]
    ['core', 'domain']
    """
    stack, period = _host(host, get_lattice(lattice))
    inner = _domain(domain, get_lattice(domain_lattice), period)
    checked_lengths(width_A, what="width", count=1)
    checked_angle(rotation_deg, what="turn of the domain")
    height = float(np.ptp(stack.fractions[:, 2])) * float(stack.cell[2, 2])
    place = region or Region(width_A / 4, height / 4)
    right, up = width_A / 2, height / 2 + 1e-3
    _check_inside(place, right, up)
    box = np.array([[0.0, -right, -up], [period, right, up]])
    rotation = about(_BEAM, rotation_deg)
    around = fill_box(stack, box_A=box, rotation=np.eye(3), origin_A=np.zeros(3))
    metal = _nearest_metal(around.positions_A, around.site, stack, place)
    inside = fill_box(inner, box_A=box, rotation=rotation, origin_A=metal)
    if place.contains(around.positions_A).all():
        raise StructureError(f"{place} takes the whole host; expected a part of it")
    parts = [
        (Grain("core", np.eye(3)), stack, around.where(~place.contains(around.positions_A))),
        (
            Grain("domain", rotation, rotation_deg=rotation_deg),
            inner,
            inside.where(place.contains(inside.positions_A)),
        ),
    ]
    return assemble(
        parts,
        limits_A=limits_A,
        vacuum_A=vacuum_A,
        generator=checked_generator(rng),
        period_x_A=period,
    )


def _check_inside(region: Region, right_A: float, up_A: float) -> None:
    """Refuse what is no region, or one whose centre is not in the host."""
    if not isinstance(region, Region):
        raise StructureError(f"region is {region!r:.60}; expected a Region, such as Region(15, 12)")
    off = (as_number(region.right_A), as_number(region.up_A))
    if not (abs(off[0]) <= right_A and abs(off[1]) <= up_A):
        raise StructureError(
            f"region is centred {region.right_A!r} Å to the right and {region.up_A!r} Å up; "
            f"expected at most {right_A:.1f} and {up_A:.1f} Å, inside the host"
        )


def _host(word: Word | str, lattice: Lattice) -> tuple[Crystal, float]:
    """Return a finite stack, its middle height at 0, and its period along the beam [Å]."""
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word) or word.periodic:
        raise StructureError(f"host is {word}; expected a finite word, such as 'R+11 R.'")
    stack = Crystal.from_structure(build(word, lattice=lattice), repeats_along_c=False)
    z = stack.fractions[:, 2]
    middle = np.array([0.0, 0.0, (z.min() + z.max()) / 2])
    return replace(stack, fractions=stack.fractions - middle), lattice.a_A


def _domain(word: Word | str, lattice: Lattice, period_A: float) -> Crystal:
    """Return a periodic crystal, strained along x to a period."""
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word) or not word.periodic:
        raise StructureError(f"domain is {word}; expected a periodic word, such as '|R0|'")
    crystal = Crystal.from_structure(build(word, lattice=lattice))
    return replace(crystal, cell=crystal.cell * [period_A / lattice.a_A, 1.0, 1.0])


def _nearest_metal(
    positions_A: Array, site: NDArray[np.intp], stack: Crystal, region: Region
) -> Array:
    """Return the host's metal nearest to the centre of the region."""
    main = np.array([max(shares, key=lambda s: s[1])[0] for shares in stack.species])
    metals = positions_A[~np.isin(main[site], anion_numbers())]
    away = np.hypot(metals[:, 1] - region.right_A, metals[:, 2] - region.up_A)
    return metals[int(np.argmin(away))]
