"""Recipes of crystals that are distortions of stacking words."""

from pathlib import Path
from typing import TYPE_CHECKING

from stackmotif.catalog.recipes.base import BaseRecipe, Text
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure


class MonoclinicRecipe(BaseRecipe, frozen=True, tag="monoclinic"):
    """A periodic word sheared into a monoclinic cell of the lattice table.

    ``guest_rows`` fills every second row of guests along b before the others.
    """

    word: Text
    lattice: Text
    guest_rows: bool = False

    def build(self, *, folder: Path) -> "Structure":
        """Return the C-centred cell, its rows along a: [100] shows the stacking."""
        from stackmotif.structures.lattices.monoclinic import get_monoclinic
        from stackmotif.structures.monoclinic import build_monoclinic

        lattice = get_monoclinic(self.lattice, folder=folder)
        return build_monoclinic(
            self.word, lattice=lattice, guest_rows=self.guest_rows, view_along_a=True
        )

    def identity(self) -> str | None:
        """Return the canonical word, and whether the guests are ordered in rows."""
        rows = " rows" if self.guest_rows else ""
        return f"monoclinic{rows} {self._word().without_guests().canonical()}"

    def degeneracy_class(self) -> str | None:
        """Return the class of the undistorted word."""
        return self._word().degeneracy_class

    def stacking_word(self) -> Word | None:
        """Return the undistorted word."""
        return self._word()

    def n_slabs(self) -> int | None:
        """Return the slabs of the word: the oblique cell is closed after one turn of it."""
        return len(self._word())

    def _word(self) -> Word:
        return Word.parse(self.word)
