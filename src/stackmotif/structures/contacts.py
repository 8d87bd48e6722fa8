"""Shortest distances between the kinds of atoms, and the hard limits that a model must keep."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError

if TYPE_CHECKING:
    from pymatgen.core import Structure

ANIONS: Final = frozenset({"O", "S", "Se", "Te", "F", "Cl"})
"""Elements of a slab's outer planes."""

GUESTS: Final = frozenset({"H", "Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba"})
"""Elements that stand between slabs; every other cation is a metal of the slab."""

CONTACT_LIMITS_A: Final = {"M-M": 2.4, "O-O": 2.2}
"""A model with a shorter contact is rejected (rigid-slab geometry of lateral walls) [Å]."""

_ROLES: Final = ("M", "O", "A")


def site_roles(structure: "Structure") -> NDArray[np.str_]:
    """Return ``M`` (metal), ``O`` (anion) or ``A`` (guest) for each site, by its main element."""
    mains = [max(site.species.items(), key=lambda item: item[1])[0].symbol for site in structure]
    return np.array(["O" if m in ANIONS else "A" if m in GUESTS else "M" for m in mains])


def min_contacts_A(structure: "Structure", *, cutoff_A: float = 4.5) -> dict[str, float]:
    """Return the shortest distance between each two roles, such as ``M-O`` [Å].

    Parameters
    ----------
    structure : pymatgen.core.Structure
        Any crystal.
    cutoff_A : float
        Pairs farther apart are not looked for [Å].

    Returns
    -------
    dict of str to float
        Keys ``M-M``, ``M-O``, ``M-A``, ``O-O``, ``O-A``, ``A-A`` where such a pair exists; ``A`` is
        a guest.
    """
    roles = site_roles(structure)
    centers, neighbours, _, distances = structure.get_neighbor_list(cutoff_A)
    contacts = {}
    for i, first in enumerate(_ROLES):
        for second in _ROLES[i:]:
            pairs = (roles[centers] == first) & (roles[neighbours] == second)
            if pairs.any():
                contacts[f"{first}-{second}"] = float(distances[pairs].min())
    return contacts


def check_contacts(structure: "Structure") -> dict[str, float]:
    """Return `min_contacts_A`, or refuse the structure.

    Raises
    ------
    StructureError
        If metals are closer than 2.4 Å or anions closer than 2.2 Å.
    """
    contacts = min_contacts_A(structure)
    for pair, limit in CONTACT_LIMITS_A.items():
        if contacts.get(pair, np.inf) < limit:
            raise StructureError(
                f"{pair} contact of {contacts[pair]:.3f} Å; expected at least {limit} Å"
            )
    return contacts
