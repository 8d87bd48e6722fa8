"""From columns with the right neighbours to grains."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.lattices import GrainLattice, fit_lattice
from stackmotif.matching.grains.neighbourhoods import (
    Neighbourhoods,
    match_neighbourhoods,
    plane,
)
from stackmotif.matching.grains.rims import Pairs, follow
from stackmotif.matching.grains.zones import NIO_A, ZONES, Complex, ZoneAxis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RockSaltWindow:
    """What counts as rock salt; every value is a parameter, unverified.

    Parameters
    ----------
    lattice_A : float
        Cubic lattice constant [Å].
    tolerance : float
        Relative deviation of the mean size of the lattice that is let through: other oxides and
        the calibration.
    distortion : float
        Largest half difference of the principal stretches: scans stretch one axis, or shear.
    scatter : float
        Largest root mean square distance of columns from the lattice, in shortest distances.
    fewest : int
        Columns of the smallest grain.
    contrast : float
        Least ratio of the heights of columns in every second plane to those in between; below it
        the planes are not equal and it is a layered oxide with metal between its layers, or a
        spinel.
    """

    lattice_A: float = NIO_A
    tolerance: float = 0.045
    distortion: float = 0.055
    scatter: float = 0.11
    fewest: int = 10
    contrast: float = 0.55


@dataclass(frozen=True)
class ColumnGrain:
    """A grain whose columns show.

    Parameters
    ----------
    zone : ZoneAxis
        Axis that it is seen along.
    lattice : GrainLattice
        Fitted to its columns.
    member : ndarray of int, shape (n,)
        Its columns, indices into all.
    contrast : float
        Height of columns in every second plane over that of those in between, 1 or less: of the
        {111} and {200} planes in which it is least.
    """

    zone: ZoneAxis
    lattice: GrainLattice
    member: Ints
    contrast: float


_TURN: Final = np.radians(8.0)
_FEWEST: Final = 4
_ATTEMPTS: Final = 4


def grow_grains(
    positions_A: Floats, heights: Floats, *, window: RockSaltWindow | None = None
) -> list[ColumnGrain]:
    """Return the grains of rock salt among columns, the largest first.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å].
    heights : ndarray, shape (n,)
        How far columns stand out; all the same where that is not known.
    window : RockSaltWindow, optional
        What counts as rock salt.
    """
    window = window or RockSaltWindow()
    around = match_neighbourhoods(positions_A, lattice_A=window.lattice_A)
    places = plane(positions_A)
    pairs = Pairs.of(places, lattice_A=window.lattice_A)
    grains: list[ColumnGrain] = []
    for index, zone in enumerate(ZONES):
        core = np.flatnonzero(around.zone == index)
        for part in _regions(places, core, around, zone, window.lattice_A):
            grains += _grains_of(places, heights, pairs, part, around, zone, window)
    return _without_conflicts(grains, len(places), window)


def _regions(
    places: Complex, core: Ints, around: Neighbourhoods, zone: ZoneAxis, lattice_A: float
) -> list[Ints]:
    """Return connected sets of columns that see the same axis, turned alike."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if len(core) < _FEWEST:
        return []
    reach = 1.12 * lattice_A * float(np.abs(zone.ring).max())
    flat = np.stack([places[core].real, places[core].imag], axis=1)
    pairs = cKDTree(flat).query_pairs(reach, output_type="ndarray")
    turn = np.radians(zone.turn_deg)
    apart = around.direction_rad[core[pairs[:, 0]]] - around.direction_rad[core[pairs[:, 1]]]
    alike = np.abs(np.mod(apart + turn / 2, turn) - turn / 2) < _TURN
    ones = np.ones(int(alike.sum()), dtype=np.int8)
    graph = coo_array((ones, tuple(pairs[alike].T)), shape=(len(core), len(core))).tocsr()
    label = connected_components(graph, directed=False)[1]
    count = np.bincount(label)
    order = np.argsort(label, kind="stable")
    parts = np.split(core[order], np.cumsum(count)[:-1])
    return [part for part in parts if len(part) >= _FEWEST]


def _grains_of(
    places: Complex,
    heights: Floats,
    pairs: Pairs,
    core: Ints,
    around: Neighbourhoods,
    zone: ZoneAxis,
    window: RockSaltWindow,
) -> list[ColumnGrain]:
    """Fit lattices to one region until what is left fits none."""
    found: list[ColumnGrain] = []
    for _ in range(_ATTEMPTS):
        if len(core) < _FEWEST:
            break
        middle = places[core].mean()
        away = np.abs(places[core] - middle) / window.lattice_A
        start = int(np.argmin(around.misfit[core] + 0.02 * away))
        fitted = fit_lattice(
            places[core],
            zone,
            lattice_A=window.lattice_A,
            start=start,
            turn_rad=float(around.direction_rad[core[start]]),
        )
        if fitted is None:
            core = np.delete(core, start)
            continue
        lattice, inside = fitted
        member = np.zeros(len(places), dtype=bool)
        member[core[inside]] = True
        own = np.flatnonzero(follow(member, pairs, lattice, zone, lattice_A=window.lattice_A))
        contrast = _contrast(heights[own], places[own], lattice, zone)
        grain = ColumnGrain(zone, lattice, own, contrast)
        if is_rocksalt(grain, window):
            found.append(grain)
            inside |= np.isin(core, own)
        core = core[~inside]
    return found


def is_rocksalt(grain: ColumnGrain, window: RockSaltWindow) -> bool:
    """Tell whether size, shape and order of a lattice are those of rock salt."""
    first, second = grain.lattice.stretch
    return bool(
        len(grain.member) >= window.fewest
        and abs(np.sqrt(first * second) - 1.0) <= window.tolerance
        and 0.5 * (first - second) <= window.distortion
        and grain.lattice.scatter_A <= window.scatter * grain.zone.shortest * window.lattice_A
        and grain.contrast >= window.contrast
    )


def _contrast(heights: Floats, places: Complex, lattice: GrainLattice, zone: ZoneAxis) -> float:
    """Return the least ratio of heights between alternate planes, 1 where all are alike."""
    index, _ = lattice.indices(places)
    planes = [index @ np.array(v) for v in ((1, 0), (0, 1), (1, 1))]
    ratios = [1.0]
    for number in planes if zone.name == "110" else []:
        even, odd = heights[number % 2 == 0], heights[number % 2 == 1]
        if len(even) >= _FEWEST and len(odd) >= _FEWEST:
            pair = sorted((float(np.median(even)), float(np.median(odd))))
            ratios.append(pair[0] / pair[1] if pair[1] > 0 else 0.0)
    return max(0.0, min(ratios))


def _without_conflicts(
    grains: list[ColumnGrain], n: int, window: RockSaltWindow
) -> list[ColumnGrain]:
    """Give every column to the largest grain that wants it; drop grains with too few left."""
    owner = np.full(n, -1)
    kept: list[ColumnGrain] = []
    for grain in sorted(grains, key=lambda g: (-len(g.member), g.lattice.scatter_A)):
        own = grain.member[owner[grain.member] < 0]
        if len(own) >= max(window.fewest, 0.5 * len(grain.member)):
            owner[own] = len(kept)
            kept.append(ColumnGrain(grain.zone, grain.lattice, own, grain.contrast))
    return kept
