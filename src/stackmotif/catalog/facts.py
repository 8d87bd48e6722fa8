"""What the atoms of an entry show: the values that its ``[checks]`` should have."""

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stackmotif.structures import coordination, min_contacts_A

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stackmotif.catalog.motif import Motif

SYMMETRY_TOLERANCE_A: Final = 1e-3

_MOST_ATOMS: Final = 1500
"""Larger models have no space group in their checks: they have no symmetry to speak of."""


def checks_of(motif: "Motif", structure: "Structure") -> dict[str, Any]:
    """Return what an entry's checks should say of a structure.

    The space group of a model of more than 1500 atoms is left empty, and so are ``n_slabs`` and
    ``gap_kinds`` of one without a word.
    """
    return {
        "space_group": _space_group(structure) if len(structure) <= _MOST_ATOMS else "",
        "n_slabs": motif.recipe.n_slabs(),
        "gap_kinds": motif.word.gap_kinds if motif.word is not None else "",
        "min_contacts_A": {p: round(d, 3) for p, d in min_contacts_A(structure).items()},
        "coordination": {
            role: {str(anions): count for anions, count in histogram.items()}
            for role, histogram in coordination(structure).items()
        },
    }


def checks_text(motif: "Motif") -> str:
    """Return the lines of ``motif.toml`` that can be computed, with the values of the atoms.

    These are ``degeneracy_class``, where the recipe gives it, and the table ``[checks]``. They say
    what the atoms are, not whether that is what was meant: look before you copy them.

    Parameters
    ----------
    motif : Motif
        An entry; its atoms are built, or read where its recipe builds none.

    Raises
    ------
    CatalogError, StructureError
        If it has no atoms: a recipe that cannot be built, or no ``structure.cif``.

    Examples
    --------
    >>> from stackmotif.catalog import load_catalog
    >>> print(checks_text(load_catalog()["o1"]))
    degeneracy_class = "P:0"
    <BLANKLINE>
    [checks]
    space_group = "P-3m1"
    n_slabs = 1
    gap_kinds = "1"
    min_contacts_A = { M-M = 2.777, M-O = 1.859, O-O = 2.473 }
    coordination = { M = { 6 = 1 } }
    """
    structure = motif.build() if motif.recipe.buildable else motif.structure()
    known = motif.recipe.degeneracy_class()
    lines = [] if known is None else [f"degeneracy_class = {toml_text(known)}", ""]
    values = {key: value for key, value in checks_of(motif, structure).items() if value}
    return "\n".join([*lines, "[checks]", *(f"{k} = {toml_text(v)}" for k, v in values.items())])


def toml_text(value: object) -> str:
    """Return a value as TOML writes it, tables in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_text(item) for item in value)}]"
    if isinstance(value, msgspec.Struct | dict):
        items = msgspec.to_builtins(value)
        inner = ", ".join(f"{key} = {toml_text(item)}" for key, item in items.items())
        return f"{{ {inner} }}" if inner else "{}"
    return str(value)


def _space_group(structure: "Structure") -> str:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return SpacegroupAnalyzer(structure, symprec=SYMMETRY_TOLERANCE_A).get_space_group_symbol()
