"""Lattices by name: in-plane constant, slab and gap heights, host and guest, each with its source.

The table is ``lattices.toml`` of the catalog's data folder: ``stackmotif/_catalog`` in an installed
package, ``catalog`` beside ``src`` in a checkout.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stackmotif.conventions import column_pitch_A
from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures.arguments import as_number
from stackmotif.structures.lattices.series import (
    QUANTITIES,
    Source,
    covered_content,
    quantity_A,
    series_sources,
)
from stackmotif.structures.lattices.table import LatticeTable, RockSalt, read_lattices
from stackmotif.structures.mixtures import checked_mixture

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
        Where the in-plane constant comes from, and how far it is trusted (see `Source`).
    sources : Mapping of str to Source
        The source of each quantity: ``a``, ``c`` (three rows across gaps of kind ``3``), ``slab``
        and, where kinds are given, ``gaps``.

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
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {"a": self.a_A, "slab height": self.slab_height_A}
        lengths |= {f"gap height {kind!r}": h for kind, h in self.gap_heights_A.items()}
        for what, value in lengths.items():
            if not 0 < as_number(value) < math.inf:
                raise StructureError(
                    f"lattice {self.name}: {what} is {value} Å; expected a positive number"
                )
        if "3" not in self.gap_heights_A:
            raise StructureError(f"lattice {self.name}: no gap height of kind '3'; expected one")
        checked_mixture(self.host, what=f"lattice {self.name}: host", full=True)

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

    @property
    def c_A(self) -> float:
        """Height of three slabs across gaps of kind ``3``, the c axis of O3 [Å]."""
        return 3 * self.row_spacing_A("3")

    def gap_height_A(self, kind: str) -> float:
        """Return the height of a gap of this kind [Å]."""
        return self.gap_heights_A.get(kind, self.gap_heights_A["3"])

    def row_spacing_A(self, kind: str = "3") -> float:
        """Return the distance of two metal planes across a gap of this kind [Å]."""
        return self.slab_height_A + self.gap_height_A(kind)

    def with_host(self, host: Mapping[str, float]) -> "Lattice":
        """Return the same dimensions with other metals in the slabs.

        Parameters
        ----------
        host : Mapping of str to float
            Metals and their fractions, which sum to 1.

        Raises
        ------
        StructureError
            If they do not.

        Examples
        --------
        >>> get_lattice("NMC811:0.5").with_host({"Ni": 0.9, "Mn": 0.1}).host
        {'Ni': 0.9, 'Mn': 0.1}
        """
        return replace(self, host=checked_mixture(host, what="host", full=True))


def data_folder() -> Path:
    """Return the folder of the catalog that comes with the library.

    Raises
    ------
    CatalogError
        If neither the installed one nor a checkout's is there.
    """
    package = Path(__file__).parents[2]
    for folder in (package / "_catalog", package.parents[1] / "catalog"):
        if (folder / "lattices.toml").is_file():
            return folder
    raise CatalogError(
        f"the catalog's data folder is missing: no _catalog in {package}; reinstall stackmotif"
    )


def lattice_tables(folder: Path | None) -> list[LatticeTable]:
    """Return the tables in which a name is looked up: that of a folder, then the library's own."""
    folders = dict.fromkeys([Path(folder or data_folder()), data_folder()])
    paths = [candidate / "lattices.toml" for candidate in folders]
    return [read_lattices(path) for path in paths if os.path.lexists(path)]


def get_lattice(name: str | Lattice, *, folder: Path | None = None) -> Lattice:
    """Return the lattice ``NAME`` or ``NAME:x``, every length interpolated linearly in x.

    Parameters
    ----------
    name : str or Lattice
        Such as ``LiNiO2:0.5``; x may be left out where one value is the usual one. A Lattice is
        returned as it is.
    folder : Path, optional
        Where to look for ``lattices.toml`` first, before the library's own.

    Raises
    ------
    StructureError
        For an unknown name, or an x that no source covers: the message names what is covered.

    Examples
    --------
    >>> get_lattice("LiNiO2:0.5").a_A
    2.811
    >>> get_lattice("NMC811:0.5").sources["slab"].tag
    'U'
    """
    if isinstance(name, Lattice):
        return name
    if not isinstance(name, str):
        raise StructureError(f"lattice is {name!r}; expected a name such as 'LiNiO2:1'")
    base, _, text = name.partition(":")
    for table in lattice_tables(folder):
        if base in table.layered:
            return _layered(base, _content(name, text), table)
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


def _layered(name: str, x: float | None, table: LatticeTable) -> Lattice:
    series = table.layered[name]
    x = covered_content(name, x, table)
    a, c, slab = (quantity_A(name, key, x, table) for key in QUANTITIES)
    sources = series_sources(series)
    return Lattice(
        name=name,
        x=x,
        a_A=a,
        slab_height_A=slab,
        gap_heights_A={"3": c / 3 - slab} | series.gap_heights_A,
        host=series.host,
        guest=series.guest,
        anion=series.anion,
        source=sources["a"].reference,
        tag=sources["a"].tag,
        sources=sources,
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
        sources={key: Source(salt.source, salt.tag) for key in QUANTITIES},
    )
