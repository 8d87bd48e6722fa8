"""Reading catalog files that somebody else may have written: size, links and names are checked."""

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from stackmotif.catalog.schema import SCHEMA, Entry
from stackmotif.errors import CatalogError

MOTIF_FILE: Final = "motif.toml"
STRUCTURE_FILE: Final = "structure.cif"
PICTURE_FILE: Final = "picture.svg"
REFERENCES_FILE: Final = "references.bib"
RELAXED_STRUCTURE_FILE: Final = "relaxed.cif"
RELAXED_FACTS_FILE: Final = "relaxed.toml"

MAX_BYTES: Final = {
    MOTIF_FILE: 1 << 20,
    STRUCTURE_FILE: 32 << 20,
    PICTURE_FILE: 1 << 20,
    REFERENCES_FILE: 8 << 20,
    RELAXED_STRUCTURE_FILE: 32 << 20,
    RELAXED_FACTS_FILE: 1 << 20,
}

_LARGEST: Final = 10**12
"""No length, count or share of a catalog file is anywhere near this."""

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey; line feeds and tabs are no harm."""

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
    try:
        table = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: holds a number or a nesting beyond reason: {error}") from error
    _check_version(table, path)
    for key, value in _values(table):
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise CatalogError(
                f"{path}: {key} is {str(value)[:20]}; expected a finite number within ±{_LARGEST}"
            )
        if isinstance(value, str) and (found := _CONTROL.search(value)):
            raise CatalogError(
                f"{path}: {key} holds the control character {found.group()!r}; expected plain text"
            )
    return table


def _values(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number and text of a table with its key; the keys of a table are texts too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield key or "a key", name
            yield from _values(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, f"{key}[{index}]")
    else:
        yield key, value


def _check_version(table: dict[str, Any], path: Path) -> None:
    """Refuse a file of another version before its other keys can be misread."""
    version = table.get("schema")
    if type(version) is not int or version != SCHEMA:
        found = "is missing" if version is None else f"is {str(version)[:20]!r}"
        raise CatalogError(
            f"{path}: schema {found}; expected {SCHEMA}: this release of stackmotif reads catalog "
            f"files of version {SCHEMA}"
        )


def read_text(path: Path) -> str:
    """Return the text of one catalog file, a plain UTF-8 file of limited size.

    Raises
    ------
    CatalogError
        If it is missing, a link, no regular file, too large or not UTF-8.
    """
    limit = MAX_BYTES[path.name]
    if path.is_symlink():
        raise CatalogError(f"{path} is a link; expected a plain file")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CatalogError(f"{path} is no regular file; expected a plain file")
        if status.st_size > limit:
            raise CatalogError(f"{path} has {status.st_size} bytes; expected at most {limit}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from error
    if text.startswith("\ufeff"):
        raise CatalogError(f"{path} starts with a byte order mark; expected UTF-8 without one")
    return text


def write_file(target: Path, text: str) -> None:
    """Write a file under another name beside its place and move it there."""
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(target)


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
    return set(_BIB_KEY.findall(references_text(folder)))
