"""Everything a catalog claims, checked: schema, references, words, structures, uniqueness."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackmotif.catalog.cif import cif_text, difference, parse_cif
from stackmotif.catalog.files import (
    MOTIF_FILE,
    STRUCTURE_FILE,
    entry_folders,
    own_or,
    reference_keys,
)
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.schema import RockSaltRecipe, StructureRecipe
from stackmotif.errors import CatalogError, StackmotifError
from stackmotif.stacking import Word
from stackmotif.structures import (
    data_folder,
    min_contacts_A,
    read_lattices,
    read_word,
    repeats_to_close,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

ROCK_SALT_CLASS: Final = "rocksalt"
"""Degeneracy class of rock salt: every plane is bright, so that no stacking word looks like it."""

_CONTACT_TOLERANCE_A: Final = 2e-3
_SYMMETRY_TOLERANCE_A: Final = 1e-3
_NO_SOURCE: Final = "estimate"


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
    sources = {f"layered.{name}": series.source for name, series in table.layered.items()}
    sources |= {f"rocksalt.{name}": salt.source for name, salt in table.rocksalt.items()}
    sources |= {f"observations[{k}]": seen.source for k, seen in enumerate(table.observations)}
    for key, source in sources.items():
        if source not in keys | {_NO_SOURCE}:
            yield Problem("lattices.toml", f"{key}.source", _unknown_reference(source))


def _unknown_reference(key: str) -> str:
    return f"{key!r} is not in references.bib; expected a key of it"


def _motif_problems(motif: Motif, folder: Path, keys: set[str]) -> Iterator[Problem]:
    toml = _relative(motif.folder / MOTIF_FILE, folder)
    cif = _relative(motif.folder / STRUCTURE_FILE, folder)
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
                yield Problem(cif if place == "structure" else toml, place, reason)
        except StackmotifError as error:
            yield Problem(file, key, str(error))


def _word_problems(motif: Motif) -> Iterator[tuple[str, str]]:
    word = motif.word
    expected = word.degeneracy_class if word else ROCK_SALT_CLASS
    if motif.degeneracy_class != expected and not _is_free(motif):
        yield "degeneracy_class", f"is {motif.degeneracy_class!r}; the recipe gives {expected!r}"
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


def _is_free(motif: Motif) -> bool:
    return isinstance(motif.recipe, StructureRecipe) and motif.word is None


def _structure_problems(motif: Motif) -> Iterator[tuple[str, str]]:
    stored = motif.structure()
    if not isinstance(motif.recipe, StructureRecipe) and (
        reason := difference(stored, motif.build())
    ):
        yield "structure", f"differs from its recipe: {reason}; rebuild it"
    text = cif_text(stored)
    if difference(stored, parse_cif(text)) or cif_text(parse_cif(text)) != text:
        yield "structure", "changes when it is written and read again"
    if reason := difference(stored, parse_cif(text, round_thirds=True)):
        yield (
            "structure",
            f"a reader that rounds coordinates to 1/3 changes it: {reason}; move its origin",
        )
    yield from _check_problems(motif, stored)
    if motif.word is not None:
        read = read_word(stored).canonical()
        if read != motif.word.canonical():
            yield "structure", f"its atoms read as {read}; expected {motif.word.canonical()}"


def _check_problems(motif: Motif, structure: "Structure") -> Iterator[tuple[str, str]]:
    found = checks_of(motif, structure)
    if motif.checks.space_group != found["space_group"]:
        yield (
            "checks.space_group",
            f"is {motif.checks.space_group!r}; the atoms have {found['space_group']!r}",
        )
    if motif.checks.n_slabs != found["n_slabs"]:
        yield "checks.n_slabs", f"is {motif.checks.n_slabs}; the structure has {found['n_slabs']}"
    claimed, actual = motif.checks.min_contacts_A, found["min_contacts_A"]
    if claimed.keys() != actual.keys():
        yield "checks.min_contacts_A", f"has {sorted(claimed)}; expected {sorted(actual)}"
    for pair in claimed.keys() & actual.keys():
        if abs(claimed[pair] - actual[pair]) > _CONTACT_TOLERANCE_A:
            yield (
                f"checks.min_contacts_A.{pair}",
                f"is {claimed[pair]} Å; the atoms have {actual[pair]:.3f} Å",
            )


def checks_of(motif: Motif, structure: "Structure") -> dict:
    """Return what an entry's checks should say of a structure: space group, slabs, contacts."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    symmetry = SpacegroupAnalyzer(structure, symprec=_SYMMETRY_TOLERANCE_A)
    contacts = {pair: round(value, 3) for pair, value in min_contacts_A(structure).items()}
    if isinstance(motif.recipe, RockSaltRecipe):
        n_slabs = 3
    elif motif.word is not None:
        n_slabs = len(motif.word) * repeats_to_close(motif.word)
    else:
        n_slabs = motif.checks.n_slabs
    return {
        "space_group": symmetry.get_space_group_symbol(),
        "n_slabs": n_slabs,
        "min_contacts_A": contacts,
    }


def _uniqueness_problems(motifs: list[Motif], folder: Path) -> Iterator[Problem]:
    seen: dict[tuple[str, Word], str] = {}
    ids = {motif.id for motif in motifs}
    for motif in motifs:
        toml = _relative(motif.folder / MOTIF_FILE, folder)
        if motif.same_crystal_as is not None and motif.same_crystal_as not in ids:
            yield Problem(toml, "same_crystal_as", f"no entry {motif.same_crystal_as!r}")
        word = _parsed(motif)
        if word is None or motif.same_crystal_as is not None:
            continue
        twin = seen.setdefault((motif.lattice, word.canonical()), motif.id)
        if twin != motif.id:
            yield Problem(
                toml, "recipe.word", f"is the same crystal as {twin!r}; expected one entry for it"
            )


def _parsed(motif: Motif) -> Word | None:
    try:
        return motif.word
    except StackmotifError:
        return None
