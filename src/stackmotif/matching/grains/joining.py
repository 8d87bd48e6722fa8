"""Pieces of one grain put together: noise can cut the links between its columns."""

from dataclasses import replace
from typing import Final

import numpy as np

from stackmotif.matching.grains.growing import ColumnGrain, RockSaltWindow
from stackmotif.matching.grains.lattices import refit
from stackmotif.matching.grains.rims import Pairs, follow
from stackmotif.matching.grains.zones import Complex

_TURN: Final = np.radians(4.0)
_NEAR: Final = 3.0  # lattice constants between pieces
_PHASE: Final = 0.28  # mean distance from the lattice of the other, in shortest distances


def join_pieces(
    grains: list[ColumnGrain], places: Complex, *, window: RockSaltWindow
) -> list[ColumnGrain]:
    """Return the grains, pieces of equal axis, turn and lattice as one.

    Parameters
    ----------
    grains : list of ColumnGrain
        Pieces, the largest first.
    places : ndarray of complex, shape (n,)
        All columns, x - i y [Å].
    window : RockSaltWindow
        What counts as rock salt.
    """
    joined: list[ColumnGrain] = []
    changed = set()
    for piece in grains:
        at = next((k for k, one in enumerate(joined) if _is_one(one, piece, places, window)), None)
        if at is None:
            joined.append(piece)
            continue
        first = joined[at]
        member = np.union1d(first.member, piece.member)
        lattice = refit(first.lattice, places[member], first.zone, lattice_A=window.lattice_A)
        contrast = min(first.contrast, piece.contrast)
        joined[at] = replace(first, member=member, lattice=lattice, contrast=contrast)
        changed.add(at)
    return [_filled(joined, k, places, window) if k in changed else g for k, g in enumerate(joined)]


def _filled(
    grains: list[ColumnGrain], number: int, places: Complex, window: RockSaltWindow
) -> ColumnGrain:
    """Return a grain with the columns between its pieces that no other grain has."""
    grain = grains[number]
    member = np.zeros(len(places), dtype=bool)
    member[grain.member] = True
    pairs = Pairs.of(places, lattice_A=window.lattice_A)
    found = follow(member, pairs, grain.lattice, grain.zone, lattice_A=window.lattice_A)
    for k, other in enumerate(grains):
        if k != number:
            found[other.member] = False
    return replace(grain, member=np.flatnonzero(found))


def _is_one(
    first: ColumnGrain, second: ColumnGrain, places: Complex, window: RockSaltWindow
) -> bool:
    """Tell whether two pieces lie near each other on one lattice."""
    from scipy.spatial import cKDTree

    if first.zone is not second.zone:
        return False
    turn = np.radians(first.zone.turn_deg)
    apart = first.lattice.direction_rad - second.lattice.direction_rad
    if abs(np.mod(apart + turn / 2, turn) - turn / 2) > _TURN:
        return False
    own, other = places[first.member], places[second.member]
    tree = cKDTree(np.stack([own.real, own.imag], axis=1))
    distance, _ = tree.query(np.stack([other.real, other.imag], axis=1))
    near = other[distance < _NEAR * window.lattice_A]
    if not len(near):
        return False
    _, rest = first.lattice.indices(near)
    return bool(np.mean(rest) < _PHASE * first.zone.shortest * window.lattice_A)
