"""Lattices by name: in-plane constant, slab and gap heights, host and guest, each with its source.

The table is ``lattices.toml`` of the catalog's data folder: ``stackmotif/_catalog`` in an installed
package, ``catalog`` beside ``src`` in a checkout.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from stackmotif.conventions import column_pitch_A
from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures.lattice_table import (
    LatticeTable,
    Quantity,
    RockSalt,
    Series,
    read_lattices,
)

GAP_KINDS: Final = ("3", "1", "p", "q", "2", "T")

_X_TOLERANCE: Final = 1e-9
_KEYS: Final = ("a", "c", "slab")


@dataclass(frozen=True)
class Source:
    """Where one number comes from.

    Parameters
    ----------
    reference : str
        Key of ``references.bib``, or ``estimate``.
    tag : str
        ``R`` a public data file, ``A`` a paper's abstract, ``N`` derived from the reference, ``U``
        unverified.
    note : str
        What was assumed or derived.
    """

    reference: str
    tag: str
    note: str = ""


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
            if not (math.isfinite(value) and value > 0):
                raise StructureError(
                    f"lattice {self.name}: {what} is {value} Å; expected a positive number"
                )
        if "3" not in self.gap_heights_A:
            raise StructureError(f"lattice {self.name}: no gap height of kind '3'; expected one")
        total = sum(self.host.values())
        if not abs(total - 1) <= 1e-6 or min(self.host.values()) < 0:
            raise StructureError(
                f"lattice {self.name}: host fractions sum to {total}; expected 1, none below 0"
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
        return replace(self, host=dict(host))


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


def lattice_tables(folder: Path | None) -> list[LatticeTable]:
    """Return the tables in which a name is looked up: that of a folder, then the library's own."""
    folders = dict.fromkeys([folder or data_folder(), data_folder()])
    paths = [candidate / "lattices.toml" for candidate in folders]
    return [read_lattices(path) for path in paths if path.is_file()]


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


def coverage(name: str, table: LatticeTable) -> tuple[float, float]:
    """Return the least and the largest guest content that the sources of a series cover."""
    series = table.layered[name]
    if series.nodes:
        content = [node.x for node in series.nodes]
        return min(content), max(content)
    ranges = np.array([_range(getattr(series, key), key, table) for key in _KEYS])
    return float(ranges[:, 0].max()), float(ranges[:, 1].min())


def _range(quantity: Quantity, key: str, table: LatticeTable) -> tuple[float, float]:
    if quantity.covers is not None:
        return quantity.covers
    if quantity.like:
        return coverage(quantity.like, table)
    return quantity.x[0], quantity.x[-1]


def _layered(name: str, x: float | None, table: LatticeTable) -> Lattice:
    series = table.layered[name]
    x = _covered(name, series, x, table)
    a, c, slab = (_value(name, key, x, table) for key in _KEYS)
    sources = _sources(series)
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


def _covered(name: str, series: Series, x: float | None, table: LatticeTable) -> float:
    """Return the guest content asked for, if the sources of the series cover it."""
    low, high = coverage(name, table)
    if x is None and series.default_x is None and low < high:
        raise StructureError(
            f"lattice {name!r} is a series; expected a guest content, such as {name}:{high:g}"
        )
    if x is None:
        return low if series.default_x is None else series.default_x
    if low - _X_TOLERANCE <= x <= high + _X_TOLERANCE:
        return min(max(x, low), high)
    others = [
        f"{other}:{x:g}"
        for other, candidate in table.layered.items()
        if candidate.host == series.host and candidate.guest == series.guest
        and coverage(other, table)[0] <= x <= coverage(other, table)[1]
    ]  # fmt: skip
    nearest = f"{name}:{low if x < low else high:g}"
    raise StructureError(
        f"lattice {name!r}: guest content {x} is outside the table; expected {_interval(low, high)}"
        f": use {' or '.join(others) or nearest}"
    )


def _interval(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _value(name: str, key: str, x: float, table: LatticeTable) -> float:
    """Return one length of a series at a guest content that it covers [Å]."""
    series = table.layered[name]
    if series.nodes:
        nodes = sorted(series.nodes, key=lambda node: node.x)
        lengths = {
            "a": [node.a_A for node in nodes],
            "c": [3 * (node.slab_height_A + node.gap_height_A) for node in nodes],
            "slab": [node.slab_height_A for node in nodes],
        }
        return float(np.interp(x, [node.x for node in nodes], lengths[key]))
    quantity: Quantity = getattr(series, key)
    if not quantity.like:
        return float(np.interp(x, quantity.x, quantity.value_A))
    followed = _value(quantity.like, key, x, table)
    if not quantity.x:
        return followed
    return quantity.value_A[0] * followed / _value(quantity.like, key, quantity.x[0], table)


def _sources(series: Series) -> dict[str, Source]:
    parts = {key: getattr(series, key) for key in _KEYS}
    found = {
        key: Source(
            (part and part.source) or series.source,
            (part and part.tag) or series.tag,
            part.note if part else "",
        )
        for key, part in parts.items()
    }
    if series.gap_heights_A:
        found["gaps"] = Source(
            series.gap_source or series.source, series.gap_tag or series.tag, series.gap_note
        )
    return found


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
        sources={key: Source(salt.source, salt.tag) for key in _KEYS},
    )
