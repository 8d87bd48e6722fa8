"""What ``simulate`` accepts, turned into a crystal."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import SimulationError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FILES: Final = (".cif", ".vasp", ".extxyz", ".xyz")


def to_structure(x: Any, *, lattice: Any = None) -> tuple["Structure", str]:
    """Return the crystal of a Motif, Word, word's text, catalog id, Structure or path, and a label.

    Parameters
    ----------
    x : Motif, Word, str, Path or pymatgen Structure
        A text is a file if it ends in ``.cif``, ``.vasp``, ``.extxyz`` or ``.xyz``, a word if it
        parses as one, and a catalog id otherwise.
    lattice : str or Lattice, optional
        For words alone, see :func:`stackmotif.structures.build`.

    Raises
    ------
    SimulationError
        If it is none of these, the file cannot be read, or a lattice was given for a finished
        structure.
    """
    from pymatgen.core import Structure

    from stackmotif.stacking import Word

    if isinstance(x, Path) or (isinstance(x, str) and x.lower().endswith(_FILES)):
        return _from_file(Path(x)), Path(x).name
    if isinstance(x, str) and not _is_word(x):
        x = _from_catalog(x)
    if isinstance(x, str | Word):
        return _from_word(x, lattice), str(x)
    if lattice is not None:
        raise SimulationError(
            f"lattice={lattice!r} was given with a {type(x).__name__}, which has its own; "
            "expected a word: leave lattice out"
        )
    if isinstance(x, Structure):
        return x, x.formula
    if hasattr(x, "structure"):
        return x.structure(), str(x.id)
    raise SimulationError(
        f"cannot simulate a {type(x).__name__}; expected a Motif, a Word, a word's text, "
        "a catalog id, a pymatgen Structure or a path"
    )


def _is_word(text: str) -> bool:
    from stackmotif.errors import WordError
    from stackmotif.stacking import Word

    try:
        Word.parse(text)
    except WordError:
        # A text in bars or with a final dot can only be meant as a word: keep its error.
        return text.strip().startswith("|") or text.strip().endswith(".")
    return True


def _from_word(word: Any, lattice: Any) -> "Structure":
    from stackmotif.structures import build

    return build(word) if lattice is None else build(word, lattice=lattice)


def _from_catalog(motif_id: str) -> Any:
    from stackmotif.catalog import load_catalog

    catalog = load_catalog()
    if motif_id not in catalog:
        raise SimulationError(
            f"{motif_id!r} is neither a stacking word, a catalog id nor a structure file; "
            "expected e.g. '|R+[Li]|', 'o3' or 'crystal.cif' (list the ids with: "
            "stackmotif catalog list)"
        )
    return catalog[motif_id]


def _from_file(path: Path) -> "Structure":
    from pymatgen.core import Structure

    if not path.is_file():
        raise SimulationError(f"structure file {str(path)!r} does not exist")
    if path.suffix.lower() not in _FILES and not path.name.startswith("POSCAR"):
        raise SimulationError(
            f"cannot read a structure from {path.name!r}; expected POSCAR or a name ending in "
            + ", ".join(_FILES)
        )
    try:
        if path.suffix.lower() in (".extxyz", ".xyz"):
            return _from_extxyz(path)
        with warnings.catch_warnings():
            # 0.3333 in a CIF means 1/3: pymatgen says so each time.
            warnings.filterwarnings("ignore", message=".*fractional coordinates rounded")
            return Structure.from_file(path)
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise SimulationError(f"structure file {path.name!r} cannot be read: {error}") from error


def _from_extxyz(path: Path) -> "Structure":
    import ase.io
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms: Any = ase.io.read(path, index=0, format="extxyz")
    if not all(atoms.pbc):
        raise SimulationError(
            f"structure file {path.name!r} is not periodic along all three axes; "
            "expected an extended XYZ file with a Lattice and pbc='T T T'"
        )
    return AseAtomsAdaptor.get_structure(atoms)
