"""Structures and pictures of a catalog folder, made again from the recipes."""

from pathlib import Path

from stackmotif.catalog.cif import cif_text, difference, read_cif
from stackmotif.catalog.collection import Catalog
from stackmotif.catalog.drawing.gallery import rewrite_readme
from stackmotif.catalog.drawing.picture import picture_text
from stackmotif.catalog.files import (
    PICTURE_FILE,
    STRUCTURE_FILE,
    entry_folders,
    own_or,
    read_text,
    write_file,
)
from stackmotif.catalog.motif import Motif
from stackmotif.structures import data_folder


def rebuild(path: Path | str | None = None) -> list[str]:
    """Write every structure and picture that is missing or no longer what its recipe gives.

    The generated parts of the folder's ``README.md``, if it has one, are made anew as well.

    Parameters
    ----------
    path : Path or str, optional
        A catalog folder; the library's own by default.

    Returns
    -------
    list of str
        Ids of the entries of which a file was written.

    Raises
    ------
    CatalogError, StructureError, WordError
        For an entry that cannot be read or built; the files before it are written.
    """
    folder = own_or(path, data_folder())
    entries = entry_folders(folder)
    written = [i for i, entry in entries.items() if _rebuilt(Motif.read(entry))]
    rewrite_readme(folder, Catalog(entries))
    return written


def _rebuilt(motif: Motif) -> bool:
    changed = motif.recipe.buildable and _structure_rebuilt(motif)
    target = motif.folder / PICTURE_FILE
    picture = picture_text(motif, structure=motif.structure())
    if target.is_file() and read_text(target) == picture:
        return changed
    write_file(target, picture)
    return True


def _structure_rebuilt(motif: Motif) -> bool:
    target = motif.folder / STRUCTURE_FILE
    structure = motif.build()
    if target.is_file() and not difference(structure, read_cif(target)):
        return False
    write_file(target, cif_text(structure))
    return True
