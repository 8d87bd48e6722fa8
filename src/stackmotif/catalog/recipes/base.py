"""What every recipe of a catalog entry can do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from stackmotif.errors import CatalogError
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from typing import Self

    from pymatgen.core import Structure

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
Length = Annotated[float, msgspec.Meta(gt=0, lt=10_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Repeats = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Seed = Annotated[int, msgspec.Meta(ge=0)]
Occupation = Literal["mixed", "random", "sqs"]


class BaseRecipe(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind"):
    """Base of all recipes: a ``kind`` and its arguments, as a ``motif.toml`` states them.

    A sub-class states ``frozen=True`` and its ``tag``, and has a field ``lattice``.
    """

    def build(self, *, folder: Path) -> "Structure":
        """Return the crystal.

        Parameters
        ----------
        folder : Path
            Root of the catalog that the entry belongs to; its lattices come first.
        """
        raise CatalogError("a stored structure has no recipe; expected one that builds atoms")

    @property
    def buildable(self) -> bool:
        """Whether `build` gives a crystal."""
        return type(self).build is not BaseRecipe.build

    def identity(self) -> str | None:
        """Return what makes an entry distinct from all others; None where nothing can be said."""
        return None

    def degeneracy_class(self) -> str | None:
        """Return the class of all entries with the same metal columns; None where it is stated."""
        return None

    def stacking_word(self) -> Word | None:
        """Return the word that the atoms must read as, or None for a crystal without one."""
        return None

    def n_slabs(self) -> int | None:
        """Return the number of slabs in the cell, or None for a crystal without a word."""
        from stackmotif.structures import repeats_to_close

        word = self.stacking_word()
        return None if word is None else len(word) * repeats_to_close(word)

    @property
    def frame_only(self) -> bool:
        """Whether `stacking_word` leaves out guests that the atoms have."""
        return False

    def replaced(self, arguments: dict[str, Any]) -> "Self":
        """Return the recipe with other arguments, checked as those of a file are.

        Raises
        ------
        CatalogError
            For an unknown argument or a value that the schema refuses.
        """
        known = list(self.__struct_fields__)
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            raise CatalogError(
                f"recipe has no argument {', '.join(unknown)}; expected one of {', '.join(known)}"
            )
        try:
            return msgspec.convert(msgspec.to_builtins(self) | arguments, type(self))
        except msgspec.ValidationError as error:
            raise CatalogError(f"recipe argument: {error}") from error


def occupied(
    structure: "Structure",
    *,
    supercell: tuple[int, int, int],
    occupation: Occupation,
    rng: int,
) -> "Structure":
    """Return a supercell of a crystal, its sites left mixed or each filled with one atom or none.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        The crystal.
    supercell : tuple of int
        Repeats along a, b and c.
    occupation : {'mixed', 'random', 'sqs'}
        As of `stackmotif.structures.occupy`; mixed sites stay as they are.
    rng : int
        Seed.
    """
    from stackmotif.structures.occupancy.assignment import occupy, repeated

    if occupation != "mixed":
        return occupy(structure, supercell=supercell, method=occupation, rng=rng)
    return structure if tuple(supercell) == (1, 1, 1) else repeated(structure, supercell)
