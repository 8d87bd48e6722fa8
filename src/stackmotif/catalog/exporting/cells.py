"""Orthogonal cells along a zone axis, for programs that simulate or measure images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from stackmotif.catalog.exporting.atoms import cell_atoms, extxyz_text
from stackmotif.errors import CatalogError
from stackmotif.structures.orientation import OrientedCell, orient

if TYPE_CHECKING:
    from pymatgen.core import Structure

ZONES: Final[Mapping[str, tuple[int, int, int]]] = {
    "100": (1, 0, 0),
    "010": (0, 1, 0),
    "110": (1, 1, 0),
}
"""Zone axes across the slabs; all three are <11-20> of a hexagonal cell."""

AXES: Final = "x right, y down (+c up), z along the beam"

_SAME_COLUMN_A: Final = 0.02
"""Atoms whose projections are this close are one column [Å]."""


def orthogonal_cell(structure: "Structure", *, zone: str = "100") -> OrientedCell:
    """Return the smallest orthogonal cell of a crystal seen along a zone axis.

    Parameters
    ----------
    structure : pymatgen Structure
        Slabs stacked along c; sites may be partly filled.
    zone : {'100', '010', '110'}
        Direction that points at the viewer.

    Returns
    -------
    OrientedCell
        x right, y down (+c up), z along the beam, away from the viewer [Å].

    Raises
    ------
    CatalogError
        For another zone.
    StructureError
        If no lattice vectors lie along the axes of the image.
    """
    if not isinstance(zone, str) or zone not in ZONES:
        raise CatalogError(f"zone {zone!r} is unknown; expected one of {', '.join(ZONES)}")
    return orient(structure, zone=ZONES[zone])


def abtem_text(structure: "Structure", *, zone: str, info: Mapping[str, str]) -> str:
    """Return the orthogonal cell as extended XYZ; its header names zone and axes."""
    atoms = cell_atoms(orthogonal_cell(structure, zone=zone))
    return extxyz_text(atoms, {**info, "zone": f"[{zone}]", "axes": AXES})


def statstem_text(structure: "Structure", *, zone: str, name: str) -> str:
    """Return MATLAB lines that make StatSTEM's ``projUnitCell`` of the orthogonal cell.

    Coordinates are fractions of a (to the right) and b (down); c is the period along the beam, and
    ``zInfo`` lists element and height of each atom of a column.
    """
    cell = orthogonal_cell(structure, zone=zone)
    width, height, depth = cell.extent_A
    columns = [(rows, cell.symbols[rows]) for rows in _columns(cell)]
    fractions = cell.positions_A / cell.extent_A
    places = "; ".join("{:.8f} {:.8f}".format(*fractions[rows[0], :2]) for rows, _ in columns)
    names = "; ".join(f"'{''.join(dict.fromkeys(symbols))}'" for _, symbols in columns)
    depths = "; ".join(
        "{" + ", ".join(f"'{cell.symbols[k]}', {fractions[k, 2]:.8f}" for k in rows) + "}"
        for rows, _ in columns
    )
    return (
        f"% {name} along [{zone}]: {AXES}; lengths in angstrom\n"
        "unit = projUnitCell;\n"
        f"unit.a = {width:.8f};\nunit.b = {height:.8f};\nunit.c = {depth:.8f};\n"
        f"unit.ang = pi / 2;\nunit.coor2D = [{places}];\nunit.atom2D = {{{names}}};\n"
        f"unit.zInfo = {{{depths}}};\n"
    )


def _columns(cell: OrientedCell) -> list[list[int]]:
    """Return the atoms of each column, from the top left, each column by depth."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    places = np.mod(np.mod(cell.positions_A[:, :2], cell.extent_A[:2]), cell.extent_A[:2])
    pairs = cKDTree(places, boxsize=cell.extent_A[:2]).query_pairs(
        _SAME_COLUMN_A, output_type="ndarray"
    )
    links = coo_matrix((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(cell), len(cell)))
    labels = connected_components(links, directed=False)[1]
    order = np.lexsort((cell.positions_A[:, 2], labels))
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    first = sorted(groups, key=lambda rows: tuple(np.round(places[rows[0], ::-1], 3)))
    return [[int(row) for row in rows] for rows in first]
