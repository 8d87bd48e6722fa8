"""Lattices by name: in-plane constant, slab and gap heights, host and guest, each with its source.

The table is ``lattices.toml`` of the catalog's data folder: ``stackmotif/_catalog`` in an installed
package, ``catalog`` beside ``src`` in a checkout.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np

from stackmotif.conventions import column_pitch_A
from stackmotif.errors import CatalogError, StructureError

Positive = Annotated[float, msgspec.Meta(gt=0, lt=1000)]
Fraction01 = Annotated[float, msgspec.Meta(ge=0, le=1)]

GAP_KINDS: Final = ("3", "1", "p", "q", "2", "T")


@dataclass(frozen=True)
class Lattice:
    """Dimensions and species of a layered host at one guest content.

    Parameters
    ----------
    name : str
        Name in the lattice table.
    x : float
        Guest per metal to which the dimensions belong; a word states its guests itself.
    a_A : float
        In-plane hexagonal lattice constant [Å].
    slab_height_A : float
        From the lower to the upper oxygen plane of a slab [Å].
    gap_heights_A : Mapping of str to float
        From the upper oxygen plane of a slab to the lower one of the next, by gap kind [Å]. Kinds
        that are absent have the height of kind ``3``.
    host : Mapping of str to float
        Metals of the slab with their fractions; they sum to 1.
    guest : str or None
        Element that usually fills the gaps.
    anion : str
        Element of the slab's two outer planes.
    source, tag : str
        Where the numbers come from, and how far they are trusted (see ``lattices.toml``).

    Raises
    ------
    StructureError
        For a length that is not positive, or host fractions that do not sum to 1.
    """

    name: str
    x: float
    a_A: float
    slab_height_A: float
    gap_heights_A: Mapping[str, float]
    host: Mapping[str, float]
    guest: str | None = None
    anion: str = "O"
    source: str = ""
    tag: str = "U"

    def __post_init__(self) -> None:
        lengths = {"a": self.a_A, "slab height": self.slab_height_A}
        lengths |= {f"gap height {kind!r}": h for kind, h in self.gap_heights_A.items()}
        for what, value in lengths.items():
            if not (math.isfinite(value) and value > 0):
                raise StructureError(
                    f"lattice {self.name}: {what} is {value} Å; expected a positive number"
                )
        if "3" not in self.gap_heights_A:
            raise StructureError(f"lattice {self.name}: no gap height of kind '3'; expected one")
        if abs(sum(self.host.values()) - 1) > 1e-6:
            raise StructureError(
                f"lattice {self.name}: host fractions sum to {sum(self.host.values())}; expected 1"
            )

    @property
    def is_rocksalt(self) -> bool:
        """Whether slabs and gaps hold the same cation, as in rock salt along [111]."""
        return self.guest is not None and set(self.host) == {self.guest}

    @property
    def label(self) -> str:
        """Name and guest content, such as ``LiNiO2:0.5``."""
        return f"{self.name}:{self.x:g}"

    @property
    def column_pitch_A(self) -> float:
        """Column pitch d along <11-20> [Å]."""
        return column_pitch_A(self.a_A)

    def gap_height_A(self, kind: str) -> float:
        """Return the height of a gap of this kind [Å]."""
        return self.gap_heights_A.get(kind, self.gap_heights_A["3"])

    def row_spacing_A(self, kind: str = "3") -> float:
        """Return the distance of two metal planes across a gap of this kind [Å]."""
        return self.slab_height_A + self.gap_height_A(kind)


class Node(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Dimensions at one guest content x."""

    x: Fraction01
    a_A: Positive
    slab_height_A: Positive
    gap_height_A: Positive
    note: str = ""


