"""Recipes that a stacking word makes, and entries whose stored atoms are their own source."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stackmotif.catalog.recipes.base import (
    BaseRecipe,
    Length,
    Occupation,
    Repeats,
    Seed,
    Share,
    Text,
    occupied,
)
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure


class WordRecipe(BaseRecipe, frozen=True, tag="word"):
    """A stacking word on a lattice; a finite word stands in vacuum.

    ``guests`` puts guests into all gaps of a kind, such as ``{ 3 = "Li:0.35" }``, whatever the word
    names there. ``guest_mix`` puts other species on the sites of all guests, such as
    ``{ Li = 0.95, Ni = 0.05 }``; the rest of each site stays empty. ``host`` replaces the metals of
    the slabs, fractions summing to 1. ``occupation`` puts one atom or none on every mixed site of
    the ``supercell``, at random or quasirandom with the seed ``rng``.
    """

    word: Text
    lattice: Text
    vacuum_A: Length = 15.0
    guests: dict[str, str] = msgspec.field(default_factory=dict)
    guest_mix: dict[str, Share] = msgspec.field(default_factory=dict)
    host: dict[str, Share] = msgspec.field(default_factory=dict)
    supercell: tuple[Repeats, Repeats, Repeats] = (1, 1, 1)
    occupation: Occupation = "mixed"
    rng: Seed = 0

    def build(self, *, folder: Path) -> "Structure":
        """Return the stack of slabs."""
        from stackmotif.structures import build, get_lattice

        lattice = get_lattice(self.lattice, folder=folder)
        stack = build(
            self._word(),
            lattice=lattice,
            vacuum_A=self.vacuum_A,
            guest_mix=self.guest_mix or None,
            host=self.host or None,
        )
        return occupied(stack, supercell=self.supercell, occupation=self.occupation, rng=self.rng)

    def identity(self) -> str | None:
        """Return the canonical word; guests, host and lattice are arguments, no motif."""
        return f"word {self._word().without_guests().canonical()}"

    def degeneracy_class(self) -> str | None:
        """Return the class of the word."""
        return self._word().degeneracy_class

    def stacking_word(self) -> Word | None:
        """Return the word; without guests where they are mixed or strewn over their sites."""
        return self._word().without_guests() if self.frame_only else self._word()

    def n_slabs(self) -> int | None:
        """Return the slabs of the supercell."""
        return (super().n_slabs() or 0) * self.supercell[2]

    @property
    def frame_only(self) -> bool:
        """Whether the guests are a mixture or strewn, which a word cannot state."""
        return bool(self.guest_mix) or self.occupation != "mixed"

    def _word(self) -> Word:
        from stackmotif.structures.guests import with_guests

        return with_guests(self.word, self.guests) if self.guests else Word.parse(self.word)


class StructureRecipe(BaseRecipe, frozen=True, tag="structure"):
    """A crystal that no recipe builds, observed or relaxed: ``structure.cif`` is the source."""

    word: str = ""
    lattice: str = ""

    def identity(self) -> str | None:
        """Return the canonical word, if there is one."""
        word = self.stacking_word()
        return f"structure {self.lattice} {word.canonical()}" if word else None

    def degeneracy_class(self) -> str | None:
        """Return the class of the word, if there is one."""
        word = self.stacking_word()
        return word.degeneracy_class if word else None

    def stacking_word(self) -> Word | None:
        """Return the stated word, if there is one."""
        return Word.parse(self.word) if self.word else None
