"""Motifs as text in the formats of other programs."""

import io
import json
import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from stackmotif.catalog.cif import cif_text
from stackmotif.catalog.motif import Motif
from stackmotif.errors import CatalogError

if TYPE_CHECKING:
    from pymatgen.core import Structure


def export(motif: Motif, fmt: str) -> str:
    """Return a motif's crystal as the text of a structure file.

    Parameters
    ----------
    motif : Motif
        An entry of the catalog.
    fmt : {'cif', 'poscar', 'extxyz', 'optimade'}
        ``optimade`` is JSON lines: a header and one structure.

    Raises
    ------
    CatalogError
        For another format, or one that cannot hold the motif's partly filled sites.
    """
    if not isinstance(motif, Motif):
        raise CatalogError(f"cannot export a {type(motif).__name__}; expected an entry, a Motif")
    if not isinstance(fmt, str) or fmt not in _WRITERS:
        raise CatalogError(f"format {fmt!r} is unknown; expected one of {', '.join(_WRITERS)}")
    structure = motif.structure()
    if fmt in ("poscar", "extxyz") and not structure.is_ordered:
        raise CatalogError(
            f"entry {motif.id!r} has partly filled sites, which {fmt} cannot hold; "
            "expected cif or optimade"
        )
    return _WRITERS[fmt](motif, structure)


def _cif(motif: Motif, structure: "Structure") -> str:
    return cif_text(structure)


def _poscar(motif: Motif, structure: "Structure") -> str:
    from pymatgen.io.vasp import Poscar

    comment = f"{motif.id}: {motif.word or motif.name}"
    return Poscar(structure, comment=comment).get_str(significant_figures=10)


def _extxyz(motif: Motif, structure: "Structure") -> str:
    import ase.io
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.info = {"motif": motif.id} | ({"word": str(motif.word)} if motif.word else {})
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    return text.getvalue()


def _optimade(motif: Motif, structure: "Structure") -> str:
    header = {"x-optimade": {"meta": {"api_version": "1.1.0"}}}
    entry = {
        "type": "structures",
        "id": motif.id,
        "attributes": _optimade_attributes(structure)
        | {"_stackmotif_word": str(motif.word or ""), "_stackmotif_family": motif.family},
    }
    return f"{json.dumps(header)}\n{json.dumps(entry)}\n"


def _optimade_attributes(structure: "Structure") -> dict[str, Any]:
    amounts = structure.composition.get_el_amt_dict()
    elements = sorted(amounts)
    total = sum(amounts.values())
    return {
        "elements": elements,
        "nelements": len(elements),
        "elements_ratios": [amounts[e] / total for e in elements],
        "chemical_formula_descriptive": structure.composition.formula,
        "chemical_formula_reduced": _reduced(structure),
        "chemical_formula_anonymous": _anonymous(structure),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "lattice_vectors": structure.lattice.matrix.tolist(),
        "cartesian_site_positions": structure.cart_coords.tolist(),
        "nsites": len(structure),
        "species": _species(structure),
        "species_at_sites": [site.species_string for site in structure],
        "structure_features": [] if structure.is_ordered else ["disorder"],
        "last_modified": None,
    }


def _counts(structure: "Structure") -> dict[str, int]:
    from pymatgen.core import Composition

    reduced, _ = structure.composition.get_integer_formula_and_factor()
    amounts = Composition(reduced).get_el_amt_dict()
    return {element: round(amount) for element, amount in amounts.items()}


def _reduced(structure: "Structure") -> str:
    counts = sorted(_counts(structure).items())
    return "".join(f"{element}{n if n > 1 else ''}" for element, n in counts)


def _anonymous(structure: "Structure") -> str:
    counts = sorted(_counts(structure).values(), reverse=True)
    letters = string.ascii_uppercase
    return "".join(f"{a}{n if n > 1 else ''}" for a, n in zip(letters, counts, strict=False))


def _species(structure: "Structure") -> list[dict[str, Any]]:
    kinds = {site.species_string: site.species for site in structure}
    species = []
    for name, composition in kinds.items():
        amounts = composition.get_el_amt_dict()
        symbols, shares = list(amounts), list(amounts.values())
        if sum(shares) < 1 - 1e-6:
            symbols, shares = [*symbols, "vacancy"], [*shares, 1 - sum(shares)]
        species.append({"name": name, "chemical_symbols": symbols, "concentration": shares})
    return species


_WRITERS: Final[dict[str, Callable[[Motif, Any], str]]] = {
    "cif": _cif,
    "poscar": _poscar,
    "extxyz": _extxyz,
    "optimade": _optimade,
}
