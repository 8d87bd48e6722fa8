"""Everything a catalog claims, checked: schema, references, words, structures, uniqueness."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.catalog.cif import (
    POSITION_TOLERANCE_A,
    cif_text,
    difference,
    moved_by_rounding_A,
    parse_cif,
)
from stackmotif.catalog.drawing.picture import picture_text
from stackmotif.catalog.files import (
    MOTIF_FILE,
    PICTURE_FILE,
    STRUCTURE_FILE,
    entry_folders,
    own_or,
    read_text,
    reference_keys,
)
from stackmotif.catalog.motif import Motif
from stackmotif.errors import CatalogError, StackmotifError
from stackmotif.stacking import Word
from stackmotif.structures import (
    CONTACT_LIMITS_A,
    coordination,
    data_folder,
    min_contacts_A,
    read_lattices,
    read_word,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

_CONTACT_TOLERANCE_A: Final = 2e-3
_SYMMETRY_TOLERANCE_A: Final = 1e-3
_NO_SOURCE: Final = "estimate"

_MOST_ATOMS: Final = 1500
"""Larger models have no space group in their checks: they have no symmetry to speak of."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a catalog: the file, the key, and why."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}"


def validate(path: Path | str | None = None) -> list[Problem]:
    """Check a catalog folder and return what is wrong with it, nothing if all is well.

    Every file is read with its schema; references, lattices and words must exist and agree; every
    structure is built again from its recipe and compared with the stored one, its space group,
    gap kinds, slabs and contacts with the entry's checks, and its word read back from the atoms.

    Parameters
    ----------
    path : Path or str, optional
        A catalog folder; the library's own by default.
    """
    folder = own_or(path, data_folder())
    try:
        entries = entry_folders(folder)
        problems = list(_lattice_problems(folder))
        keys = reference_keys(folder) | reference_keys(data_folder())
    except CatalogError as error:
        return [Problem(str(folder), "folder", str(error))]
    motifs: dict[str, Motif] = {}
    for motif_id, entry in entries.items():
        try:
            motifs[motif_id] = Motif.read(entry)
        except CatalogError as error:
            problems.append(Problem(_relative(entry / MOTIF_FILE, folder), "file", str(error)))
    for motif in motifs.values():
        problems += _motif_problems(motif, folder, keys)
    problems += _uniqueness_problems(_with_library(motifs, folder), folder)
    return problems


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _with_library(motifs: dict[str, Motif], folder: Path) -> list[Motif]:
    if folder.resolve() == data_folder().resolve():
        return list(motifs.values())
    library = entry_folders(data_folder())
    return [Motif.read(entry) for entry in library.values()] + list(motifs.values())


def _lattice_problems(folder: Path) -> Iterator[Problem]:
    path = folder / "lattices.toml"
    if not path.is_file():
        return
    try:
        table = read_lattices(path)
        keys = reference_keys(folder) | reference_keys(data_folder())
    except CatalogError as error:
        yield Problem("lattices.toml", "file", str(error))
        return
    for place, source in table.references().items():
        if source not in keys | {_NO_SOURCE}:
            yield Problem("lattices.toml", place, _unknown_reference(source))


def _unknown_reference(key: str) -> str:
    return f"{key!r} is not in references.bib; expected a key of it"


def _motif_problems(motif: Motif, folder: Path, keys: set[str]) -> Iterator[Problem]:
    toml = _relative(motif.folder / MOTIF_FILE, folder)
    cif = _relative(motif.folder / STRUCTURE_FILE, folder)
    files = {"structure": cif, "picture": _relative(motif.folder / PICTURE_FILE, folder)}
    for key in motif.references:
        if key not in keys:
            yield Problem(toml, "references", _unknown_reference(key))
    steps: list[tuple[str, str, Callable[[Motif], Iterator[tuple[str, str]]]]] = [
        (toml, "recipe.word", _word_problems),
        (cif, "structure", _structure_problems),
    ]
    for file, key, step in steps:
        try:
            for place, reason in step(motif):
                yield Problem(files.get(place, toml), place, reason)
        except StackmotifError as error:
            yield Problem(file, key, str(error))


def _word_problems(motif: Motif) -> Iterator[tuple[str, str]]:
    expected = motif.recipe.degeneracy_class()
    if expected not in (None, motif.degeneracy_class):
        yield "degeneracy_class", f"is {motif.degeneracy_class!r}; the recipe gives {expected!r}"
    word = motif.word
    if word is None:
        return
    if motif.checks.gap_kinds != word.gap_kinds:
        yield (
            "checks.gap_kinds",
            f"is {motif.checks.gap_kinds!r}; the word gives {word.gap_kinds!r}",
        )
    for alias in motif.aliases:
        if Word.parse(alias).name != word.name or word.name is None:
            yield "aliases", f"{alias!r} is not another word for {word.name!r}"


