"""Reading files that somebody else may have written: no links, no pipes, no odd numbers."""

import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from stackmotif.errors import CatalogError

_LARGEST: Final = 10**12
"""No length, count or share of a catalog file is anywhere near this."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey; line feeds and tabs are no harm."""


def plain_text(path: Path, *, most_bytes: int) -> str:
    """Return the text of a plain UTF-8 file of limited size.

    Raises
    ------
    CatalogError
        If it is missing, a link, no regular file, too large or not UTF-8.
    """
    if path.is_symlink():
        raise CatalogError(f"{path} is a link; expected a plain file")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CatalogError(f"{path} is no regular file; expected a plain file")
        if status.st_size > most_bytes:
            raise CatalogError(f"{path} has {status.st_size} bytes; expected at most {most_bytes}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from error
    if text.startswith("\ufeff"):
        raise CatalogError(f"{path} starts with a byte order mark; expected UTF-8 without one")
    return text


def parse_table(text: str, path: Path) -> dict[str, Any]:
    """Return the table of a TOML text; ``path`` is what messages name.

    Raises
    ------
    CatalogError
        With the file and the reason.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: holds a number or a nesting beyond reason: {error}") from error


def check_version(table: dict[str, Any], path: Path, *, version: int) -> None:
    """Refuse a file of another version before its other keys can be misread.

    Raises
    ------
    CatalogError
        Unless its key ``schema`` is ``version``.
    """
    stated = table.get("schema")
    if type(stated) is not int or stated != version:
        found = "is missing" if stated is None else f"is {str(stated)[:20]!r}"
        raise CatalogError(
            f"{path}: schema {found}; expected {version}: this release of stackmotif reads catalog "
            f"files of version {version}: begin the file with: schema = {version}"
        )


def check_values(table: dict[str, Any], path: Path) -> None:
    """Refuse numbers that are not finite or absurdly large, and control characters.

    Raises
    ------
    CatalogError
        With the file, the key and the value.
    """
    for key, value in _values(table):
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise CatalogError(
                f"{path}: {key} is {str(value)[:20]}; expected a finite number within ±{_LARGEST}"
            )
        if isinstance(value, str) and (found := _CONTROL.search(value)):
            raise CatalogError(
                f"{path}: {key} holds the control character {found.group()!r}; expected plain text"
            )


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
