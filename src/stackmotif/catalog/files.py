"""Reading catalog files that somebody else may have written: size, links and names are checked."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from stackmotif.catalog.schema import SCHEMA, Entry
from stackmotif.errors import CatalogError
from stackmotif.structures.plainfiles import (
    check_values,
    check_version,
    parse_table,
    plain_text,
)

MOTIF_FILE: Final = "motif.toml"
STRUCTURE_FILE: Final = "structure.cif"
PICTURE_FILE: Final = "picture.svg"
REFERENCES_FILE: Final = "references.bib"
README_FILE: Final = "README.md"
HOSTS_FILE: Final = "hosts.toml"
RELAXED_STRUCTURE_FILE: Final = "relaxed.cif"
RELAXED_FACTS_FILE: Final = "relaxed.toml"

MAX_BYTES: Final = {
    MOTIF_FILE: 1 << 20,
    STRUCTURE_FILE: 32 << 20,
    PICTURE_FILE: 1 << 20,
    REFERENCES_FILE: 8 << 20,
    README_FILE: 8 << 20,
    HOSTS_FILE: 1 << 20,
    RELAXED_STRUCTURE_FILE: 32 << 20,
    RELAXED_FACTS_FILE: 1 << 20,
}

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
BIB_START: Final = re.compile(
    r"^[ \t]*@(?!comment\b)\w+[ \t]*\{[ \t]*([^,\s{}]+)[ \t]*,", re.MULTILINE | re.IGNORECASE
)
"""Start of a BibTeX entry, with its key."""


def own_or(path: Path | str | None, default: Path) -> Path:
    """Return the folder that a path names, ``default`` for None.

    Raises
    ------
    CatalogError
        If it is no path.
    """
    if path is None:
        return default
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        raise CatalogError(f"catalog is {path!r}; expected the path of a folder")
    return Path(path)


def entry_folders(folder: Path) -> dict[str, Path]:
    """Return the entries' folders by id: ``folder/motifs/<family>/<id>``.

    Raises
    ------
    CatalogError
        If there is no ``motifs``, or a link, a stray name or an id twice in it.
    """
    motifs = folder / "motifs"
    if motifs.is_symlink():
        raise CatalogError(f"{motifs} is a link; expected a plain folder")
    if not motifs.is_dir():
        raise CatalogError(f"{folder} is no catalog: it has no folder 'motifs'; expected one")
    found: dict[str, Path] = {}
    for family in _folders(motifs):
        for entry in _folders(family):
            if entry.name in found:
                raise CatalogError(
                    f"id {entry.name!r} stands twice: {found[entry.name]} and {entry}"
                )
            found[entry.name] = entry
    return dict(sorted(found.items()))


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as items:
            listed = sorted((i for i in items if not i.name.startswith(".")), key=lambda i: i.name)
    except OSError as error:
        raise CatalogError(f"{parent} cannot be read: {error}") from error
    for item in listed:
        if item.is_symlink():
            raise CatalogError(f"{item.path} is a link; expected a plain folder")
        if not item.is_dir(follow_symlinks=False):
            raise CatalogError(
                f"{item.path} is no folder; expected one folder per family and entry"
            )
        if not _NAME.fullmatch(item.name):
            raise CatalogError(
                f"{item.path}: the name {item.name!r} is not allowed; "
                "expected lower-case letters, digits and hyphens"
            )
    return [Path(item.path) for item in listed]


def read_entry(folder: Path) -> Entry:
    """Return the checked content of an entry's ``motif.toml``.

    Raises
    ------
    CatalogError
        With the file, the key and the reason.
    """
    path = folder / MOTIF_FILE
    try:
        entry = msgspec.convert(read_table(path), Entry)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: {error}") from error
    for key, value, expected in (
        ("id", entry.id, folder.name),
        ("family", entry.family, folder.parent.name),
    ):
        if value != expected:
            raise CatalogError(
                f"{path}: {key} is {value!r}; expected its folder's name {expected!r}"
            )
    return entry


def read_table(path: Path) -> dict[str, Any]:
    """Return the table of one TOML file of this schema version, every number of it finite.

    Raises
    ------
    CatalogError
        With the file, the key and the reason.
    """
    table = parse_table(read_text(path), path)
    check_version(table, path, version=SCHEMA)
    check_values(table, path)
    return table


def read_text(path: Path) -> str:
    """Return the text of one catalog file, a plain UTF-8 file of limited size.

    Raises
    ------
    CatalogError
        If it is missing, a link, no regular file, too large or not UTF-8.
    """
    return plain_text(path, most_bytes=MAX_BYTES[path.name])


def write_file(target: Path, text: str) -> None:
    """Write a file under another name beside its place and move it there; a link is replaced.

    Raises
    ------
    CatalogError
        If it cannot be written.
    """
    part = ""
    try:
        handle, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(part).chmod(0o644)
        Path(part).replace(target)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        raise CatalogError(f"{target} cannot be written: {error}") from error


def references_text(folder: Path) -> str:
    """Return a folder's ``references.bib``; nothing if it has no such file.

    Raises
    ------
    CatalogError
        If it is there and cannot be read.
    """
    path = folder / REFERENCES_FILE
    return read_text(path) if os.path.lexists(path) else ""


def reference_keys(folder: Path) -> set[str]:
    """Return the keys of a folder's ``references.bib``; none if it has no such file."""
    return set(BIB_START.findall(references_text(folder)))