def _structure_problems(motif: Motif) -> Iterator[tuple[str, str]]:
    stored = motif.structure()
    if motif.recipe.buildable and (reason := difference(stored, motif.build())):
        yield "structure", f"differs from its recipe: {reason}; rebuild it"
    if _changes_on_the_way(stored, read_text(motif.folder / STRUCTURE_FILE)):
        yield "structure", "changes when it is written and read again"
    if (moved := moved_by_rounding_A(stored)) > POSITION_TOLERANCE_A:
        yield (
            "structure",
            f"a reader that rounds coordinates to 1/3 moves an atom by {moved:.4f} Å; "
            "move its origin",
        )
    if _stored_picture(motif) != picture_text(motif, structure=stored):
        yield "picture", "is missing or does not show the stored atoms; rebuild it"
    yield from _check_problems(motif, stored)
    if motif.word is not None:
        expected, read = motif.word, read_word(stored)
        if motif.recipe.frame_only:
            read = read.without_guests()
        if read.canonical() != expected.canonical():
            yield "structure", f"its atoms read as {read}; expected {expected.canonical()}"


def _stored_picture(motif: Motif) -> str | None:
    path = motif.folder / PICTURE_FILE
    return read_text(path) if path.exists() else None


def _changes_on_the_way(structure: "Structure", stored_text: str) -> bool:
    """Return whether a crystal is another one after it was written and read again."""
    text = cif_text(structure)
    if text == stored_text:
        return False
    again = parse_cif(text)
    return bool(difference(structure, again)) or cif_text(again) != text


def _check_problems(motif: Motif, structure: "Structure") -> Iterator[tuple[str, str]]:
    found, claimed = checks_of(motif, structure), motif.checks
    for key in ("space_group", "n_slabs", "coordination"):
        if getattr(claimed, key) != found[key]:
            yield (
                f"checks.{key}",
                f"is {getattr(claimed, key)!r}; the structure has {found[key]!r}",
            )
    contacts, actual = claimed.min_contacts_A, found["min_contacts_A"]
    if contacts.keys() != actual.keys():
        yield "checks.min_contacts_A", f"has {sorted(contacts)}; expected {sorted(actual)}"
    for pair in contacts.keys() & actual.keys():
        if abs(contacts[pair] - actual[pair]) > _CONTACT_TOLERANCE_A:
            yield (
                f"checks.min_contacts_A.{pair}",
                f"is {contacts[pair]} Å; the atoms have {actual[pair]:.3f} Å",
            )
    for pair, limit in CONTACT_LIMITS_A.items():
        if actual.get(pair, limit) < limit:
            yield "structure", f"{pair} contact of {actual[pair]} Å; expected at least {limit} Å"


def checks_of(motif: Motif, structure: "Structure") -> dict[str, Any]:
    """Return what an entry's checks should say of a structure.

    The space group of a model of more than 1500 atoms is left empty, and so is ``n_slabs`` of one
    without a word.
    """
    return {
        "space_group": _space_group(structure) if len(structure) <= _MOST_ATOMS else "",
        "n_slabs": motif.recipe.n_slabs(),
        "min_contacts_A": {p: round(d, 3) for p, d in min_contacts_A(structure).items()},
        "coordination": {
            role: {str(anions): count for anions, count in histogram.items()}
            for role, histogram in coordination(structure).items()
        },
    }


def _space_group(structure: "Structure") -> str:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return SpacegroupAnalyzer(structure, symprec=_SYMMETRY_TOLERANCE_A).get_space_group_symbol()


def _uniqueness_problems(motifs: list[Motif], folder: Path) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    ids = {motif.id for motif in motifs}
    for motif in motifs:
        toml = _relative(motif.folder / MOTIF_FILE, folder)
        if motif.same_crystal_as is not None:
            if motif.same_crystal_as not in ids:
                yield Problem(toml, "same_crystal_as", f"no entry {motif.same_crystal_as!r}")
            continue
        identity = _identity(motif)
        twin = seen.setdefault(identity, motif.id) if identity is not None else motif.id
        if twin != motif.id:
            yield Problem(toml, "recipe", f"is the motif of {twin!r}; expected one entry for it")


def _identity(motif: Motif) -> str | None:
    try:
        return motif.recipe.identity()
    except StackmotifError:
        return None
