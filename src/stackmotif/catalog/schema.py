"""What a ``motif.toml`` may hold: unknown keys, missing keys and wrong types are refused."""

from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
Length = Annotated[float, msgspec.Meta(gt=0, lt=1000)]


class WordRecipe(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind", tag="word"
):
    """A stacking word on a lattice; a finite word stands in vacuum."""

    word: Text
    lattice: Text
    vacuum_A: Length = 15.0


class RockSaltRecipe(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind", tag="rocksalt"
):
    """Bulk rock salt, seen as a layered crystal whose every gap is filled by the metal.

    ``sense`` is the fcc sense: ``+`` continues O3 (``R+``), ``-`` its reverse (``L-``).
    """

    lattice: Text
    sense: Literal["+", "-"] = "+"


class StructureRecipe(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind", tag="structure"
):
    """A crystal that no recipe builds, observed or relaxed: ``structure.cif`` is the source."""

    word: str = ""
    lattice: str = ""


Recipe = WordRecipe | RockSaltRecipe | StructureRecipe


class Checks(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Facts that the structure must show; `stackmotif.catalog.validate` recomputes them."""

    space_group: Text
    n_slabs: Annotated[int, msgspec.Meta(ge=1)]
    min_contacts_A: dict[str, Length]
    gap_kinds: str = ""


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole of one ``motif.toml``; its file's folders give family and id again."""

    id: Id
    family: Id
    name: Text
    description: Text
    status: Literal["idealized", "relaxed", "observed"]
    recipe: Recipe
    zone_axes: list[Literal["100", "010", "110"]]
    references: list[Text]
    degeneracy_class: Text
    checks: Checks
    inferred: list[Text] = []
    aliases: list[Text] = []
    same_crystal_as: Id | None = None
