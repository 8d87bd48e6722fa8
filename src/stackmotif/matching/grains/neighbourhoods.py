"""Which columns have the neighbours of a rock salt, along which axis and how turned."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.zones import ZONES, Complex, ZoneAxis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST: Final = 12
_BEGIN: Final = 7  # nearest neighbours that a turn is guessed from
_STRETCH: Final = 0.13  # relative length by which a guessed neighbour may be off
_NEAR: Final = 0.17  # distance from its site of a neighbour, in shortest distances
_BEYOND: Final = 1.12  # reach in longest ring vectors within which there is no other column
_EXTRA: Final = 1  # columns more than the ring has
_BATCH: Final = 2000


@dataclass(frozen=True)
class Neighbourhoods:
    """What the surroundings of every column look like.

    Parameters
    ----------
    zone : ndarray of int, shape (n,)
        Index into ``ZONES``; -1 where no rock salt fits.
    direction_rad : ndarray, shape (n,)
        Direction of the zone's first axis, counter-clockwise, modulo its turn.
    misfit : ndarray, shape (n,)
        Root mean square distance of the neighbours from their sites, in shortest distances.
    """

    zone: Ints
    direction_rad: Floats
    misfit: Floats


def plane(positions_A: Floats) -> Complex:
    """Return x - i y of positions (y, x) [Å]."""
    return np.asarray(positions_A[:, 1] - 1j * positions_A[:, 0])


def match_neighbourhoods(
    positions_A: Floats, *, lattice_A: float, zones: tuple[ZoneAxis, ...] = ZONES
) -> Neighbourhoods:
    """Compare the neighbours of every column with those in a rock salt.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å].
    lattice_A : float
        Lattice constant [Å].
    zones : tuple of ZoneAxis
        Axes to compare with.
    """
    n = len(positions_A)
    zone, direction, misfit = np.full(n, -1), np.zeros(n), np.full(n, np.inf)
    best = np.full(n, np.inf)
    if n < _MOST:
        return Neighbourhoods(zone, direction, misfit)
    around = _neighbours(positions_A, lattice_A)
    for index, axis in enumerate(zones):
        crowd = (np.abs(around) < 1.2 * np.abs(axis.ring).max()).sum(axis=1)
        some = np.flatnonzero(crowd >= axis.needed)
        for start in range(0, len(some), _BATCH):
            part = some[start : start + _BATCH]
            turn, rest, cost = _compare(around[part], axis)
            better = cost < best[part]
            chosen = part[better]
            best[chosen], zone[chosen] = cost[better], index
            direction[chosen], misfit[chosen] = turn[better], rest[better]
    return Neighbourhoods(zone, direction, misfit)


def _neighbours(positions_A: Floats, lattice_A: float) -> Complex:
    """Return vectors to the nearest columns in lattice constants, far ones at infinity."""
    from scipy.spatial import cKDTree

    reach = 1.2 * max(float(np.abs(zone.ring).max()) for zone in ZONES) * lattice_A
    _, index = cKDTree(positions_A).query(
        positions_A, k=min(_MOST + 1, len(positions_A)), distance_upper_bound=reach
    )
    flat = plane(positions_A)
    padded = np.append(flat, complex(1e6, 0.0))
    return np.asarray((padded[index[:, 1:]] - flat[:, None]) / lattice_A)


def _compare(around: Complex, axis: ZoneAxis) -> tuple[Floats, Floats, Floats]:
    """Return turn, misfit and cost of the best turn of one axis; the cost is infinite for none."""
    ring, near = axis.ring, _NEAR * axis.shortest
    kinds = ring[: len(ring) // 2]
    ratio = around[:, :_BEGIN, None] / kinds
    likely = np.abs(np.abs(ratio) - 1.0) < _STRETCH
    turn = np.where(likely, np.angle(ratio), np.nan).reshape(len(around), -1)
    for _ in range(2):
        sites = np.exp(1j * np.nan_to_num(turn))[..., None] * ring
        apart = np.abs(sites[..., None] - around[:, None, None, :])
        nearest = apart.min(axis=-1)
        found = nearest < near
        who = np.take_along_axis(
            np.broadcast_to(around[:, None, :], (*turn.shape, around.shape[1])),
            apart.argmin(axis=-1), axis=-1,
        )  # fmt: skip
        lean = np.sum(np.where(found, who * np.conj(sites), 0), axis=-1)
        turn = turn + np.angle(np.where(lean == 0, 1.0, lean))
    count = found.sum(axis=-1)
    rest = np.sqrt(np.sum(np.where(found, nearest**2, 0), axis=-1) / np.maximum(count, 1))
    rest = rest / axis.shortest
    inside = (np.abs(around) < _BEYOND * np.abs(ring).max()).sum(axis=1)
    extra = inside[:, None] - count
    allowed = ~np.isnan(turn) & (count >= axis.needed) & (extra <= _EXTRA)
    missing = (len(ring) - count) / len(ring)
    cost = np.where(allowed, rest / _NEAR + missing + 0.5 * extra / len(ring), np.inf)
    chosen = cost.argmin(axis=1)[:, None]

    def take(values: Floats) -> Floats:
        return np.asarray(np.take_along_axis(values, chosen, axis=1)[:, 0])

    return take(np.nan_to_num(turn)), take(rest), take(cost)
