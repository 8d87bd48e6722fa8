"""Monoclinic cells of the lattice table, each with its source."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stackmotif.errors import StructureError
from stackmotif.structures.arguments import as_number
from stackmotif.structures.lattices.lattice import lattice_tables
from stackmotif.structures.lattices.series import Source
from stackmotif.structures.lattices.table import MonoclinicCell
from stackmotif.structures.mixtures import checked_mixture


@dataclass(frozen=True)
class MonoclinicLattice:
    """A C-centred monoclinic cell and what stands in it.

    Parameters
    ----------
    name : str
        Name in the lattice table, or one's own.
    a_A, b_A, c_A : float
        Edges [Å]: a along e, b along a close-packed row, c across one period of the word.
    beta_deg : float
        Angle between a and c [degrees].
    slab_height_A : float
        From the lower to the upper oxygen plane of a slab [Å].
    host : Mapping of str to float
        Metals of the slab with their fractions; they sum to 1.
    oxygen_lean : float
        In-plane distance of the oxygen planes from their slab's metal along a, in units of a.
    guest, anion : str
        Species of gaps and planes.
    sources : Mapping of str to Source
        The source of ``cell`` and ``oxygen``.

    Raises
    ------
    StructureError
        For a length, angle or fraction that makes no cell.
    """

    name: str
    a_A: float
    b_A: float
    c_A: float
    beta_deg: float
    slab_height_A: float
    host: Mapping[str, float]
    oxygen_lean: float = 1 / 3
    guest: str | None = None
    anion: str = "O"
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {"a": self.a_A, "b": self.b_A, "c": self.c_A, "slab height": self.slab_height_A}
        for what, value in lengths.items():
            if not 0 < as_number(value) < math.inf:
                raise StructureError(
                    f"lattice {self.name}: {what} is {value} Å; expected a positive number"
                )
        if not 45 < self.beta_deg < 135:
            raise StructureError(
                f"lattice {self.name}: beta is {self.beta_deg}°; expected 45° to 135°"
            )
        checked_mixture(self.host, what=f"lattice {self.name}: host", full=True)
        if not 0.25 < self.oxygen_lean < 0.45:
            raise StructureError(
                f"lattice {self.name}: oxygen lean is {self.oxygen_lean} of a; expected about 1/3, "
                "0.25 to 0.45"
            )

    @property
    def height_A(self) -> float:
        """Height of the cell along the normal of the slabs [Å]."""
        return self.c_A * math.sin(math.radians(self.beta_deg))

    @property
    def lean_of_c(self) -> float:
        """In-plane component of c along a, in units of a; negative for an obtuse beta."""
        return self.c_A * math.cos(math.radians(self.beta_deg)) / self.a_A


def get_monoclinic(
    name: str | MonoclinicLattice, *, folder: Path | None = None
) -> MonoclinicLattice:
    """Return the monoclinic lattice of this name.

    Parameters
    ----------
    name : str or MonoclinicLattice
        Such as ``NaNiO2``. A MonoclinicLattice is returned as it is.
    folder : Path, optional
        Where to look for ``lattices.toml`` first, before the library's own.

    Raises
    ------
    StructureError
        For an unknown name.

    Examples
    --------
    >>> get_monoclinic("NaNiO2").beta_deg
    110.449
    """
    if isinstance(name, MonoclinicLattice):
        return name
    tables = lattice_tables(folder)
    for table in tables:
        if isinstance(name, str) and name in table.monoclinic:
            return _from_table(name, table.monoclinic[name])
    known = dict.fromkeys(key for table in tables for key in table.monoclinic)
    raise StructureError(
        f"monoclinic lattice {name!r} is unknown; expected one of {', '.join(known)}"
    )


def _from_table(name: str, cell: MonoclinicCell) -> MonoclinicLattice:
    oxygen = Source(cell.oxygen_source or cell.source, cell.oxygen_tag or cell.tag, cell.note)
    return MonoclinicLattice(
        name=name,
        a_A=cell.a_A,
        b_A=cell.b_A,
        c_A=cell.c_A,
        beta_deg=cell.beta_deg,
        slab_height_A=cell.slab_height_A,
        host=cell.host,
        oxygen_lean=cell.oxygen_lean,
        guest=cell.guest,
        anion=cell.anion,
        sources={"cell": Source(cell.source, cell.tag, cell.description), "oxygen": oxygen},
    )
