"""Structures of a catalog folder, built again from the recipes."""

import os
import tempfile
from pathlib import Path

from stackmotif.catalog.cif import cif_text, difference, read_cif
from stackmotif.catalog.files import STRUCTURE_FILE, entry_folders, own_or
from stackmotif.catalog.motif import Motif
from stackmotif.structures import data_folder


def rebuild(path: Path | str | None = None) -> list[str]:
    """Write every ``structure.cif`` that is missing or no longer what its recipe gives.

    Parameters
    ----------
    path : Path or str, optional
        A catalog folder; the library's own by default.

    Returns
    -------
    list of str
        Ids of the entries whose file was written.

    Raises
    ------
    CatalogError, StructureError, WordError
        For an entry that cannot be read or built; the files before it are written.
    """
    folder = own_or(path, data_folder())
    return [i for i, entry in entry_folders(folder).items() if _rebuilt(Motif.read(entry))]


def _rebuilt(motif: Motif) -> bool:
    if not motif.recipe.buildable:
        return False
    target = motif.folder / STRUCTURE_FILE
    structure = motif.build()
    if target.is_file() and not difference(structure, read_cif(target)):
        return False
    _write(target, cif_text(structure))
    return True


def _write(target: Path, text: str) -> None:
    """Write a file under another name beside its place and move it there."""
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(target)
