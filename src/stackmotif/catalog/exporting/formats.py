"""Motifs as text in the formats of other programs."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stackmotif.catalog.cif import cif_text
from stackmotif.catalog.exporting.atoms import atoms_of, check_ordered, extxyz_text
from stackmotif.catalog.exporting.cells import abtem_text, statstem_text
from stackmotif.catalog.exporting.citing import bibtex, bibtex_of
from stackmotif.catalog.exporting.optimade import optimade_text
from stackmotif.catalog.motif import Motif
from stackmotif.errors import CatalogError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FORMATS: Final[Mapping[str, str]] = {
    "cif": "CIF, every atom listed (P 1)",
    "poscar": "POSCAR of VASP",
    "extxyz": "extended XYZ, the stored cell",
    "abtem": "extended XYZ, the orthogonal cell seen along --zone, for image simulation",
    "statstem": "MATLAB lines that make StatSTEM's projected unit cell along --zone",
    "optimade": "OPTIMADE JSON Lines",
    "json": "JSON of pymatgen, with id and word among its properties",
    "bibtex": "BibTeX of the entry and of its references",
}
"""Formats of `export`, in plain words."""

CATALOG_FORMATS: Final = ("optimade", "bibtex")
"""Formats that hold a whole catalog in one text."""

ORDERED_ONLY: Final = frozenset({"poscar", "extxyz", "abtem", "statstem"})
"""Formats without partly filled sites."""


def export(
    motif: Motif, fmt: str, *, zone: str = "100", structure: "Structure | None" = None
) -> str:
    """Return a motif's crystal as the text of a file for another program.

    Parameters
    ----------
    motif : Motif
        An entry of the catalog.
    fmt : {'cif', 'poscar', 'extxyz', 'abtem', 'statstem', 'optimade', 'json', 'bibtex'}
        ``abtem`` and ``statstem`` hold the smallest orthogonal cell in image axes: x right, y down
        (+c up), z along the beam. ``optimade`` is JSON lines: a header, the meaning of the
        properties, and one structure.
    zone : {'100', '010', '110'}
        Zone axis that points at the viewer; only ``abtem`` and ``statstem`` use it.
    structure : pymatgen Structure, optional
        Crystal to write in place of the stored one, such as ``motif.build(lattice="NMC811")``.

    Raises
    ------
    CatalogError
        For another format, or one that cannot hold partly filled sites.
    StructureError
        If the crystal has no orthogonal cell along the zone.

    Examples
    --------
    >>> from stackmotif.catalog import load_catalog
    >>> export(load_catalog()["o1"], "poscar").splitlines()[0]
    'o1: |R0|'
    """
    if not isinstance(motif, Motif):
        raise CatalogError(f"cannot export a {type(motif).__name__}; expected an entry, a Motif")
    _check_format(fmt, FORMATS)
    if fmt == "bibtex":
        return bibtex(motif)
    crystal = motif.structure() if structure is None else structure
    _check_crystal(crystal)
    check_ordered(
        crystal.is_ordered or fmt not in ORDERED_ONLY, fmt=fmt, what=f"entry {motif.id!r}"
    )
    return _WRITERS[fmt](motif, crystal, zone)


def export_catalog(motifs: Mapping[str, Motif], fmt: str) -> str:
    """Return all entries of a catalog as one text.

    Parameters
    ----------
    motifs : mapping of str to Motif
        A catalog, or a part of one.
    fmt : {'optimade', 'bibtex'}
        ``optimade`` has one line per entry; ``bibtex`` has every reference once.

    Raises
    ------
    CatalogError
        For another format or an entry that cannot be read.
    """
    _check_format(fmt, CATALOG_FORMATS)
    if not isinstance(motifs, Mapping):
        raise CatalogError(
            f"cannot export a {type(motifs).__name__}; expected a catalog: id to entry"
        )
    if fmt == "bibtex":
        return bibtex_of(motifs.values())
    return optimade_text((motif, motif.structure()) for motif in motifs.values())


def structure_text(
    structure: "Structure", fmt: str, *, comment: str = "", info: dict[str, str] | None = None
) -> str:
    """Return any crystal as ``cif``, ``poscar``, ``extxyz`` or ``json``.

    Parameters
    ----------
    structure : pymatgen Structure
        The crystal.
    fmt : {'cif', 'poscar', 'extxyz', 'json'}
        Format.
    comment : str
        First line of a POSCAR.
    info : dict of str to str, optional
        Facts for the header of an extended XYZ and the properties of a JSON.

    Raises
    ------
    CatalogError
        For another format, or one that cannot hold partly filled sites.
    """
    _check_format(fmt, ("cif", "poscar", "extxyz", "json"))
    _check_crystal(structure)
    ordered = structure.is_ordered or fmt not in ORDERED_ONLY
    check_ordered(ordered, fmt=fmt, what="the structure")
    if fmt == "cif":
        return cif_text(structure)
    if fmt == "poscar":
        return _poscar(structure, comment or structure.composition.reduced_formula)
    if fmt == "extxyz":
        return extxyz_text(atoms_of(structure), info or {})
    return json.dumps(structure.as_dict() | {"properties": info or {}})


def _check_format(fmt: object, known: Iterable[str]) -> None:
    names = list(known)
    if not isinstance(fmt, str) or fmt not in names:
        raise CatalogError(f"format {fmt!r} is unknown; expected one of {', '.join(names)}")


def _check_crystal(structure: object) -> None:
    from pymatgen.core import Structure

    if not isinstance(structure, Structure) or len(structure) == 0:
        empty = isinstance(structure, Structure)
        raise CatalogError(
            f"cannot export {'a crystal without atoms' if empty else type(structure).__name__}; "
            "expected a pymatgen Structure with atoms"
        )


def _poscar(structure: "Structure", comment: str) -> str:
    from pymatgen.io.vasp import Poscar

    return Poscar(structure, comment=comment).get_str(significant_figures=10)


def _plain(fmt: str) -> Callable[[Motif, Any, str], str]:
    def write(motif: Motif, structure: "Structure", _: str) -> str:
        comment = f"{motif.id}: {motif.word or motif.name}"
        return structure_text(structure, fmt, comment=comment, info=facts(motif))

    return write


def facts(motif: Motif) -> dict[str, str]:
    """Return what a file's header says of an entry: its id, and its word if it has one."""
    return {"motif": motif.id} | ({"word": str(motif.word)} if motif.word else {})


def _abtem(motif: Motif, structure: "Structure", zone: str) -> str:
    return abtem_text(structure, zone=zone, info=facts(motif))


def _statstem(motif: Motif, structure: "Structure", zone: str) -> str:
    return statstem_text(structure, zone=zone, name=motif.id)


_WRITERS: Final[dict[str, Callable[[Motif, Any, str], str]]] = {
    **{fmt: _plain(fmt) for fmt in ("cif", "poscar", "extxyz", "json")},
    "abtem": _abtem,
    "statstem": _statstem,
    "optimade": lambda motif, structure, _: optimade_text([(motif, structure)]),
}
