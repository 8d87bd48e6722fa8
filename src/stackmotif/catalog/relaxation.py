"""Relaxed models beside the ideal ones: ``relaxed.cif`` and ``relaxed.toml`` of an entry.

They never replace ``structure.cif``, which stays what the recipe gives.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from stackmotif.catalog.cif import cif_text, read_cif
from stackmotif.catalog.files import (
    RELAXED_FACTS_FILE,
    RELAXED_STRUCTURE_FILE,
    STRUCTURE_FILE,
    read_table,
    read_text,
    write_file,
)
from stackmotif.catalog.recipes.base import Length, Text
from stackmotif.catalog.schema import SCHEMA
from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures import CONTACT_LIMITS_A, min_contacts_A, read_word
from stackmotif.structures.relaxation import Relaxed

if TYPE_CHECKING:
    from stackmotif.catalog.motif import Motif

RELAXED_FILES: Final = (RELAXED_STRUCTURE_FILE, RELAXED_FACTS_FILE)

_CONTACT_TOLERANCE_A: Final = 2e-3

Energy = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]


class RelaxedFacts(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Content of a ``relaxed.toml``: the fields of `Relaxed`, and which ideal model it was made of.

    ``ideal_sha256`` is the start of the SHA-256 of the ``structure.cif`` that was relaxed.
    """

    schema: int
    ideal_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]
    method: Text
    energy_eV: Energy
    energy_per_atom_eV: Energy
    ideal_energy_eV: Energy
    max_force_eV_A: Annotated[float, msgspec.Meta(ge=0, lt=1e6)]
    steps: Annotated[int, msgspec.Meta(ge=0)]
    converged: bool
    contacts_A: dict[str, Length]


def store_relaxed(motif: "Motif", relaxed: Relaxed, *, folder: Path | str | None = None) -> None:
    """Write a relaxed model as ``relaxed.cif`` and ``relaxed.toml``.

    Parameters
    ----------
    motif : Motif
        The entry, the stored structure of which was relaxed.
    relaxed : Relaxed
        Result of `stackmotif.structures.relax`.
    folder : Path or str, optional
        Where the files go; beside the ideal model by default.

    Raises
    ------
    CatalogError
        If the folder does not exist.
    """
    folder = motif.folder if folder is None else Path(folder)
    if not folder.is_dir():
        raise CatalogError(f"folder {folder} does not exist; expected one to write to")
    facts = {
        "schema": SCHEMA,
        "ideal_sha256": _ideal_sha256(motif),
        "method": relaxed.method,
        "energy_eV": round(relaxed.energy_eV, 6),
        "energy_per_atom_eV": round(relaxed.energy_per_atom_eV, 6),
        "ideal_energy_eV": round(relaxed.ideal_energy_eV, 6),
        "max_force_eV_A": round(relaxed.max_force_eV_A, 4),
        "steps": relaxed.steps,
        "converged": relaxed.converged,
    }
    contacts = ", ".join(f"{pair} = {d}" for pair, d in relaxed.contacts_A.items())
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    lines.append(f"contacts_A = {{ {contacts} }}")
    write_file(folder / RELAXED_STRUCTURE_FILE, cif_text(relaxed.structure))
    write_file(folder / RELAXED_FACTS_FILE, "\n".join(lines) + "\n")


def read_relaxed(motif: "Motif") -> Relaxed:
    """Return the relaxed model that is stored beside an entry's ideal one.

    Raises
    ------
    CatalogError
        If there is none, or its files are damaged.
    """
    if not has_relaxed(motif):
        raise CatalogError(
            f"entry {motif.id!r} has no relaxed model; expected {RELAXED_STRUCTURE_FILE} in "
            f"{motif.folder}: make one with: stackmotif catalog relax {motif.id} --out DIR"
        )
    facts = msgspec.structs.asdict(_facts(motif))
    values = {key: facts[key] for key in facts if key not in ("schema", "ideal_sha256")}
    return Relaxed(structure=read_cif(motif.folder / RELAXED_STRUCTURE_FILE), **values)


def _facts(motif: "Motif") -> RelaxedFacts:
    path = motif.folder / RELAXED_FACTS_FILE
    try:
        return msgspec.convert(read_table(path), RelaxedFacts)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: {error}") from error


def _ideal_sha256(motif: "Motif") -> str:
    return hashlib.sha256(read_text(motif.folder / STRUCTURE_FILE).encode()).hexdigest()[:12]


def has_relaxed(motif: "Motif") -> bool:
    """Whether an entry's folder holds either file of a relaxed model."""
    return any((motif.folder / name).exists() for name in RELAXED_FILES)


def relaxed_problems(motif: "Motif") -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a stored relaxed model: key and reason; nothing if there is none.

    It must be made of the stored ideal model and have its composition and word; its contacts must
    be those that it states and above the limits, its energy per atom that of the cell.
    """
    if not has_relaxed(motif):
        return
    try:
        relaxed = read_relaxed(motif)
    except CatalogError as error:
        yield "relaxed", str(error)
        return
    if _facts(motif).ideal_sha256 != _ideal_sha256(motif):
        yield "relaxed.ideal_sha256", "is of another ideal model; relax the entry again"
    structure, ideal = relaxed.structure, motif.structure()
    if structure.composition != ideal.composition:
        yield "relaxed", f"holds {structure.composition}; the ideal model {ideal.composition}"
        return
    if not relaxed.converged:
        yield "relaxed.converged", "is false; expected a finished relaxation"
    if abs(relaxed.energy_eV / len(structure) - relaxed.energy_per_atom_eV) > 1e-4:
        yield "relaxed.energy_per_atom_eV", f"is {relaxed.energy_per_atom_eV}; not that of the cell"
    if relaxed.energy_eV > relaxed.ideal_energy_eV + 1e-4:
        yield "relaxed.energy_eV", "is above that of the ideal model; expected a lower one"
    yield from _contact_problems(relaxed)
    yield from _word_problems(motif, relaxed)


def _contact_problems(relaxed: Relaxed) -> Iterator[tuple[str, str]]:
    found = min_contacts_A(relaxed.structure)
    if found.keys() != relaxed.contacts_A.keys():
        yield "relaxed.contacts_A", f"has {sorted(relaxed.contacts_A)}; expected {sorted(found)}"
    for pair in found.keys() & relaxed.contacts_A.keys():
        if abs(found[pair] - relaxed.contacts_A[pair]) > _CONTACT_TOLERANCE_A:
            yield (
                f"relaxed.contacts_A.{pair}",
                f"is {relaxed.contacts_A[pair]} Å; the atoms have {found[pair]:.3f} Å",
            )
    for pair, limit in CONTACT_LIMITS_A.items():
        if found.get(pair, limit) < limit:
            yield "relaxed", f"{pair} contact of {found[pair]:.3f} Å; expected at least {limit} Å"


def _word_problems(motif: "Motif", relaxed: Relaxed) -> Iterator[tuple[str, str]]:
    if motif.word is None:
        return
    try:
        read = read_word(relaxed.structure).without_guests().canonical()
    except StructureError as error:
        yield "relaxed", f"has no word: {error}"
        return
    expected = motif.word.without_guests().canonical()
    if read != expected:
        yield "relaxed", f"its atoms read as {read}; expected {expected}"
