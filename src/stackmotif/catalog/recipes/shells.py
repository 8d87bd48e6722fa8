"""Recipes of models with many crystals: nanocrystal shells, particles, embedded domains."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from stackmotif.catalog.recipes.base import BaseRecipe, Length, Text
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stackmotif.structures import GrainSpec, Model

Angle = Annotated[float, msgspec.Meta(ge=0, le=180)]
Seed = Annotated[int, msgspec.Meta(ge=0)]
Lengths = tuple[Length, Length, Length]
Plane = tuple[int, int, int]

_THIRDS: Final = (1 / 3, 2 / 3)
_NEAR_THIRD: Final = 1.5e-4
_STEP_A: Final = 0.0137


class Grains(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the grains of a shell are drawn; see `stackmotif.structures.GrainSpec`."""

    size_A: Length = 50.0
    spread: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    max_rotation_deg: Angle = 20.0
    max_tilt_deg: Angle = 0.0
    zones: tuple[str, ...] = ("110", "100", "112", "111")
    senses: Literal["+", "-", "both"] = "both"

    def spec(self) -> "GrainSpec":
        """Return them for the builders."""
        from stackmotif.structures import GrainSpec

        return GrainSpec(**{key: getattr(self, key) for key in self.__struct_fields__})

    def text(self) -> str:
        """Return what kind of grains these are; sizes and angles are arguments."""
        tilted = " tilted" if self.max_tilt_deg else ""
        turned = " turned" if self.max_rotation_deg else ""
        return f"{'/'.join(sorted(self.zones))} {self.senses}{turned}{tilted}"


class NanocrystalShellRecipe(BaseRecipe, frozen=True, tag="nanocrystal-shell"):
    """A slab of a layered oxide under rock-salt grains.

    The arguments are those of `stackmotif.structures.build_nanocrystal_shell`.
    """

    core: Text
    lattice: Text
    size_A: Lengths = (12.0, 40.0, 30.0)
    shell_thickness_A: Length = 15.0
    surface: Plane = (0, 0, 1)
    grains: Grains = Grains()
    shell_lattice: Text = "NiO"
    vacuum_A: Length = 15.0
    rng: Seed = 0

    def build(self, *, folder: Path) -> "Structure":
        """Return the model in its orthogonal cell, the beam along a."""
        return _off_thirds(self.model(folder=folder))

    def model(self, *, folder: Path) -> "Model":
        """Return the model as arrays, with its grains and the atoms left out."""
        from stackmotif.structures import build_nanocrystal_shell, get_lattice

        return build_nanocrystal_shell(
            self.core,
            size_A=self.size_A,
            shell_thickness_A=self.shell_thickness_A,
            surface=self.surface,
            grains=self.grains.spec(),
            core_lattice=get_lattice(self.lattice, folder=folder),
            shell_lattice=get_lattice(self.shell_lattice, folder=folder),
            vacuum_A=self.vacuum_A,
            rng=self.rng,
        )

    def identity(self) -> str | None:
        """Return core, surface and kind of grains; sizes, angles and the seed do not count."""
        return f"shell {_core_text(self.core)} {self.surface} {self.grains.text()}"


class Facet(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A family of planes that bound a particle, and their distance from its centre."""

    plane: Plane
    distance_A: Length


class ParticleRecipe(BaseRecipe, frozen=True, tag="particle"):
    """A whole particle with rock-salt grains all around it.

    The arguments are those of `stackmotif.structures.build_particle`; either ``facets`` or
    ``radii_A`` is given.
    """

    core: Text
    lattice: Text
    facets: tuple[Facet, ...] = ()
    radii_A: Lengths | None = None
    shell_thickness_A: Length = 6.0
    grains: Grains = Grains(size_A=12.0)
    shell_lattice: Text = "NiO"
    vacuum_A: Length = 15.0
    rng: Seed = 0

    def build(self, *, folder: Path) -> "Structure":
        """Return the particle in its orthogonal cell, the beam along a."""
        return _off_thirds(self.model(folder=folder))

    def model(self, *, folder: Path) -> "Model":
        """Return the model as arrays, with its grains and the atoms left out."""
        from stackmotif.structures import build_particle, get_lattice

        return build_particle(
            self.core,
            radii_A=self.radii_A,
            facets={facet.plane: facet.distance_A for facet in self.facets} or None,
            shell_thickness_A=self.shell_thickness_A,
            grains=self.grains.spec(),
            core_lattice=get_lattice(self.lattice, folder=folder),
            shell_lattice=get_lattice(self.shell_lattice, folder=folder),
            vacuum_A=self.vacuum_A,
            rng=self.rng,
        )

    def identity(self) -> str | None:
        """Return core, form and kind of grains."""
        planes = sorted(facet.plane for facet in self.facets)
        return f"particle {_core_text(self.core)} {planes or 'ellipsoid'} {self.grains.text()}"


class ChunkRecipe(BaseRecipe, frozen=True, tag="chunk"):
    """A domain of another stacking, with its own lattice, inside a stack.

    The arguments are those of `stackmotif.structures.embed_domain` and of its region.
    """

    domain: Text
    word: Text
    lattice: Text
    domain_lattice: Text
    width_A: Length = 60.0
    half_width_A: Length = 15.0
    half_height_A: Length = 12.0
    shape: Literal["ellipse", "rectangle"] = "ellipse"
    rotation_deg: Annotated[float, msgspec.Meta(ge=-90, le=90)] = 0.0
    vacuum_A: Length = 15.0
    rng: Seed = 0

    def build(self, *, folder: Path) -> "Structure":
        """Return the model in its orthogonal cell, one period along the beam."""
        return _off_thirds(self.model(folder=folder))

    def model(self, *, folder: Path) -> "Model":
        """Return the model as arrays, with its grains and the atoms left out."""
        from stackmotif.structures import Region, embed_domain, get_lattice

        return embed_domain(
            self.domain,
            host=self.word,
            width_A=self.width_A,
            region=Region(self.half_width_A, self.half_height_A, self.shape),
            rotation_deg=self.rotation_deg,
            lattice=get_lattice(self.lattice, folder=folder),
            domain_lattice=get_lattice(self.domain_lattice, folder=folder),
            vacuum_A=self.vacuum_A,
            rng=self.rng,
        )

    def identity(self) -> str | None:
        """Return both stackings, whether they are aligned, and the outline.

        Words are not made canonical: O3 reversed inside O3 is another motif than O3 in O3.
        """
        turned = "turned" if self.rotation_deg else "aligned"
        inner = Word.parse(self.domain).without_guests()
        kinds = "".join(dict.fromkeys(Word.parse(self.word).gap_kinds))
        return f"chunk {inner} in {kinds} {turned} {self.shape}"


def _core_text(core: str) -> str:
    return str(Word.parse(core).without_guests().canonical())


def _off_thirds(model: "Model") -> "Structure":
    """Return the atoms, the origin moved so that none is near 1/3 or 2/3, where readers round."""
    import numpy as np

    fractions = model.positions_A / model.cell_A
    for axis in range(3):
        step = _STEP_A / model.cell_A[axis]
        for k in range(1000):
            moved = (fractions[:, axis] + k * step) % 1.0
            if all(np.abs(moved - third).min() > _NEAR_THIRD for third in _THIRDS):
                break
        fractions[:, axis] = moved
    return replace(model, positions_A=fractions * model.cell_A).to_structure()
