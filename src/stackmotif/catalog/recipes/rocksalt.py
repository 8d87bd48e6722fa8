"""Recipes of rock salt: the bulk, and coherent layers of it on a layered host."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from stackmotif.catalog.recipes.base import BaseRecipe, Length, Text
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure

ROCK_SALT_CLASS: Final = "rocksalt"
"""Degeneracy class of rock salt: every plane is bright, so that no stacking word looks like it."""


class RockSaltRecipe(BaseRecipe, frozen=True, tag="rocksalt"):
    """Bulk rock salt, seen as a layered crystal whose every gap is filled by the metal.

    ``sense`` is the fcc sense: ``+`` continues O3 (``R+``), ``-`` its reverse (``L-``).
    """

    lattice: Text
    sense: Literal["+", "-"] = "+"

    def build(self, *, folder: Path) -> "Structure":
        """Return three slabs along [111]."""
        from stackmotif.structures import build_rocksalt, get_lattice

        return build_rocksalt(get_lattice(self.lattice, folder=folder), sense=self.sense)

    def identity(self) -> str | None:
        """Return the kind: all bulk rock salt is one motif, whatever its lattice and sense."""
        return "rocksalt bulk"

    def degeneracy_class(self) -> str | None:
        """Return the class of rock salt."""
        return ROCK_SALT_CLASS


class CoherentShellRecipe(BaseRecipe, frozen=True, tag="coherent-shell"):
    """Layers of rock salt on a finite word, strained to it in the plane.

    The arguments are those of `stackmotif.structures.build_coherent_shell`.
    """

    word: Text
    lattice: Text
    layers: Annotated[int, msgspec.Meta(ge=1, le=200)] = 2
    sense: Literal["+", "-"] = "+"
    interface: Literal["filled", "empty"] | None = None
    sides: Literal["top", "both"] = "top"
    shell_lattice: Text = "NiO"
    vacuum_A: Length = 15.0

    def build(self, *, folder: Path) -> "Structure":
        """Return host and shell in vacuum."""
        from stackmotif.structures import build_coherent_shell, get_lattice

        return build_coherent_shell(
            self.word,
            layers=self.layers,
            sense=self.sense,
            interface=self.interface,
            sides=self.sides,
            lattice=get_lattice(self.lattice, folder=folder),
            shell_lattice=get_lattice(self.shell_lattice, folder=folder),
            vacuum_A=self.vacuum_A,
        )

    def identity(self) -> str | None:
        """Return sense, interface, sides, number of layers and the host's outermost gap.

        How thick the host is does not count.
        """
        kind = Word.parse(self.word).gap_kinds[-1:]
        interface = self.interface or ("filled" if self.sense == "+" else "empty")
        return f"coherent shell {self.sense} {interface} {self.sides} {self.layers} on {kind}"
