"""BibTeX of catalog entries and of what they rest on."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackmotif import __version__
from stackmotif.catalog.files import BIB_START, MOTIF_FILE, REFERENCES_FILE, references_text
from stackmotif.errors import CatalogError
from stackmotif.structures import data_folder

if TYPE_CHECKING:
    from stackmotif.catalog.motif import Motif

_ACCENTS: Final = str.maketrans({"′": "$'$", "_": r"\_", "#": r"\#", "%": r"\%", "&": r"\&"})


def bibtex(motif: "Motif") -> str:
    """Return BibTeX of an entry: itself first, then every reference that it names.

    Parameters
    ----------
    motif : Motif
        An entry of a catalog; its folder's ``references.bib`` comes before the library's.

    Raises
    ------
    CatalogError
        If a reference is in neither file.
    """
    return bibtex_of([motif])


def bibtex_of(motifs: Iterable["Motif"]) -> str:
    """Return BibTeX of several entries, every reference once."""
    entries: dict[str, str] = {}
    references: dict[str, str] = {}
    known: dict[Path, Mapping[str, str]] = {}
    for motif in motifs:
        root = motif.folder.parents[2]
        if root not in known:
            known[root] = _references(data_folder()) | _references(root)
        entries[motif.id] = _own_entry(motif)
        references |= {key: _reference(key, known[root], motif) for key in motif.references}
    return "\n\n".join([*entries.values(), *references.values()]) + "\n"


def split_bibtex(text: str) -> dict[str, str]:
    r"""Return the entries of a BibTeX text by key, each from its ``@`` to its closing brace.

    Raises
    ------
    CatalogError
        If an entry is not closed.

    Examples
    --------
    >>> split_bibtex("@misc{a, title = {{X} y}}\n@misc{b, note = 1}")["a"]
    '@misc{a, title = {{X} y}}'
    """
    found = {}
    for match in BIB_START.finditer(text):
        end = _closing_brace(text, match.start() + match.group().index("{"))
        if end < 0:
            raise CatalogError(f"reference {match.group(1)!r} has no closing brace; expected one")
        found[match.group(1)] = text[match.start() : end + 1].strip()
    return found


def _closing_brace(text: str, opening: int) -> int:
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", text[opening:]):
        if brace.group() in "{}":
            depth += 1 if brace.group() == "{" else -1
            if depth == 0:
                return opening + brace.start()
    return -1


def _references(folder: Path) -> dict[str, str]:
    return split_bibtex(references_text(folder))


def _reference(key: str, known: Mapping[str, str], motif: "Motif") -> str:
    if key not in known:
        raise CatalogError(
            f"entry {motif.id!r} names the reference {key!r}, which is not in {REFERENCES_FILE}; "
            "expected a key of it"
        )
    return known[key]


def _own_entry(motif: "Motif") -> str:
    """Return the entry itself; the digest of its file says which state of it is meant."""
    digest = hashlib.sha256((motif.folder / MOTIF_FILE).read_bytes()).hexdigest()[:12]
    name = motif.name.translate(_ACCENTS)
    return (
        f"@misc{{stackmotif-{motif.id},\n"
        f"  title  = {{{{{name}}}: entry {motif.id} of the stackmotif motif catalog}},\n"
        "  author = {{The stackmotif developers}},\n"
        f"  note   = {{stackmotif {__version__}, {motif.status}, motif.toml SHA-256 {digest}}},\n"
        "}"
    )