class Series(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A layered host: one node, or several between which dimensions are interpolated linearly."""

    description: str
    host: dict[str, Fraction01]
    source: str
    tag: str
    nodes: Annotated[list[Node], msgspec.Meta(min_length=1)]
    guest: str | None = None
    anion: str = "O"
    gap_heights_A: dict[str, Positive] = {}
    gap_note: str = ""


class RockSalt(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rock-salt oxide."""

    description: str
    cation: str
    a_A: Positive
    source: str
    tag: str
    anion: str = "O"


class Observation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A reported cell that is too incomplete, or not hexagonal, to build words with."""

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

    layered: dict[str, Series] = {}
    rocksalt: dict[str, RockSalt] = {}
    observations: list[Observation] = []


def data_folder() -> Path:
    """Return the folder of the catalog that comes with the library.

    Raises
    ------
    CatalogError
        If neither the installed one nor a checkout's is there.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_catalog", package.parents[1] / "catalog"):
        if (folder / "lattices.toml").is_file():
            return folder
    raise CatalogError(
        f"the catalog's data folder is missing: no _catalog in {package}; reinstall stackmotif"
    )


@lru_cache(maxsize=16)
def read_lattices(path: Path) -> LatticeTable:
    """Return the checked content of one ``lattices.toml``.

    Raises
    ------
    CatalogError
        For a file that cannot be read, an unknown key, or a value out of range.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(table, LatticeTable)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: {error}") from error


def get_lattice(name: str | Lattice, *, folder: Path | None = None) -> Lattice:
    """Return the lattice ``NAME`` or ``NAME:x``, dimensions interpolated linearly in x.

    Parameters
    ----------
    name : str or Lattice
        Such as ``LiNiO2:0.5``; x may be left out where only one is known. A Lattice is returned as
        it is.
    folder : Path, optional
        Where to look for ``lattices.toml`` first, before the library's own.

    Raises
    ------
    StructureError
        For an unknown name, or an x that the table does not cover.

    Examples
    --------
    >>> get_lattice("LiNiO2:0.5").a_A
    2.811
    """
    if isinstance(name, Lattice):
        return name
    if not isinstance(name, str):
        raise StructureError(f"lattice is {name!r}; expected a name such as 'LiNiO2:1'")
    base, _, text = name.partition(":")
    for candidate in dict.fromkeys([folder or data_folder(), data_folder()]):
        path = candidate / "lattices.toml"
        table = read_lattices(path) if path.is_file() else LatticeTable()
        if base in table.layered:
            return _layered(base, table.layered[base], _content(name, text))
        if base in table.rocksalt and not text:
            return _rocksalt(base, table.rocksalt[base])
    known = read_lattices(data_folder() / "lattices.toml")
    raise StructureError(
        f"lattice {name!r} is unknown; expected one of "
        f"{', '.join([*known.layered, *known.rocksalt])}, with :x for a series"
    )


def _content(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise StructureError(f"lattice {name!r}: {text!r} is no guest content") from None


def _layered(name: str, series: Series, x: float | None) -> Lattice:
    nodes = sorted(series.nodes, key=lambda node: node.x)
    low, high = nodes[0].x, nodes[-1].x
    if x is None:
        if len(nodes) > 1:
            raise StructureError(
                f"lattice {name!r} is a series; expected a guest content, such as {name}:{high:g}"
            )
        x = low
    if not low - 1e-9 <= x <= high + 1e-9:
        raise StructureError(
            f"lattice {name!r}: guest content {x} is outside the table; "
            f"expected {low:g} to {high:g}"
        )
    content = [node.x for node in nodes]
    a, slab, gap = (
        float(np.interp(x, content, [getattr(node, field) for node in nodes]))
        for field in ("a_A", "slab_height_A", "gap_height_A")
    )
    return Lattice(
        name=name,
        x=x,
        a_A=a,
        slab_height_A=slab,
        gap_heights_A={"3": gap} | series.gap_heights_A,
        host=series.host,
        guest=series.guest,
        anion=series.anion,
        source=series.source,
        tag=series.tag,
    )


def _rocksalt(name: str, salt: RockSalt) -> Lattice:
    """Return rock salt seen along [111]: slabs and gaps alike, planes a / sqrt(3) / 2 apart."""
    height = salt.a_A / math.sqrt(3)
    return Lattice(
        name=name,
        x=1.0,
        a_A=salt.a_A / math.sqrt(2),
        slab_height_A=height,
        gap_heights_A={"3": height},
        host={salt.cation: 1.0},
        guest=salt.cation,
        anion=salt.anion,
        source=salt.source,
        tag=salt.tag,
    )
