"""Recipes between layered oxide and rock salt: metal in the gaps, and spinel."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from stackmotif.catalog.recipes.base import BaseRecipe, Length, Text
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure

Occupancy = Annotated[float, msgspec.Meta(gt=0, le=1)]

_DEFAULT_U: Final = 0.2625


class MetalInGapsRecipe(BaseRecipe, frozen=True, tag="metal-in-gaps"):
    """Metal on the guest sites of a stack, disordered.

    The arguments are those of `stackmotif.structures.build_metal_in_gaps`.
    """

    word: Text
    lattice: Text
    metal: Text = "Ni"
    occupancy: Occupancy = 0.05
    gaps: tuple[int, ...] | None = None
    gap_height_A: Length | None = None
    vacuum_A: Length = 15.0

    def build(self, *, folder: Path) -> "Structure":
        """Return the stack with mean occupancies."""
        from stackmotif.structures import build_metal_in_gaps, get_lattice

        return build_metal_in_gaps(
            self.word,
            metal=self.metal,
            occupancy=self.occupancy,
            gaps=self.gaps,
            gap_height_A=self.gap_height_A,
            lattice=get_lattice(self.lattice, folder=folder),
            vacuum_A=self.vacuum_A,
        )

    def identity(self) -> str | None:
        """Return the stack, the gaps that hold metal, and whether they are opened.

        How much metal there is does not count.
        """
        word = Word.parse(self.word).without_guests().canonical()
        opened = " opened" if self.gap_height_A else ""
        return f"metal in gaps {self.gaps or 'all'}{opened} of {word}"


class OrderedMetalRecipe(BaseRecipe, frozen=True, tag="ordered-metal"):
    """O3 with metal on an ordered part of the sites between slabs.

    The arguments are those of `stackmotif.structures.build_ordered_metal`.
    """

    lattice: Text
    ordering: Literal["2x2", "rows"]
    metal: Text = "Ni"

    def build(self, *, folder: Path) -> "Structure":
        """Return the ordered cell, three slabs high."""
        from stackmotif.structures import build_ordered_metal, get_lattice

        lattice = get_lattice(self.lattice, folder=folder)
        return build_ordered_metal(self.ordering, metal=self.metal, lattice=lattice)

    def identity(self) -> str | None:
        """Return the ordering."""
        return f"ordered metal {self.ordering}"


class SpinelRecipe(BaseRecipe, frozen=True, tag="spinel"):
    """Spinel with c along [111], seen along <110>.

    The arguments are those of `stackmotif.structures.build_spinel`; no ``tetrahedral`` leaves 8a
    empty.
    """

    lattice: Text
    tetrahedral: str = ""
    octahedral: Text = "Ni"
    cubic_a_A: Length | None = None
    u: Annotated[float, msgspec.Meta(ge=0.22, le=0.29)] = _DEFAULT_U
    sense: Literal["+", "-"] = "+"

    def build(self, *, folder: Path) -> "Structure":
        """Return the hexagonal cell, three slabs high."""
        from stackmotif.structures import build_spinel, get_lattice

        return build_spinel(
            self.tetrahedral or None,
            self.octahedral,
            lattice=get_lattice(self.lattice, folder=folder),
            cubic_a_A=self.cubic_a_A,
            u=self.u,
            sense=self.sense,
        )

    def identity(self) -> str | None:
        """Return whether 8a holds the metal, another cation, or nothing."""
        kind = {"": "M2O4", self.octahedral: "M3O4"}.get(self.tetrahedral, "AM2O4")
        return f"spinel {kind}"
