"""Columns that continue a grain: at its rim, and where the image bends it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.lattices import GrainLattice
from stackmotif.matching.grains.zones import Complex, ZoneAxis

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SITE: Final = 0.25  # how far a neighbour may be from its site, in shortest distances
_BESIDE: Final = 3  # members beside a column that goes on in their lattice
_EDGE: Final = 2  # the same at the edge of everything, where a plane has no other beyond it
_ROUNDS: Final = 40
_BEYOND: Final = 1.3  # lattice constants; rows of a layered oxide are 1.13 apart


@dataclass(frozen=True)
class Pairs:
    """Columns near each other, both ways round: ``first`` to ``second`` is ``vector`` [Å]."""

    first: Ints
    second: Ints
    vector: Complex
    n: int

    @classmethod
    def of(cls, places: Complex, *, lattice_A: float) -> "Pairs":
        """Return all pairs that the widest neighbourhood holds."""
        from scipy.spatial import cKDTree

        flat = np.stack([places.real, places.imag], axis=1)
        found = cKDTree(flat).query_pairs(_BEYOND * lattice_A, output_type="ndarray")
        first, second = np.concatenate([found, found[:, ::-1]]).T
        return cls(first, second, places[second] - places[first], len(places))


def follow(
    member: Bools, pairs: Pairs, lattice: GrainLattice, zone: ZoneAxis, *, lattice_A: float
) -> Bools:
    """Return the members and all columns that continue their lattice from neighbour to neighbour.

    Parameters
    ----------
    member : ndarray of bool, shape (n,)
        Columns that the lattice was fitted to.
    pairs : Pairs
        Of all columns.
    lattice : GrainLattice
        Fitted.
    zone : ZoneAxis
        Its axis.
    lattice_A : float
        Lattice constant [Å].
    """
    basis = np.array([[b.real for b in zone.basis], [b.imag for b in zone.basis]])
    ring = np.linalg.inv(basis) @ np.stack([zone.ring.real, zone.ring.imag])
    sites = lattice.matrix @ ring
    sites = sites[0] + 1j * sites[1]
    fits = np.zeros(len(pairs.vector), dtype=bool)
    for site in sites:
        fits |= np.abs(pairs.vector - site) < _SITE * zone.shortest * lattice_A
    first, second = pairs.first[fits], pairs.second[fits]
    member = _spread(member, first, second, pairs.n)
    outside = ~member & (_beside(member, first, second, pairs.n) >= _EDGE)
    member = member | (outside & ~_more_beyond(outside, member, pairs))
    return _spread(member, first, second, pairs.n)


def _beside(member: Bools, first: Ints, second: Ints, n: int) -> Ints:
    return np.bincount(second[member[first]], minlength=n)


def _spread(member: Bools, first: Ints, second: Ints, n: int) -> Bools:
    for _ in range(_ROUNDS):
        more = member | (_beside(member, first, second, n) >= _BESIDE)
        if (more == member).all():
            break
        member = more
    return member


def _more_beyond(outside: Bools, member: Bools, pairs: Pairs) -> Bools:
    """Mark columns that have other crystal on the side that faces away from the members."""
    own = outside[pairs.first]
    first, second, vector = pairs.first[own], pairs.second[own], pairs.vector[own]
    inside = member[second]
    inwards = np.zeros(pairs.n, dtype=np.complex128)
    np.add.at(inwards, first[inside], vector[inside])
    away = -(vector * np.conj(inwards[first])).real
    beyond = ~inside & (away > 0.6 * np.abs(vector) * np.abs(inwards[first]))
    return np.asarray(np.bincount(first[beyond], minlength=pairs.n) > 0)
