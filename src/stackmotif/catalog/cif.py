"""CIF files of catalog entries, written so that reading them back changes nothing."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog.files import read_text
from stackmotif.errors import CatalogError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DIGITS: Final = 10
_THIRDS: Final = 1e-4
"""What pymatgen's reader rounds by default, as a fraction of the cell."""

_PARSER_ERRORS: Final = (
    ValueError, LookupError, TypeError, ArithmeticError, AttributeError, AssertionError,
    RecursionError,
)  # fmt: skip
"""What pymatgen's reader raises on text that is no crystal."""

_IDENTITY: Final = ["x, y, z"]
_CROWDED_A: Final = 0.3
_FULL_TOLERANCE: Final = 1e-6

POSITION_TOLERANCE_A: Final = 1e-4
CELL_TOLERANCE: Final = 1e-6


def cif_text(structure: "Structure") -> str:
    """Return a crystal as CIF, every atom listed (P 1), coordinates with ten decimals."""
    from pymatgen.core import Structure
    from pymatgen.io.cif import CifWriter

    species = [site.species for site in structure]
    unlabelled = Structure(structure.lattice, species, structure.frac_coords)
    return str(CifWriter(unlabelled, significant_figures=_DIGITS))


def read_cif(path: Path) -> "Structure":
    """Return the crystal of a CIF file.

    pymatgen moves coordinates within 1e-4 of 1/3 and 2/3 onto them, which in a tall cell is a real
    displacement; that is turned off.

    Raises
    ------
    CatalogError
        If the file is missing, too large, or holds no crystal.
    """
    text = read_text(path)
    try:
        structure = parse_cif(text)
    except _PARSER_ERRORS as error:
        raise CatalogError(f"{path} holds no crystal that can be read: {error}") from error
    if not (np.isfinite(structure.cart_coords).all() and np.isfinite(structure.volume)):
        raise CatalogError(f"{path} has a coordinate or a cell that is no finite number")
    return structure


def parse_cif(text: str) -> "Structure":
    """Return the crystal of a CIF text, coordinates near 1/3 and 2/3 as they stand there.

    A text that lists every atom is read row by row, any other one by pymatgen's parser, which looks
    for symmetry and takes several times as long.
    """
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            listed = _listed(text)
        except _PARSER_ERRORS:
            listed = None
        if listed is not None:
            return listed
        parser = CifParser.from_str(text, frac_tolerance=0.0)
        return parser.parse_structures(primitive=False)[0]


def _listed(text: str) -> "Structure | None":
    """Return the crystal of a CIF in P 1, or None if it may hold more than its rows say."""
    from pymatgen.core import Element, Lattice, Structure
    from pymatgen.io.cif import CifFile

    blocks = list(CifFile.from_str(text).data.values())
    if len(blocks) != 1 or blocks[0].data.get("_symmetry_equiv_pos_as_xyz") != _IDENTITY:
        return None
    data = blocks[0].data
    symbols = data["_atom_site_type_symbol"]
    if not all(Element.is_valid_symbol(symbol) for symbol in symbols):
        return None
    places = zip(*(data[f"_atom_site_fract_{axis}"] for axis in "xyz"), strict=True)
    species: dict[tuple[str, ...], dict[str, float]] = {}
    for place, symbol, share in zip(places, symbols, data["_atom_site_occupancy"], strict=True):
        site = species.setdefault(place, {})
        if symbol in site:
            return None
        site[symbol] = float(share)
    lengths = [float(data[f"_cell_length_{axis}"]) for axis in "abc"]
    angles = [float(data[f"_cell_angle_{angle}"]) for angle in ("alpha", "beta", "gamma")]
    fractions = [[float(number) for number in place] for place in species]
    lattice = Lattice.from_parameters(*lengths, *angles)
    crystal = Structure(lattice, list(species.values()), fractions, to_unit_cell=True)
    return None if _crowded(crystal) else crystal.get_sorted_structure()


def _crowded(structure: "Structure") -> bool:
    """Whether two sites are so close that they may be one, or a site holds more than one atom."""
    from scipy.spatial import cKDTree

    edges = np.asarray(structure.lattice.abc)
    # Twice: the remainder of a tiny negative number is the edge itself.
    places = np.asarray(structure.frac_coords) % 1.0 % 1.0 * edges
    pairs = cKDTree(places, boxsize=edges * (1 + 1e-12)).query_pairs(_CROWDED_A)
    full = max(site.species.num_atoms for site in structure)
    return bool(pairs) or full > 1 + _FULL_TOLERANCE


def moved_by_rounding_A(structure: "Structure") -> float:
    """Return how far a reader that rounds coordinates to 1/3 and 2/3 moves an atom, at most [Å]."""
    fractions = np.asarray(structure.frac_coords) % 1.0
    thirds = np.where(fractions < 0.5, 1 / 3, 2 / 3)
    moves = np.where(np.abs(fractions - thirds) < _THIRDS, thirds - fractions, 0.0)
    return float(np.linalg.norm(moves @ structure.lattice.matrix, axis=1).max())


def difference(a: "Structure", b: "Structure") -> str:
    """Return how two crystals differ, whatever the order of their atoms; empty if they agree."""
    if len(a) != len(b):
        return f"{len(a)} atoms against {len(b)}"
    cells = np.abs(np.asarray(a.lattice.parameters) - np.asarray(b.lattice.parameters))
    if cells.max() > CELL_TOLERANCE:
        return f"cell {a.lattice.parameters} against {b.lattice.parameters}"
    partner = _partners(a, b)
    if len(set(partner.tolist())) != len(a):
        return "atoms without a partner"
    steps = np.asarray(a.frac_coords) - np.asarray(b.frac_coords)[partner]
    apart = np.linalg.norm((steps - np.round(steps)) @ a.lattice.matrix, axis=1)
    worst = int(np.argmax(apart))
    if apart[worst] > POSITION_TOLERANCE_A:
        return f"atom {worst} ({a[worst].species_string}) is {apart[worst]:.4f} Å away"
    for k, other in enumerate(partner):
        if not a[k].species.almost_equals(b[int(other)].species):
            return f"atom {k}: {a[k].species_string} against {b[int(other)].species_string}"
    return ""


def _partners(a: "Structure", b: "Structure") -> NDArray[np.intp]:
    """Return for every atom of one crystal the nearest one of another in the same cell."""
    from scipy.spatial import cKDTree

    edges = np.asarray(a.lattice.abc)
    # Twice: the remainder of a tiny negative number is the edge itself.
    tree = cKDTree(np.asarray(b.frac_coords) % 1.0 % 1.0 * edges, boxsize=edges * (1 + 1e-12))
    return np.asarray(tree.query(np.asarray(a.frac_coords) % 1.0 % 1.0 * edges)[1])
