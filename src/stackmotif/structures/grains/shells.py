"""Layered oxides under a shell of misoriented rock-salt grains: slabs and whole particles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stackmotif.errors import StructureError
from stackmotif.stacking import Word
from stackmotif.structures.arguments import as_number, checked_generator
from stackmotif.structures.grains.assembly import assemble, core_crystal
from stackmotif.structures.grains.filling import GRAIN_LIMITS_A, Crystal, Piece, fill_box
from stackmotif.structures.grains.model import Grain, Model
from stackmotif.structures.grains.shapes import (
    CORE,
    SHELL,
    Plane,
    Shape,
    ellipsoid_shape,
    facet_planes,
    faceted_shape,
    plane_normal,
    slab_shape,
)
from stackmotif.structures.grains.tessellation import (
    check_sizes,
    checked_senses,
    checked_zones,
    tessellate,
    turned_grain,
)
from stackmotif.structures.lattices.lattice import Lattice, get_lattice
from stackmotif.structures.rocksalt.bulk import build_rocksalt

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class GrainSpec:
    """How the grains of a shell are drawn.

    No default is a measured value: the reference paper speaks of a layer of about 10 nm of
    misoriented nano-sized NiO domains and does not give their diameter.

    Parameters
    ----------
    size_A : float
        Mean diameter, of the sphere of a grain's volume [Å].
    spread : float
        Standard deviation of the diameters over their mean.
    max_rotation_deg : float
        Grains are turned about the beam by an angle uniform in ± this [degrees].
    max_tilt_deg : float
        Zones are tilted off the beam by an angle uniform from 0 to this [degrees].
    zones : sequence of str, or Mapping of str to float
        Cubic zones along the beam, with equal or with given weights.
    senses : {'+', '-', 'both'}
        Fcc senses before the turn: ``+`` continues O3.
    """

    size_A: float = 50.0
    spread: float = 0.2
    max_rotation_deg: float = 20.0
    max_tilt_deg: float = 0.0
    zones: Sequence[str] | Mapping[str, float] = ("110", "100", "112", "111")
    senses: str = "both"

    def __post_init__(self) -> None:
        check_sizes(self.size_A, self.spread)
        checked_zones(self.zones)
        checked_senses(self.senses)
        for what, angle in (
            ("rotation", self.max_rotation_deg),
            ("tilt", self.max_tilt_deg),
        ):
            if not 0 <= as_number(angle) <= 180:
                raise StructureError(f"largest {what} is {angle!r} degrees; expected 0 to 180")


def build_nanocrystal_shell(
    core: "Word | str | Structure" = "|R+[Li]|",
    *,
    size_A: tuple[float, float, float] = (80.0, 200.0, 200.0),
    shell_thickness_A: float = 100.0,
    surface: Plane = (0, 0, 1),
    grains: GrainSpec | None = None,
    core_lattice: Lattice | str = "LiNiO2:1",
    shell_lattice: Lattice | str = "NiO",
    limits_A: Mapping[str, float] = GRAIN_LIMITS_A,
    vacuum_A: float = 15.0,
    rng: int | np.random.Generator = 0,
) -> Model:
    """Return a slab of a layered oxide under a shell of rock-salt grains.

    The core is cut from a perfect crystal. Grains are cells of a seeded power diagram, each filled
    with its own turned lattice, displaced at random. Nothing is relaxed. Atoms of two grains that
    come closer than ``limits_A`` are resolved by the rule that ``Model.conflicts`` states and
    counts.

    Parameters
    ----------
    core : Word, str or pymatgen.core.Structure
        A periodic word, a finite word, which goes on at both ends as its outermost gaps do, or a
        crystal with the beam along x and the slabs' normal along z.
    size_A : tuple of float
        Along the beam, to the right and up, shell included [Å].
    shell_thickness_A : float
        Depth of the shell under the surface [Å].
    surface : tuple of int
        Plane (hkl) of the surface, on the hexagonal O3 cell of ``core_lattice``: (0, 0, 1) is
        basal, (0, 1, 0) an edge seen edge-on. An inclined plane cuts the corner of the box off;
        under it the shell is as thick everywhere.
    grains : GrainSpec, optional
        How grains are drawn.
    core_lattice, shell_lattice : Lattice or str
        Of the core and of the rock salt. For a Structure, ``core_lattice`` only gives the meaning
        of ``surface``.
    limits_A : Mapping of str to float
        Least distances of ``cation-cation``, ``anion-anion`` and ``cation-anion`` between grains
        [Å].
    vacuum_A : float
        Added to each edge of the cell [Å].
    rng : int or numpy.random.Generator
        Seed of grains, orientations and partly filled sites.

    Returns
    -------
    Model
        Arrays; ``to_ase`` and ``to_structure`` hand them on.

    Raises
    ------
    StructureError
        For a core that cannot be built, or a length, plane or limit out of range.

    Examples
    --------
    >>> model = build_nanocrystal_shell(
    ...     size_A=(10, 30, 30), shell_thickness_A=15, grains=GrainSpec(size_A=12)
    ... )
    >>> model.grains[0].kind, model.grains[1].kind
    ('core', 'shell')
    """
    lattice = get_lattice(core_lattice)
    normal = plane_normal(surface, lattice=lattice)
    shape = slab_shape(size_A, thickness_A=shell_thickness_A, normal=normal)
    return _model(
        shape, core, _checked_spec(grains), lattice, shell_lattice, limits_A, vacuum_A, rng
    )


def build_particle(
    core: "Word | str | Structure" = "|R+[Li]|",
    *,
    radii_A: float | tuple[float, float, float] | None = None,
    facets: Mapping[Plane, float] | None = None,
    shell_thickness_A: float = 20.0,
    grains: GrainSpec | None = None,
    core_lattice: Lattice | str = "LiNiO2:1",
    shell_lattice: Lattice | str = "NiO",
    limits_A: Mapping[str, float] = GRAIN_LIMITS_A,
    vacuum_A: float = 15.0,
    rng: int | np.random.Generator = 0,
) -> Model:
    """Return a whole particle of a layered oxide with rock-salt grains all around it.

    Parameters
    ----------
    core, shell_thickness_A, grains, core_lattice, shell_lattice, limits_A, vacuum_A, rng
        As for `build_nanocrystal_shell`.
    radii_A : float or tuple of float, optional
        Of a sphere, or of an ellipsoid along the beam, to the right and up, shell included [Å].
    facets : Mapping of tuple of int to float, optional
        Planes (hkl) of the O3 cell and their distance from the centre, shell included [Å]; all
        planes equivalent in -3m are added. Exactly one of ``radii_A`` and ``facets`` is given.

    Returns
    -------
    Model
        The particle in the middle of its cell.

    Raises
    ------
    StructureError
        For a form that is not given exactly once or encloses nothing, and as for
        `build_nanocrystal_shell`.

    Examples
    --------
    >>> build_particle(facets={(0, 0, 1): 15, (1, 0, 4): 18}, shell_thickness_A=6).periodic
    (False, False, False)
    """
    lattice = get_lattice(core_lattice)
    if (radii_A is None) == (facets is None):
        raise StructureError("a particle needs radii_A or facets; expected exactly one of them")
    if facets is not None:
        normals, distances = facet_planes(facets, lattice=lattice)
        shape = faceted_shape(normals, distances, thickness_A=shell_thickness_A)
    else:
        shape = ellipsoid_shape(_three(radii_A), thickness_A=shell_thickness_A)
    return _model(
        shape, core, _checked_spec(grains), lattice, shell_lattice, limits_A, vacuum_A, rng
    )


def _three(radii_A: Any) -> Any:
    """Return the radius of a sphere three times; what else is wrong the shape refuses."""
    return radii_A if isinstance(radii_A, list | tuple | np.ndarray) else (radii_A,) * 3


def _checked_spec(grains: GrainSpec | None) -> GrainSpec:
    if grains is not None and not isinstance(grains, GrainSpec):
        raise StructureError(f"grains is {grains!r:.60}; expected a GrainSpec or None")
    return grains or GrainSpec()


def _model(
    shape: Shape,
    core: "Word | str | Structure",
    spec: GrainSpec,
    core_lattice: Lattice,
    shell_lattice: Lattice | str,
    limits_A: Mapping[str, float],
    vacuum_A: float,
    rng: int | np.random.Generator,
) -> Model:
    generator = checked_generator(rng)
    height = float(np.ptp(shape.box_A[:, 2]))
    crystal = core_crystal(core, lattice=core_lattice, height_A=height)
    salt = Crystal.from_structure(build_rocksalt(shell_lattice))
    host = fill_box(crystal, box_A=shape.box_A, rotation=np.eye(3), origin_A=shape.core_center_A)
    host = host.where(shape.part(host.positions_A) == CORE)
    pieces = list(_shell_pieces(shape, salt, spec, generator))
    for what, found in (("core", len(host.site)), ("shell", len(pieces))):
        if not found:
            raise StructureError(f"the {what} holds no atom; expected a larger size or other layer")
    pieces.sort(key=lambda grain_and_piece: -len(grain_and_piece[1].site))
    parts = [
        (Grain("core", np.eye(3)), crystal, host),
        *((grain, salt, piece) for grain, piece in pieces),
    ]
    return assemble(parts, limits_A=limits_A, vacuum_A=vacuum_A, generator=generator)


def _shell_pieces(
    shape: Shape, salt: Crystal, spec: GrainSpec, generator: np.random.Generator
) -> Iterator[tuple[Grain, Piece]]:
    """Yield the grains of the shell and the sites that each fills, as they come."""
    tiles = tessellate(
        shape.box_A,
        grain_size_A=spec.size_A,
        grain_spread=spec.spread,
        region=lambda points: shape.part(points) == SHELL,
        rng=generator,
    )
    zones, senses = checked_zones(spec.zones), checked_senses(spec.senses)
    for k, box in enumerate(tiles.cell_boxes()):
        grain = turned_grain(
            generator,
            zones=zones,
            senses=senses,
            max_rotation_deg=spec.max_rotation_deg,
            max_tilt_deg=spec.max_tilt_deg,
        )
        offset = generator.random(3) @ salt.cell
        if not np.isfinite(box).all():
            continue
        piece = fill_box(
            salt, box_A=box, rotation=grain.rotation, origin_A=tiles.seeds_A[k] + offset
        )
        own = (shape.part(piece.positions_A) == SHELL) & (tiles.assign(piece.positions_A) == k)
        if own.any():
            yield grain, piece.where(own)
