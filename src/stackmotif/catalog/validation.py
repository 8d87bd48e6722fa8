"""Everything a catalog claims, checked: schema, references, words, structures, uniqueness."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackmotif.catalog.cif import (
    POSITION_TOLERANCE_A,
    cif_text,
    difference,
    moved_by_rounding_A,
    parse_cif,
)
from stackmotif.catalog.drawing.picture import picture_text
from stackmotif.catalog.exporting.citing import split_bibtex
from stackmotif.catalog.facts import checks_of
from stackmotif.catalog.files import (
    BIB_START,
    HOSTS_FILE,
    MOTIF_FILE,
    PICTURE_FILE,
    REFERENCES_FILE,
    RELAXED_FACTS_FILE,
    STRUCTURE_FILE,
    entry_folders,
    own_or,
    read_text,
    reference_keys,
    references_text,
)
from stackmotif.catalog.hosts import read_hosts
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.relaxation import relaxed_problems
from stackmotif.errors import CatalogError, StackmotifError
from stackmotif.stacking import Word
from stackmotif.structures import (
    CONTACT_LIMITS_A,
    data_folder,
    read_lattices,
    read_word,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

_CONTACT_TOLERANCE_A: Final = 2e-3
_NO_SOURCE: Final = "estimate"
_ONE_ENTRY: Final = "expected one entry for it: lattice and sizes are arguments of its recipe"


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
    gap kinds, slabs and contacts with the entry's checks, and its word read back from the atoms. A
    relaxed model that is stored beside it must be made of it.

    Parameters
    ----------
    path : Path or str, optional
        A catalog folder; the library's own by default.
    """
    folder = own_or(path, data_folder())
    try:
        entries = entry_folders(folder)
        problems = [*_reference_problems(folder), *_lattice_problems(folder)]
        problems += _host_problems(folder)
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


def _reference_problems(folder: Path) -> Iterator[Problem]:
    """Yield the keys that stand twice, capitals or not, and an entry that is not closed."""
    text = references_text(folder)
    counts = Counter(key.lower() for key in BIB_START.findall(text))
    for key, count in counts.items():
        if count > 1:
            yield Problem(REFERENCES_FILE, key, f"stands {count} times; expected one entry for it")
    try:
        split_bibtex(text)
    except CatalogError as error:
        yield Problem(REFERENCES_FILE, "file", str(error))


def _lattice_problems(folder: Path) -> Iterator[Problem]:
    path = folder / "lattices.toml"
    if not os.path.lexists(path):
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


def _host_problems(folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with the hosts: the file, an id that is another's, an unknown source."""
    path = folder / HOSTS_FILE
    if not os.path.lexists(path):
        return
    try:
        hosts = read_hosts(path)
        keys = reference_keys(folder) | reference_keys(data_folder())
        taken = set(entry_folders(folder)) | set(entry_folders(data_folder()))
        library = {host.id: host for host in read_hosts(data_folder() / HOSTS_FILE)}
    except CatalogError as error:
        yield Problem(HOSTS_FILE, "file", str(error))
        return
    for host in hosts:
        if host.source not in keys | {_NO_SOURCE}:
            yield Problem(HOSTS_FILE, f"{host.id}.source", _unknown_reference(host.source))
        if host.id in taken or library.get(host.id, host) != host:
            yield Problem(HOSTS_FILE, host.id, "is the id of another entry; rename it")
        taken.add(host.id)


def _unknown_reference(key: str) -> str:
    return f"{key!r} is not in references.bib; expected a key of it"


def _motif_problems(motif: Motif, folder: Path, keys: set[str]) -> Iterator[Problem]:
    toml = _relative(motif.folder / MOTIF_FILE, folder)
    cif = _relative(motif.folder / STRUCTURE_FILE, folder)
    files = {
        "structure": cif,
        "picture": _relative(motif.folder / PICTURE_FILE, folder),
        "relaxed": _relative(motif.folder / RELAXED_FACTS_FILE, folder),
    }
    for key in motif.references:
        if key not in keys:
            yield Problem(toml, "references", _unknown_reference(key))
    steps: list[tuple[str, str, Callable[[Motif], Iterator[tuple[str, str]]]]] = [
        (toml, "recipe.word", _word_problems),
        (cif, "structure", _structure_problems),
        (files["relaxed"], "relaxed", relaxed_problems),
    ]
    for file, key, step in steps:
        try:
            for place, reason in step(motif):
                yield Problem(files.get(place.partition(".")[0], toml), place, reason)
        except StackmotifError as error:
            yield Problem(file, key, str(error))


def _word_problems(motif: Motif) -> Iterator[tuple[str, str]]:
    expected = motif.recipe.degeneracy_class()
    if expected not in (None, motif.degeneracy_class):
        yield "degeneracy_class", f"is {motif.degeneracy_class!r}; the recipe gives {expected!r}"
    word = motif.word
    if word is None:
        return
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
    for key in ("space_group", "n_slabs", "gap_kinds", "coordination"):
        if getattr(claimed, key) != found[key]:
            yield (
                f"checks.{key}",
                f"is {getattr(claimed, key)!r}; the structure has {found[key]!r}",
            )
    contacts, actual = claimed.min_contacts_A, found["min_contacts_A"]
    if contacts.keys() != actual.keys():
        yield "checks.min_contacts_A", f"has {sorted(contacts)}; expected {sorted(actual)}"
    for pair in sorted(contacts.keys() & actual.keys()):
        if abs(contacts[pair] - actual[pair]) > _CONTACT_TOLERANCE_A:
            yield (
                f"checks.min_contacts_A.{pair}",
                f"is {contacts[pair]} Å; the atoms have {actual[pair]:.3f} Å",
            )
    for pair, limit in CONTACT_LIMITS_A.items():
        if actual.get(pair, limit) < limit:
            yield "structure", f"{pair} contact of {actual[pair]} Å; expected at least {limit} Å"


def _uniqueness_problems(motifs: list[Motif], folder: Path) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    named: dict[str, str | None] = {}
    ids = {motif.id for motif in motifs}
    for motif in motifs:
        toml = _relative(motif.folder / MOTIF_FILE, folder)
        identity = _identity(motif)
        if named.setdefault(motif.id, identity) != identity:
            yield Problem(toml, "id", f"{motif.id!r} is another motif of the library; rename it")
        if motif.same_crystal_as is not None:
            if motif.same_crystal_as not in ids:
                yield Problem(toml, "same_crystal_as", f"no entry {motif.same_crystal_as!r}")
            continue
        twin = seen.setdefault(identity, motif.id) if identity is not None else motif.id
        if twin != motif.id:
            yield Problem(toml, "recipe", f"is the motif of {twin!r}; {_ONE_ENTRY}")


def _identity(motif: Motif) -> str | None:
    try:
        return motif.recipe.identity()
    except StackmotifError:
        return None
