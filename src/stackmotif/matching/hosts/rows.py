"""Which rows of an fcc lattice are read, of the two sets of {111} rows that one image shows.

A perfect crystal reads the same along both, a third of the pitch from row to row. Across a twin
plane or a fault only those rows go on that lie in it, so that along them alone the whole field
reads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog import Host
from stackmotif.columns import Columns
from stackmotif.matching.decode import CLASSES
from stackmotif.matching.lattice import ColumnLattice, find_cells, index_columns
from stackmotif.matching.orientation import (
    Orientation,
    fold_angle,
    measure_orientations,
    to_row_frame,
)
from stackmotif.matching.runs import MINUS, PLUS, ZERO

_OTHER_ROWS_RAD = 2.0 * float(np.arctan(2.0**-0.5))
"""Angle between the two sets of {111} rows along <110>: 70.53°."""
_SAME_RAD = np.radians(3.0)
_NEAR_RATIO = 0.12
_NEAR_PITCH = 0.15
_READ = 0.9
_ALIKE = 0.02
"""Relative difference of the misfit below which two row directions are as good."""
_CLOSE = 0.1
"""The same, below which the other one must be told."""
_FARTHEST = 0.25
_ORDER = 3
_ROUNDS = 3
_LAG = 4
_NEIGHBOURHOOD = (5, 9)
_FRINGE = 0.1
_ENOUGH = 0.2
_OFF = 0.07
"""Of the pitch: a step along the rows this far from the usual one is that of another crystal."""


def best_lattice(columns: Columns, host: Host) -> ColumnLattice | None:
    """Index the columns along every row direction the host may have; keep what follows a lattice.

    Of directions along which columns stand equally well on their lattice sites and read the same,
    that nearest to the horizontal is kept. Where none has the shape of the host, the direction is
    that of the most regular rows.
    """
    found = _read_along(columns, host)
    if not found:
        return index_columns(columns.positions_A, columns.covariances_A2)
    misfit, best = min(found, key=lambda one: one[0])
    faulted = _has_faults(best)
    good = [
        lattice
        for other, lattice in found
        if other <= misfit * (1.0 + _ALIKE) and _has_faults(lattice) == faulted
    ]
    return min(good, key=lambda one: abs(one.orientation.angle_rad))


def reads_otherwise(lattice: ColumnLattice, columns: Columns, host: Host) -> bool:
    """Tell whether another row direction fits about as well, and reads faults where this has none.

    Or the reverse.
    """
    misfit = misfit_A(lattice, columns.positions_A)
    faulted = _has_faults(lattice)
    near = (one for other, one in _read_along(columns, host) if other <= misfit * (1.0 + _CLOSE))
    return any(_has_faults(one) != faulted for one in near)


def _read_along(columns: Columns, host: Host) -> list[tuple[float, ColumnLattice]]:
    """Return misfit and lattice along every direction that the rows of the host may have."""
    found = []
    for orientation in _directions(columns.positions_A, host):
        lattice = index_columns(
            columns.positions_A, columns.covariances_A2, orientation=orientation
        )
        if lattice is not None:
            found.append((misfit_A(lattice, columns.positions_A), lattice))
    return found


def _has_faults(lattice: ColumnLattice) -> bool:
    """Tell whether some gap has another state than the others, in most of its cells."""
    cells = find_cells(lattice)
    count = np.zeros((lattice.grid.shape[0], cells.probability.shape[1]))
    np.add.at(count, cells.gap, cells.probability >= _READ)
    clear = count.max(axis=1) > max(0.5 * float(np.median(count.sum(axis=1))), 3.0)
    return len(np.unique(count.argmax(axis=1)[clear])) > 1


def misfit_A(lattice: ColumnLattice, positions_A: NDArray[np.float64]) -> float:
    """Return how far columns stand from their sites of one smoothly distorted lattice [Å].

    Root mean square distance; sites follow from row, slot and class, the distortion is a polynomial
    of third order, and no column counts as farther off than a quarter of the pitch. Columns without
    a row or a class are that far off. Rows that cross a fault, instead of lying in it, are broken
    at it, which no smooth distortion follows.
    """
    member, best = lattice.member, lattice.classes.best
    farthest = _FARTHEST * lattice.phases.pitch_A
    known = best < len(CLASSES)
    x = lattice.slot[known] + CLASSES[best[known]] / 3.0
    terms = _polynomial(x, lattice.row[known].astype(np.float64))
    seen = positions_A[member[known]]
    weight = np.ones(len(x))
    for _ in range(_ROUNDS):
        scaled = np.sqrt(weight)[:, None]
        fit = np.linalg.lstsq(terms * scaled, seen * scaled, rcond=None)[0]
        square = np.sum((seen - terms @ fit) ** 2, axis=1)
        weight = 1.0 / (1.0 + (square / farthest**2) ** 2)
    off = np.minimum(square, farthest**2).sum() + farthest**2 * (len(positions_A) - len(x))
    return float(np.sqrt(off / len(positions_A)))


def misfit_beyond_noise(lattice: ColumnLattice, positions_A: NDArray[np.float64]) -> float:
    """Return the misfit without what the noise of single columns makes of it [pitch]."""
    noise = 2.0 * lattice.phases.sigma**2
    misfit = misfit_A(lattice, positions_A) / lattice.phases.pitch_A
    return float(np.sqrt(max(misfit**2 - noise, 0.0)))


def _polynomial(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (2.0 * (one - one.min()) / max(float(np.ptp(one)), 1.0) - 1.0 for one in (x, y))
    powers = [(a, b) for a in range(_ORDER + 1) for b in range(_ORDER + 1 - a)]
    return np.stack([x**a * y**b for a, b in powers], axis=1)


def read_cells(lattice: ColumnLattice, host: Host) -> float:
    """Return how many cells are a step of the host, with a posterior of 0.9 or more.

    Straight gaps count where the host has them, half: a crystal of nothing else is another one.
    """
    probability = find_cells(lattice).probability
    signed = (probability[:, [PLUS, MINUS]].max(axis=1) >= _READ).sum()
    straight = (probability[:, ZERO] >= _READ).sum() if 0 in host.shifts else 0
    return float(signed + 0.5 * straight)


def _directions(positions_A: NDArray[np.float64], host: Host) -> list[Orientation]:
    """Return measured row directions with about the shape and the pitch of the host."""
    first = [one for one in measure_orientations(positions_A) if _is_near(one, host)]
    seeds = [one.angle_rad + turn for one in first for turn in (-_OTHER_ROWS_RAD, _OTHER_ROWS_RAD)]
    more = measure_orientations(positions_A, around_rad=seeds) if seeds else []
    kept: list[Orientation] = []
    for one in [*first, *(other for other in more if _is_near(other, host))]:
        apart = [abs(fold_angle(one.angle_rad - other.angle_rad)) for other in kept]
        if all(a > _SAME_RAD for a in apart):
            kept.append(one)
    return kept


def _is_near(one: Orientation, host: Host) -> bool:
    (low, high), (flat, tall) = host.pitch_window_A, host.ratio_window
    ratio = one.row_spacing_A / one.pitch_A
    shape = flat * (1 - _NEAR_RATIO) <= ratio <= tall * (1 + _NEAR_RATIO)
    return shape and low * (1 - _NEAR_PITCH) <= one.pitch_A <= high * (1 + _NEAR_PITCH)


@dataclass(frozen=True)
class Uniformity:
    """How much a field is one crystal.

    Parameters
    ----------
    turn_deg : float
        By how much rows turn across the field, the extreme tenths left out [degrees].
    other : float
        Share of the field whose step along the rows, or distance of rows, is not that of the rest.
    """

    turn_deg: float
    other: float


def uniformity(lattice: ColumnLattice, positions_A: NDArray[np.float64]) -> Uniformity:
    """Compare the lattice in neighbourhoods of five rows by nine columns with that of the field."""
    grid, pitch = lattice.grid, lattice.phases.pitch_A
    if grid.shape[1] <= _LAG or grid.shape[0] < 2:
        return Uniformity(0.0, 0.0)
    u, v = to_row_frame(positions_A[lattice.member], lattice.orientation.angle_rad)
    row_u, row_v = _local_steps(grid[:, :-_LAG], grid[:, _LAG:], u, v)
    _, drop = _local_steps(grid[:-1], grid[1:], u, v)
    slope = np.degrees(np.arctan2(row_v, row_u))
    known = np.isfinite(slope)
    if not known.any():
        return Uniformity(0.0, 1.0)
    low, high = np.quantile(slope[known], [_FRINGE, 1.0 - _FRINGE])
    middle = [np.nanmedian(value) for value in (row_u, row_v)]
    along = np.hypot(row_u - middle[0], row_v - middle[1]) > _OFF * pitch * _LAG
    across = np.abs(drop - np.nanmedian(drop)) > 2.0 * _OFF * np.nanmedian(drop)
    other = max(float(along[known].mean()), float(across[np.isfinite(drop)].mean()))
    return Uniformity(float(high - low), other)


def _local_steps(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    u: NDArray[np.float64],
    v: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean step (u, v) from ``start`` to ``end`` around every place; NaN where few."""
    from scipy.ndimage import uniform_filter

    pair = (start >= 0) & (end >= 0)
    steps = (np.where(pair, value[end] - value[start], 0.0) for value in (u, v))
    count, du, dv = (
        uniform_filter(one, _NEIGHBOURHOOD, mode="constant")
        for one in (pair.astype(np.float64), *steps)
    )
    enough = pair & (count > _ENOUGH)
    du, dv = (np.where(enough, one / np.maximum(count, 1e-9), np.nan) for one in (du, dv))
    return du, dv
