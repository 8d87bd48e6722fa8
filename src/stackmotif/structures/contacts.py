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

_BOND_RATIO: Final = 1.3
"""Anions within this factor of a role's median shortest distance are bonded; the next shell of an
octahedron is at about 1.75."""

_VACUUM_A: Final = 6.0
"""An empty interval along a or b that is wider than this is vacuum [Å]."""

_END_A: Final = 3.2
"""Cations closer to a free end than this have lost anions to it [Å]."""


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
        a guest. Empty for a structure without atoms.

    Raises
    ------
    StructureError
        If the cutoff is no finite length above zero.
    """
    if not 0 < cutoff_A < np.inf:
        raise StructureError(f"cutoff is {cutoff_A} Å; expected a finite length above 0")
    if not len(structure):
        return {}
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


def coordination(structure: "Structure") -> dict[str, dict[int, int]]:
    """Return how many metals and guests have each number of anions around them.

    An anion counts if it is within 1.3 times the median, over the cations of one role, of the
    distance to the nearest anion. Cations at the free ends of a model that has vacuum along a or b
    are left out; along c, slabs end with complete octahedra.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        Any crystal.

    Returns
    -------
    dict of str to dict of int to int
        ``{"M": {6: 12}, "A": {4: 3}}``; a role without atoms is absent.
    """
    if not len(structure):
        return {}
    roles = site_roles(structure)
    inside = ~_at_free_ends(structure)
    found: dict[str, dict[int, int]] = {}
    centers, neighbours, _, distances = structure.get_neighbor_list(4.5)
    for role in ("M", "A"):
        pairs = (roles[centers] == role) & (roles[neighbours] == "O")
        if not pairs.any():
            continue
        shortest = np.full(len(roles), np.inf)
        np.minimum.at(shortest, centers[pairs], distances[pairs])
        limit = _BOND_RATIO * float(np.median(shortest[np.isfinite(shortest)]))
        counts = np.bincount(centers[pairs & (distances < limit)], minlength=len(roles))
        values, numbers = np.unique(counts[(roles == role) & inside], return_counts=True)
        found[role] = {int(v): int(n) for v, n in zip(values, numbers, strict=True)}
    return found


def _at_free_ends(structure: "Structure") -> NDArray[np.bool_]:
    """Return which atoms lie near vacuum along a or b, shape (n,)."""
    ends = np.zeros(len(structure), dtype=bool)
    matrix = np.asarray(structure.lattice.matrix)
    for axis in (0, 1):
        period = structure.volume / float(
            np.linalg.norm(np.cross(matrix[axis - 1], matrix[axis - 2]))
        )
        height = np.asarray(structure.frac_coords)[:, axis] % 1.0 * period
        ordered = np.sort(height)
        spacing = np.diff(ordered, append=ordered[0] + period)
        widest = int(np.argmax(spacing))
        if spacing[widest] > _VACUUM_A:
            from_end = (ordered[widest] - height) % period
            ends |= np.minimum(from_end, period - spacing[widest] - from_end) < _END_A
    return ends
