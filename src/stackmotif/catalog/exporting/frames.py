"""The catalog as a table that pymatgen matches other crystals against."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from stackmotif.catalog.motif import Motif
from stackmotif.errors import CatalogError, MissingPackageError

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

_AUTHOR: Final = {"name": "The stackmotif developers", "email": ""}
_VACUUM_A: Final = 6.0
_COLUMNS: Final = ("id", "family", "name", "word", "degeneracy_class", "guests", "snl", "tags")


def prototype_frame(motifs: Mapping[str, Motif], *, max_atoms: int = 60) -> "pd.DataFrame":
    """Return the periodic crystals of a catalog as prototypes for pymatgen.

    ``PrototypeDatabaseMatcher(prototype_frame(catalog)).get_prototypes(structure)`` names the
    entries that a crystal matches, whatever its elements, cell and orientation. A crystal with
    guests has a second row for its MO2 frame alone. Left out are models with vacuum, partly filled
    sites or more than ``max_atoms`` atoms, and settings of another entry's crystal. Two prototypes
    that differ in long sequences only can both match: the word of `stackmotif.read_word` decides.

    Parameters
    ----------
    motifs : mapping of str to Motif
        A catalog, or a part of one.
    max_atoms : int
        Largest cell.

    Returns
    -------
    pandas.DataFrame
        Columns ``id, family, name, word, degeneracy_class, guests, snl, tags``; ``snl`` is a
        pymatgen StructureNL, ``guests`` tells whether its guests are there, and ``tags`` is a
        dict of the other columns.

    Raises
    ------
    MissingPackageError
        Without pandas.
    CatalogError
        If an entry cannot be read, or none is left.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingPackageError("pandas", extra="frame", purpose="a prototype table") from error
    rows = [row for motif in motifs.values() for row in _rows(motif, max_atoms)]
    if not rows:
        raise CatalogError(
            f"no entry is a periodic, ordered crystal of at most {max_atoms} atoms; expected one"
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _rows(motif: Motif, max_atoms: int) -> Iterator[dict[str, Any]]:
    finite = motif.word is not None and not motif.word.periodic
    if finite or motif.same_crystal_as is not None:
        return
    structure = motif.structure()
    if len(structure) > max_atoms or not structure.is_ordered or _has_vacuum(structure):
        return
    guest_free = _without_guests(structure)
    has_guests = len(guest_free) < len(structure)
    yield _row(motif, structure, guests=has_guests)
    if has_guests:
        yield _row(motif, guest_free, guests=False)


def _row(motif: Motif, structure: "Structure", *, guests: bool) -> dict[str, Any]:
    from pymatgen.util.provenance import StructureNL

    tags = {
        "id": motif.id,
        "family": motif.family,
        "name": motif.name,
        "word": str(motif.word or ""),
        "degeneracy_class": motif.degeneracy_class,
        "guests": guests,
    }
    return tags | {"snl": StructureNL(structure, [_AUTHOR]), "tags": tags}


def _without_guests(structure: "Structure") -> "Structure":
    from stackmotif.structures import site_roles

    guests = (site_roles(structure) == "A").nonzero()[0]
    frame = structure.copy()
    frame.remove_sites([int(k) for k in guests])
    return frame


def _has_vacuum(structure: "Structure") -> bool:
    """Whether a slice wider than 6 Å along a cell vector holds no atom."""
    import numpy as np

    for axis in range(3):
        places = np.sort(np.mod(structure.frac_coords[:, axis], 1.0))
        widest = np.diff(places, append=places[0] + 1.0).max()
        if widest * structure.lattice.abc[axis] > _VACUUM_A:
            return True
    return False
