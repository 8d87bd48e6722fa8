"""Reading catalog files that somebody else may have written: size, links and names are checked."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from stackmotif.catalog.schema import SCHEMA, Entry
from stackmotif.errors import CatalogError

MOTIF_FILE: Final = "motif.toml"
STRUCTURE_FILE: Final = "structure.cif"
REFERENCES_FILE: Final = "references.bib"

MAX_BYTES: Final = {MOTIF_FILE: 1 << 20, STRUCTURE_FILE: 32 << 20, REFERENCES_FILE: 8 << 20}

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BIB_KEY: Final = re.compile(r"^\s*@\w+\s*\{\s*([^,\s{}]+)\s*,", re.MULTILINE)


def own_or(path: Path | str | None, default: Path) -> Path:
    """Return the folder that a path names, ``default`` for None.

    Raises
    ------
    CatalogError
        If it is no path.
    """
    if path is None:
        return default
    if not isinstance(path, str | os.PathLike):
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
    with os.scandir(parent) as items:
        listed = sorted((i for i in items if not i.name.startswith(".")), key=lambda i: i.name)
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
        table = tomllib.loads(read_text(path))
        _check_version(table, path)
        entry = msgspec.convert(table, Entry)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
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


def _check_version(table: dict[str, Any], path: Path) -> None:
    """Refuse a file of another version before its other keys can be misread."""
    version = table.get("schema")
    if type(version) is not int or version != SCHEMA:
        found = "is missing" if version is None else f"is {version!r}"
        raise CatalogError(
            f"{path}: schema {found}; expected {SCHEMA}: this release of stackmotif reads catalog "
            f"files of version {SCHEMA}"
        )


def read_text(path: Path) -> str:
    """Return the text of one catalog file, a plain UTF-8 file of limited size.

    Raises
    ------
    CatalogError
        If it is missing, a link, too large or not UTF-8.
    """
    limit = MAX_BYTES[path.name]
    if path.is_symlink():
        raise CatalogError(f"{path} is a link; expected a plain file")
    try:
        size = path.stat().st_size
        if size > limit:
            raise CatalogError(f"{path} has {size} bytes; expected at most {limit}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from error


def reference_keys(folder: Path) -> set[str]:
    """Return the keys of a folder's ``references.bib``; none if it has no such file."""
    path = folder / REFERENCES_FILE
    return set(_BIB_KEY.findall(read_text(path))) if path.exists() else set()
