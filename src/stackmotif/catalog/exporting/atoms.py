"""Crystals as ASE Atoms and as extended XYZ."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stackmotif.errors import CatalogError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    from stackmotif.structures.orientation import OrientedCell

_FULL = 1 - 1e-6


def atoms_of(structure: "Structure") -> "Atoms":
    """Return a crystal with full sites as ASE Atoms.

    Raises
    ------
    CatalogError
        If it has partly filled sites.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    check_ordered(structure.is_ordered, fmt="Atoms", what="the structure")
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.info = {}
    return atoms


def cell_atoms(cell: "OrientedCell") -> "Atoms":
    """Return an orthogonal cell with full sites as ASE Atoms, periodic along all three axes.

    Raises
    ------
    CatalogError
        If a site is partly filled.
    """
    from ase import Atoms

    check_ordered(bool((cell.occupancies > _FULL).all()), fmt="Atoms", what="the cell")
    return Atoms(
        symbols=[str(symbol) for symbol in cell.symbols],
        positions=cell.positions_A,
        cell=cell.extent_A,
        pbc=True,
    )


def extxyz_text(atoms: "Atoms", info: Mapping[str, str]) -> str:
    """Return ASE Atoms as extended XYZ with the given facts in its header."""
    import ase.io

    atoms.info = dict(info)
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    return text.getvalue()


def check_ordered(ordered: bool, *, fmt: str, what: str) -> None:
    """Refuse partly filled sites for a format without them.

    Raises
    ------
    CatalogError
        Unless ``ordered``; it says how to get full sites.
    """
    if not ordered:
        raise CatalogError(
            f"{what} has partly filled sites, which {fmt} cannot hold; expected full ones: write "
            "cif, json or optimade, or fill the sites first with stackmotif.structures.occupy"
        )
