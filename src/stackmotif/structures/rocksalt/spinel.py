"""Spinel in the setting of the layered oxide."""

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking.slab import ELEMENTS
from stackmotif.structures.arguments import as_number
from stackmotif.structures.contacts import ANIONS, check_contacts
from stackmotif.structures.lattices.lattice import Lattice
from stackmotif.structures.rocksalt.bulk import Sense, checked_sense, rocksalt_lattice

if TYPE_CHECKING:
    from pymatgen.core import Structure

SPINEL_U: Final = 0.2625
"""Oxygen parameter of the spinel (origin at -3m). Unverified: a common value, not a refinement."""

_A_SITES: Final = ((1, 1, 1), (7, 3, 3))
_B_SITES: Final = ((4, 4, 4), (2, 6, 0), (6, 0, 2), (0, 2, 6))
"""Sites 8a and 16d of Fd-3m, origin choice 2, in eighths; International Tables vol. A, no. 227."""

_O_SIGNS: Final = (
    ((1, 1, 1), (0, 0, 0)),
    ((-1, -1, 1), (3, 1, 2)),
    ((-1, 1, -1), (1, 2, 3)),
    ((1, -1, -1), (2, 3, 1)),
    ((1, 1, -1), (3, 1, 2)),
    ((-1, -1, -1), (0, 0, 0)),
    ((1, -1, 1), (1, 2, 3)),
    ((-1, 1, 1), (2, 3, 1)),
)
"""Sites 32e: signs of u and offsets in quarters."""

_CENTRING: Final = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))

_LAYERED_AXES: Final = np.array([[0.5, -0.5, 0.0], [0.0, 0.5, -0.5], [1.0, 1.0, 1.0]])
"""Hexagonal axes of the layered setting in the cubic cell: 2a, 2b and three slabs."""


def build_spinel(
    tetrahedral: str | None = "Li",
    octahedral: str = "Ni",
    *,
    lattice: Lattice | str = "NiO",
    cubic_a_A: float | None = None,
    u: float = SPINEL_U,
    sense: Sense = "+",
) -> "Structure":
    """Return spinel in the layered setting: a along <110>, c along [111], three "slabs".

    Every second cation layer keeps three sites in four and the others hold one in four; the
    tetrahedral cations stand on both sides of the sparse layer. With a = 2a and c = 3 rows of the
    layered oxide, seen along [100] the model shows spinel along <110>.

    Parameters
    ----------
    tetrahedral : str or None
        Cation on 8a: lithium for LiM2O4, the metal itself for M3O4, None for empty.
    octahedral : str
        Cation on 16d.
    lattice : Lattice or str
        Rock salt that sets the size: the cubic constant is twice its own.
    cubic_a_A : float, optional
        Cubic constant in place of that [Å].
    u : float
        Oxygen parameter, origin at -3m; 0.25 is cubic close packing.
    sense : {'+', '-'}
        ``+`` continues the oxygens and metals of O3.

    Raises
    ------
    StructureError
        For a constant or parameter out of range, or contacts below the hard limits.

    Examples
    --------
    >>> build_spinel("Li", "Mn", cubic_a_A=8.24).composition.reduced_formula
    'LiMn2O4'
    """
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    salt = rocksalt_lattice(lattice)
    edge = 2 * np.sqrt(2) * salt.a_A if cubic_a_A is None else cubic_a_A
    if not 4 < as_number(edge) < 20:
        raise StructureError(f"cubic constant is {edge!r} Å; expected 4 to 20 Å")
    if not 0.22 <= as_number(u) <= 0.29:
        raise StructureError(f"oxygen parameter is {u!r}; expected 0.22 to 0.29")
    _check_cations(octahedral, *([] if tetrahedral is None else [tetrahedral]))
    checked_sense(sense)
    groups = [(octahedral, np.array(_B_SITES) / 8), (salt.anion, _oxygens(u))]
    if tetrahedral is not None:
        groups.append((tetrahedral, np.array(_A_SITES) / 8))
    species: list[Any] = []
    fractions = []
    for element, sites in groups:
        found = _layered_fractions(sites)
        species += [element] * len(found)
        fractions.append(found)
    coordinates = np.concatenate(fractions)
    if sense == "-":
        coordinates[:, :2] *= -1
    cell = Cell.hexagonal(edge / np.sqrt(2), edge * np.sqrt(3))
    built = Structure(cell, species, coordinates % 1.0)
    check_contacts(built)
    return built


def _check_cations(*elements: str) -> None:
    for element in elements:
        if not isinstance(element, str) or element not in ELEMENTS - ANIONS:
            raise StructureError(f"{element!r} is no cation; expected a symbol such as 'Ni'")


def _oxygens(u: float) -> NDArray[np.float64]:
    return np.array([np.array(signs) * u + np.array(add) / 4 for signs, add in _O_SIGNS])


def _layered_fractions(sites: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cubic sites (n, 3), F-centred, as the fractions of the layered cell, each once."""
    shifts = np.array([np.array(c) + t for c in _CENTRING for t in product(range(2), repeat=3)])
    points = (sites[:, None] + shifts[None]).reshape(-1, 3)
    layered = points @ np.linalg.inv(_LAYERED_AXES)
    rounded = np.round(layered % 1.0, 9) % 1.0
    ordered = np.unique(rounded, axis=0)
    return ordered[np.argsort(ordered[:, 2], kind="stable")]
