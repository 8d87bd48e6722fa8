"""The lattice table ``lattices.toml``: what it may hold, and how it is read."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from stackmotif.errors import CatalogError
from stackmotif.structures.plainfiles import (
    check_values,
    check_version,
    parse_table,
    plain_text,
)

SCHEMA: Final = 1
"""Version of ``lattices.toml``; a file that states another one, or none, is refused."""

_MAX_BYTES: Final = 1 << 20

Positive = Annotated[float, msgspec.Meta(gt=0, lt=1000)]
Fraction01 = Annotated[float, msgspec.Meta(ge=0, le=1)]
Angle = Annotated[float, msgspec.Meta(gt=0, lt=180)]


class Node(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All dimensions at one guest content x."""

    x: Fraction01
    a_A: Positive
    slab_height_A: Positive
    gap_height_A: Positive
    note: str = ""


class Quantity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One length of a series as a function of the guest content.

    ``x`` and ``value_A`` are the nodes. ``like`` names another series that this one follows: on its
    own it takes that series' values, and with one node the values are multiplied so that the node
    is met. ``covers`` narrows the contents that are covered. ``source`` and ``tag`` are the series'
    own unless given.
    """

    x: list[Fraction01] = []
    value_A: list[Positive] = []
    like: str = ""
    covers: tuple[Fraction01, Fraction01] | None = None
    source: str = ""
    tag: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.x) != len(self.value_A):
            raise ValueError(f"{len(self.x)} x and {len(self.value_A)} value_A; expected as many")
        if any(b <= a for a, b in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("x does not ascend; expected ascending guest contents")
        if not self.x and not self.like:
            raise ValueError("holds no nodes and no 'like'; expected one of the two")
        if self.like and len(self.x) > 1:
            raise ValueError(f"follows {self.like!r} and has {len(self.x)} nodes; expected 0 or 1")


class Series(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A layered host: one node or several, or one `Quantity` each for ``a``, ``c`` and ``slab``.

    ``covers`` narrows the contents that the nodes cover: a node outside it has another stacking,
    and serves series that follow one of its lengths.
    """

    description: str
    host: dict[str, Fraction01]
    source: str
    tag: str
    nodes: list[Node] = []
    a: Quantity | None = None
    c: Quantity | None = None
    slab: Quantity | None = None
    default_x: Fraction01 | None = None
    covers: tuple[Fraction01, Fraction01] | None = None
    guest: str | None = None
    anion: str = "O"
    gap_heights_A: dict[str, Positive] = {}
    gap_source: str = ""
    gap_tag: str = ""
    gap_note: str = ""

    def __post_init__(self) -> None:
        quantities = [q for q in (self.a, self.c, self.slab) if q is not None]
        if bool(self.nodes) == bool(quantities) or len(quantities) not in (0, 3):
            raise ValueError("expected either nodes, or all of the tables a, c and slab")
        if self.covers is not None and not self.nodes:
            raise ValueError("'covers' narrows nodes; expected it in the tables a, c and slab here")


class RockSalt(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rock-salt oxide."""

    description: str
    cation: str
    a_A: Positive
    source: str
    tag: str
    anion: str = "O"


class MonoclinicCell(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A C-centred monoclinic cell of one slab, b along a close-packed row of the metals.

    ``oxygen_lean`` is the in-plane distance of a slab's oxygen planes from its metal, in units of
    a; 1/3 in the undistorted slab.
    """

    description: str
    a_A: Positive
    b_A: Positive
    c_A: Positive
    beta_deg: Angle
    slab_height_A: Positive
    host: dict[str, Fraction01]
    source: str
    tag: str
    oxygen_lean: Fraction01 = 1 / 3
    guest: str | None = None
    anion: str = "O"
    oxygen_source: str = ""
    oxygen_tag: str = ""
    note: str = ""


class Observation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A reported cell that is too incomplete to build words with, or stands for comparison."""

    phase: str
    source: str
    tag: str
    space_group: str = ""
    a_A: Positive | None = None
    b_A: Positive | None = None
    c_A: Positive | None = None
    beta_deg: Positive | None = None
    note: str = ""


class LatticeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole of ``lattices.toml``."""

    schema: int
    layered: dict[str, Series] = {}
    rocksalt: dict[str, RockSalt] = {}
    monoclinic: dict[str, MonoclinicCell] = {}
    observations: list[Observation] = []

    def references(self) -> dict[str, str]:
        """Return the key of ``references.bib`` behind each number, by its place in the table."""
        found = {f"layered.{name}.source": s.source for name, s in self.layered.items()}
        for name, series in self.layered.items():
            parts = {key: getattr(series, key) for key in ("a", "c", "slab")}
            found |= {f"layered.{name}.{k}.source": q.source for k, q in parts.items() if q}
            found[f"layered.{name}.gap_source"] = series.gap_source
        found |= {f"rocksalt.{name}.source": s.source for name, s in self.rocksalt.items()}
        for name, cell in self.monoclinic.items():
            found[f"monoclinic.{name}.source"] = cell.source
            found[f"monoclinic.{name}.oxygen_source"] = cell.oxygen_source
        found |= {f"observations[{k}].source": o.source for k, o in enumerate(self.observations)}
        return {place: key for place, key in found.items() if key}


def read_lattices(path: Path) -> LatticeTable:
    """Return the checked content of one ``lattices.toml``.

    Raises
    ------
    CatalogError
        For a link or anything else that is no plain file, another version or none, an unknown key,
        a value out of range, or a series that follows one that is not there.
    """
    return _checked(plain_text(path, most_bytes=_MAX_BYTES), path)


@lru_cache(maxsize=16)
def _checked(text: str, path: Path) -> LatticeTable:
    table = parse_table(text, path)
    check_version(table, path, version=SCHEMA)
    check_values(table, path)
    try:
        lattices = msgspec.convert(table, LatticeTable)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: {error}") from error
    _check_followed(lattices, path)
    return lattices


def _check_followed(table: LatticeTable, path: Path) -> None:
    """Refuse a ``like`` that names no series with nodes: following is one step, never a chain."""
    for name, series in table.layered.items():
        for key in ("a", "c", "slab"):
            quantity = getattr(series, key)
            if quantity is None or not quantity.like:
                continue
            target = table.layered.get(quantity.like)
            if target is None or (not target.nodes and getattr(target, key).like):
                raise CatalogError(
                    f"{path}: layered.{name}.{key}.like: {quantity.like!r} is no series with "
                    f"nodes of its own for {key!r}; expected the name of one"
                )
