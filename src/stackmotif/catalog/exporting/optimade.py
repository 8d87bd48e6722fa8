"""Entries as OPTIMADE JSON Lines, the database exchange format of OPTIMADE 1.2.

The first line is the header, the second says what the properties mean (a listing of property
definitions), each further line is one structure.
"""

import json
import string
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stackmotif.catalog.files import MOTIF_FILE, STRUCTURE_FILE

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stackmotif.catalog.motif import Motif

API_VERSION: Final = "1.2.0"
PREFIX: Final = "_stackmotif_"

_STANDARD_IDS: Final = "https://schemas.optimade.org/defs/v1.2/properties/optimade/"
_JSON_TYPES: Final = {
    "string": "string",
    "integer": "integer",
    "float": "number",
    "list": "array",
    "timestamp": "string",
}
_STANDARD: Final = {
    "elements": ("list", "Elements, in alphabetical order"),
    "nelements": ("integer", "Number of elements"),
    "elements_ratios": ("list", "Fractions of the elements, summing to 1; vacancies do not count"),
    "chemical_formula_descriptive": ("string", "Formula of the cell"),
    "chemical_formula_reduced": ("string", "Reduced formula, elements in alphabetical order"),
    "chemical_formula_anonymous": ("string", "Reduced formula with letters for elements"),
    "dimension_types": ("list", "1 for each periodic lattice vector"),
    "nperiodic_dimensions": ("integer", "Number of periodic lattice vectors"),
    "lattice_vectors": ("list", "Lattice vectors, in ångström"),
    "cartesian_site_positions": ("list", "Cartesian positions of the sites, in ångström"),
    "nsites": ("integer", "Number of sites"),
    "species": ("list", "What a site can hold, with its concentrations"),
    "species_at_sites": ("list", "Name of the species at each site"),
    "structure_features": ("list", "Features of OPTIMADE that the structure uses"),
    "last_modified": ("timestamp", "When the files of the entry were last written"),
}
_OWN: Final = {
    "name": ("string", "Display name of the motif"),
    "family": ("string", "Family of the motif in the catalog"),
    "description": ("string", "What the motif is, in plain words"),
    "status": ("string", "Where the coordinates come from: idealized, relaxed or observed"),
    "inferred": ("list", "What about the model is inferred and not observed"),
    "word": ("string", "Stacking word that the atoms read as; null for a model without one"),
    "gap_kinds": ("string", "Kind of each gap of the word, from the bottom to the top"),
    "degeneracy_class": ("string", "Entries of one class look alike in the metals along [100]"),
    "lattice": ("string", "Name of the lattice in the catalog"),
    "space_group": ("string", "Hermann-Mauguin symbol in short form; null where none is claimed"),
    "zone_axes": ("list", "Zone axes that show the stacking"),
    "references": ("list", "BibTeX keys of the sources"),
}


def optimade_text(models: Iterable[tuple["Motif", "Structure"]]) -> str:
    """Return JSON Lines: header, property definitions, and one line for each model."""
    lines: list[dict[str, Any]] = [header(), structures_info()]
    lines += [structure_entry(motif, structure) for motif, structure in models]
    return "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in lines)


def header() -> dict[str, Any]:
    """Return the first line; older readers look for the version under ``meta``."""
    return {"x-optimade": {"api_version": API_VERSION, "meta": {"api_version": API_VERSION}}}


def structures_info() -> dict[str, Any]:
    """Return the line that defines every property of the entries."""
    properties = {
        name: _definition(name, kind, text, f"{_STANDARD_IDS}structures/{name}")
        for name, (kind, text) in _STANDARD.items()
    } | {
        PREFIX + name: _definition(PREFIX + name, kind, text, f"urn:stackmotif:property:{name}")
        for name, (kind, text) in _OWN.items()
    }
    return {
        "type": "info",
        "id": "structures",
        "description": "Stacking motifs of layered oxide cathodes as crystal models",
        "formats": ["json"],
        "properties": properties,
        "output_fields_by_format": {"json": list(properties)},
    }


def _definition(name: str, kind: str, text: str, identifier: str) -> dict[str, Any]:
    return {
        "$id": identifier,
        "title": name.removeprefix(PREFIX).replace("_", " "),
        "description": text + ".",
        "x-optimade-type": kind,
        "x-optimade-unit": "inapplicable" if "ångström" not in text else "angstrom",
        "type": [_JSON_TYPES[kind], "null"],
    }


def structure_entry(motif: "Motif", structure: "Structure") -> dict[str, Any]:
    """Return the line of one entry."""
    attributes = _attributes(structure) | {"last_modified": _last_modified(motif)}
    return {"type": "structures", "id": motif.id, "attributes": attributes | _own(motif)}


def _own(motif: "Motif") -> dict[str, Any]:
    word = motif.word
    values = {
        "name": motif.name,
        "family": motif.family,
        "description": " ".join(motif.description.split()),
        "status": motif.status,
        "inferred": list(motif.inferred),
        "word": str(word) if word is not None else None,
        "gap_kinds": word.gap_kinds if word is not None else None,
        "degeneracy_class": motif.degeneracy_class,
        "lattice": motif.lattice or None,
        "space_group": motif.checks.space_group or None,
        "zone_axes": list(motif.zone_axes),
        "references": list(motif.references),
    }
    return {PREFIX + key: value for key, value in values.items()}


def _last_modified(motif: "Motif") -> str:
    files = (motif.folder / MOTIF_FILE, motif.folder / STRUCTURE_FILE)
    newest = max(int(file.stat().st_mtime) for file in files if file.is_file())
    return datetime.fromtimestamp(newest, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attributes(structure: "Structure") -> dict[str, Any]:
    amounts = structure.composition.get_el_amt_dict()
    elements = sorted(amounts)
    total = sum(amounts.values())
    counts = _counts(structure)
    return {
        "elements": elements,
        "nelements": len(elements),
        "elements_ratios": [amounts[e] / total for e in elements],
        "chemical_formula_descriptive": structure.composition.formula.replace(" ", ""),
        "chemical_formula_reduced": _formula(sorted(counts.items())),
        "chemical_formula_anonymous": _formula(
            list(zip(string.ascii_uppercase, sorted(counts.values(), reverse=True), strict=False))
        ),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "lattice_vectors": structure.lattice.matrix.tolist(),
        "cartesian_site_positions": structure.cart_coords.tolist(),
        "nsites": len(structure),
        "species": _species(structure),
        "species_at_sites": [site.species_string for site in structure],
        "structure_features": [] if structure.is_ordered else ["disorder"],
    }


def _counts(structure: "Structure") -> dict[str, int]:
    from pymatgen.core import Composition

    reduced, _ = structure.composition.get_integer_formula_and_factor()
    amounts = Composition(reduced).get_el_amt_dict()
    return {element: round(amount) for element, amount in amounts.items()}


def _formula(counts: list[tuple[str, int]]) -> str:
    return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in counts)


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
