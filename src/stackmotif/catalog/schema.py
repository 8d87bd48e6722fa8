"""What a ``motif.toml`` may hold: unknown keys, missing keys and wrong types are refused."""

from typing import Annotated, Final, Literal

import msgspec

from stackmotif.catalog.recipes import Recipe
from stackmotif.catalog.recipes.base import Length, Text

SCHEMA: Final = 1
"""Version of the files of a catalog; a file that states another one is refused."""

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Coordination = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,2}$")]


class Checks(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Facts that the structure must show; `stackmotif.catalog.validate` recomputes them.

    ``coordination`` counts the metals (``M``) and guests (``A``) of the stored cell by the number
    of anions around them, atoms at free ends left out.
    """

    min_contacts_A: dict[str, Length]
    coordination: dict[Literal["M", "A"], dict[Coordination, Count]]
    space_group: str = ""
    n_slabs: Count | None = None
    gap_kinds: str = ""


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole of one ``motif.toml``; its file's folders give family and id again."""

    schema: int
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
