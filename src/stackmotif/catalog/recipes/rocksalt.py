"""Recipes of rock salt."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from stackmotif.catalog.recipes.base import BaseRecipe, Text

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
        from stackmotif.structures import build, get_lattice

        lattice = get_lattice(self.lattice, folder=folder)
        step = "R+" if self.sense == "+" else "L-"
        return build(f"|{step}[{lattice.guest}]|", lattice=lattice)

    def identity(self) -> str | None:
        """Return the kind: all bulk rock salt is one motif, whatever its lattice and sense."""
        return "rocksalt bulk"

    def degeneracy_class(self) -> str | None:
        """Return the class of rock salt."""
        return ROCK_SALT_CLASS
