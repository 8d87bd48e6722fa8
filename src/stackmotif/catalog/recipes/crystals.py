"""Recipes of crystals that are distortions of stacking words."""

from pathlib import Path
from typing import TYPE_CHECKING

from stackmotif.catalog.recipes.base import BaseRecipe, Occupation, Repeats, Seed, Text, occupied
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure


class MonoclinicRecipe(BaseRecipe, frozen=True, tag="monoclinic"):
    """A periodic word sheared into a monoclinic cell of the lattice table.

    ``guest_rows`` fills every second row of guests along b before the others. ``supercell``,
    ``occupation`` and ``rng`` are those of a word.
    """

    word: Text
    lattice: Text
    guest_rows: bool = False
    supercell: tuple[Repeats, Repeats, Repeats] = (1, 1, 1)
    occupation: Occupation = "mixed"
    rng: Seed = 0

    def build(self, *, folder: Path) -> "Structure":
        """Return the C-centred cell, its rows along a: [100] shows the stacking."""
        from stackmotif.structures.lattices.monoclinic import get_monoclinic
        from stackmotif.structures.monoclinic import build_monoclinic

        lattice = get_monoclinic(self.lattice, folder=folder)
        crystal = build_monoclinic(
            self.word, lattice=lattice, guest_rows=self.guest_rows, view_along_a=True
        )
        return occupied(crystal, supercell=self.supercell, occupation=self.occupation, rng=self.rng)

    def identity(self) -> str | None:
        """Return the canonical word, and whether the guests are ordered in rows."""
        rows = " rows" if self.guest_rows else ""
        return f"monoclinic{rows} {self._word().without_guests().canonical()}"

    def degeneracy_class(self) -> str | None:
        """Return the class of the undistorted word."""
        return self._word().degeneracy_class

    def stacking_word(self) -> Word | None:
        """Return the undistorted word, without guests where they are strewn over their sites."""
        return self._word().without_guests() if self.frame_only else self._word()

    @property
    def frame_only(self) -> bool:
        """Whether the guests are strewn, which a word cannot state."""
        return self.occupation != "mixed"

    def n_slabs(self) -> int | None:
        """Return the slabs of the word: the oblique cell is closed after one turn of it."""
        return len(self._word()) * self.supercell[2]

    def _word(self) -> Word:
        return Word.parse(self.word)
