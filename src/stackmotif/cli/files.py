"""Single output files, and the model that a command is given by id, word or file."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackmotif.errors import ResultError, StructureError, WordError

if TYPE_CHECKING:
    from stackmotif.stacking import Word


def check_file(path: Path, *, overwrite: bool) -> None:
    """Raise unless a file can be written at ``path``.

    Raises
    ------
    ResultError
        If its folder is missing or cannot be written, or something is there already.
    """
    from stackmotif.report import check_writable

    if path.is_dir():
        raise ResultError(f"output {str(path)!r} is a folder; expected a file name")
    if path.exists() and not overwrite:
        raise ResultError(
            f"output {str(path)!r} exists; expected a new file: choose another name or pass "
            "--overwrite"
        )
    if not path.absolute().parent.is_dir():
        raise ResultError(
            f"folder {str(path.absolute().parent)!r} does not exist; expected a folder to write to"
        )
    check_writable(path)


def motif_or_word(text: str, *, catalog_path: Path | None = None) -> "Any | Word":
    """Return the catalog entry of an id, or the word of a text or name.

    Raises
    ------
    WordError
        If it is neither.
    """
    from stackmotif.catalog import load_catalog
    from stackmotif.stacking import Word, from_name

    catalog = load_catalog(catalog_path)
    if text in catalog:
        return catalog[text]
    if (text.islower() and text[0] not in "|(") or not set(text) & set("|+-0?.{("):
        try:
            return from_name(text)
        except WordError as error:
            near = get_close_matches(text.lower(), catalog, n=3)
            hint = f" (near it: {', '.join(near)})" if near else ""
            raise WordError(
                f"{text!r} is no catalog id, word or name; expected an id of `stackmotif catalog "
                f"list`{hint} or a word such as "
                "'|R+[Li]|'"
            ) from error
    try:
        return Word.parse(text)
    except WordError:
        try:
            return from_name(text)
        except WordError:
            pass
        raise


FORMATS = {
    ".cif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".json": "json",
}
"""Structure format of a file suffix."""


def format_of(path: Path) -> str:
    """Return the structure format that the name of a file asks for.

    Raises
    ------
    StructureError
        If its suffix is not known.
    """
    named = path.name.upper() in ("POSCAR", "CONTCAR")
    fmt = "poscar" if named else FORMATS.get(path.suffix.lower())
    if fmt is None:
        raise StructureError(
            f"output {path.name!r} has no known suffix; expected one of {', '.join(FORMATS)}"
        )
    return fmt
