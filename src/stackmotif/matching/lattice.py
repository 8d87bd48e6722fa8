"""Columns on an integer lattice: row, slot and class of each, and the cells between rows."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.decode import CLASSES, RowClasses, class_posterior, decode_rows
from stackmotif.matching.displacement import Phases, measure_phases
from stackmotif.matching.orientation import (
    Orientation,
    find_orientation,
    to_row_frame,
)
from stackmotif.matching.refining import Distortion, refine_phases
from stackmotif.matching.rows import find_rows, height_residual, mean_slope

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_UNFITTED = 0.025  # distortion along a row that is not followed, a parameter [pitch]
_SURE, _BESIDE, _FEWEST = 0.9, 4, 40  # columns whose scatter counts: class, from a wall, number
_STRAYED = 3.0  # standard deviations that a column of no class counts as off its place
_FAR = 8.0  # typical distances from the nearest other column beyond which a column is strewn
_SPARSE = 400.0  # area per column, in squared typical distances, of no image of a crystal


@dataclass(frozen=True)
class ColumnLattice:
    """Columns indexed along rows and across them.

    Parameters
    ----------
    orientation : Orientation
        Row direction as measured.
    phases : Phases
        Positions in units of the pitch, for ``member`` columns only.
    member : ndarray of int, shape (m,)
        Indices of the columns that have a row and a slot.
    row, slot : ndarray of int, shape (m,)
        Row from the top, slot from the left.
    sigma : ndarray, shape (m,)
        Standard deviation of each phase: the given errors scaled to the measured scatter [pitch].
    classes : RowClasses
        Decoded class of each member.
    grid : ndarray of int, shape (n_rows, n_slots)
        Member index at each (row, slot), -1 where none was found.
    doubled_phase, doubled_row : ndarray, shape (k,)
        Columns of a row that share their slot with a member, such as one in three of those beside
        a squeezed wall: their phases [pitch] and rows.
    readings : tuple of WeighedClasses
        Classes under every distortion that the rows leave open.
    """

    orientation: Orientation
    phases: Phases
    member: Ints
    row: Ints
    slot: Ints
    sigma: Floats
    classes: RowClasses
    grid: Ints
    doubled_phase: Floats
    doubled_row: Ints
    readings: tuple["WeighedClasses", ...]


@dataclass(frozen=True)
class WeighedClasses:
    """Class posterior of the members (m, 4) under one distortion, and the weight of that one.

    ``alias`` (m, 4) is that of `Phases`. The likeliest distortion comes first; where there are
    others, a few short rows leave it open how they are displaced.
    """

    weight: float
    probability: Floats
    alias: Floats

    def keep(self, chosen: NDArray[np.bool_]) -> "WeighedClasses":
        """Return those of the ``chosen`` members (m,)."""
        return replace(self, probability=self.probability[chosen], alias=self.alias[chosen])


@dataclass(frozen=True)
class Cells:
    """Pairs of columns in neighbouring rows, both found.

    Parameters
    ----------
    upper, lower : ndarray of int, shape (n,)
        Member indices of the two columns.
    gap, slot : ndarray of int, shape (n,)
        Gap (= row of the upper column) and slot of the upper column.
    shift, sigma : ndarray, shape (n,)
        x(upper) - x(lower), distortion removed, wrapped to (-0.5, 0.5], and its error [pitch].
    probability : ndarray, shape (n, 4)
        Posterior of the states ``+``, ``0``, ``-``, ``x``.
    finished : ndarray, shape (n,)
        Probability that neither column stands inside a lateral wall.
    """

    upper: Ints
    lower: Ints
    gap: Ints
    slot: Ints
    shift: Floats
    sigma: Floats
    probability: Floats
    finished: Floats


def index_columns(
    positions_A: Floats, covariances_A2: Floats, *, orientation: Orientation | None = None
) -> ColumnLattice | None:
    """Find rows, slots and row classes of a set of columns.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å].
    covariances_A2 : ndarray, shape (n, 2, 2)
        Covariance of (y, x) of each column, as far as known [Å²].
    orientation : Orientation, optional
        Rows to read, in place of the most regular ones.

    Returns
    -------
    ColumnLattice or None
        None if the columns make no rows.
    """
    body = _together(positions_A)
    if not len(body):
        return None
    orientation = orientation or find_orientation(positions_A[body])
    if orientation is None or not np.isfinite(orientation.row_spacing_A):
        return None
    orientation, row = _rows_and_angle(positions_A[body], orientation)
    member = body[row >= 0]
    if len(member) < 12:
        return None
    u, v = to_row_frame(positions_A, orientation.angle_rad)
    row = row[row >= 0]
    phases = measure_phases(u[member], row, pitch_A=orientation.pitch_A)
    along = np.array([-np.sin(orientation.angle_rad), np.cos(orientation.angle_rad)])
    variance = np.einsum("i,nij,j->n", along, covariances_A2[member], along)
    sigma = _column_sigma(np.sqrt(np.maximum(variance, 0.0)) / phases.pitch_A, phases.sigma)
    distortions = refine_phases(
        phases, u[member], row, np.hypot(sigma, _UNFITTED), pitch_A=orientation.pitch_A
    )
    phases = distortions[0].phases
    classes = decode_rows(phases.phase, np.hypot(sigma, _UNFITTED), row)
    phases = replace(phases, sigma=_scatter(phases, row, classes))
    sigma = _column_sigma(np.sqrt(np.maximum(variance, 0.0)) / phases.pitch_A, phases.sigma)
    classes = decode_rows(phases.phase, np.hypot(sigma, _UNFITTED), row)
    ideal, slot = _slots(phases.phase, classes)
    beside = height_residual(u[member], v[member], row, pitch_A=phases.pitch_A)
    scatter = 1.4826 * np.median(np.abs(beside)) + 1e-9
    strayed = np.where(classes.best == 3, _STRAYED, (phases.phase - ideal) / sigma)
    misfit = strayed**2 + (beside / scatter) ** 2
    keep = _one_per_slot(row, slot, misfit)
    readings = _weigh(distortions, classes, np.hypot(sigma, _UNFITTED), row)
    return _assemble(orientation, phases, member, row, slot, sigma, classes, keep, readings)


def _weigh(
    distortions: list[Distortion], classes: RowClasses, sigma: Floats, row: Ints
) -> list[WeighedClasses]:
    """Return the class posteriors under every distortion; ``classes`` are those of the first."""
    first, *others = distortions
    readings = [WeighedClasses(first.weight, classes.probability, first.phases.alias)]
    for other in others:
        probability, _ = class_posterior(other.phases.phase, sigma, row)
        readings.append(WeighedClasses(other.weight, probability, other.phases.alias))
    return readings


def _rows_and_angle(positions_A: Floats, orientation: Orientation) -> tuple[Orientation, Ints]:
    """Find the rows, and turn the row direction until the rows that were found do not slope."""
    for _ in range(4):
        u, v = to_row_frame(positions_A, orientation.angle_rad)
        row = find_rows(u, v, pitch_A=orientation.pitch_A, row_spacing_A=orientation.row_spacing_A)
        slope = mean_slope(u, v, row)
        orientation = replace(orientation, angle_rad=orientation.angle_rad - slope)
        if abs(slope) < 0.01:
            break
    return orientation, row


def find_cells(lattice: ColumnLattice) -> Cells:
    """Pair every column with the one below it that is less than half a pitch away, row by row."""
    grid, phase = lattice.grid, lattice.phases.phase
    ideal, _ = _slots(phase, lattice.classes)
    where = np.where(grid >= 0, ideal[grid], np.nan)
    upper, lower, distance = (
        grid[:-1],
        np.full(grid[:-1].shape, -1),
        np.full(grid[:-1].shape, 0.5 + 1e-9),
    )
    for move in (0, -1, 1):
        below = _moved(where[1:], move)
        apart = np.abs(where[:-1] - below)
        closer = apart < distance
        distance = np.where(closer, apart, distance)
        lower = np.where(closer, _moved(grid[1:], move, fill=-1), lower)
    gap, slot = np.nonzero((upper >= 0) & (lower >= 0))
    up, down = upper[gap, slot], lower[gap, slot]
    shift = phase[up] - phase[down]
    shift -= np.ceil(shift - 0.5)
    sigma = _shift_sigma(shift, np.hypot(lattice.sigma[up], lattice.sigma[down]))
    probability = np.zeros((len(up), 4))
    for one in lattice.readings:
        states = _state_probability(one.probability[up], one.probability[down])
        probability += one.weight * _admit_alias(states, one.alias[up])
    return Cells(up, down, gap, slot, shift, sigma, probability, np.ones(len(up)))


def row_class_grid(lattice: ColumnLattice) -> NDArray[np.int8]:
    """Return the class (-1, 0, 1; 2 unknown) at every (row, slot) inside each row's extent.

    Missing columns take the class of their neighbour to the left; 9 marks slots outside a row.
    """
    grid = lattice.grid
    found = grid >= 0
    n = grid.shape[1]
    best = np.where(found, np.append(CLASSES, 2)[lattice.classes.best[grid]], 9)
    last = np.maximum.accumulate(np.where(found, np.arange(n), -1), axis=1)
    filled = np.take_along_axis(best, np.maximum(last, 0), axis=1)
    after = np.flip(np.maximum.accumulate(np.flip(found, axis=1), axis=1), axis=1)
    return np.where((last >= 0) & after, filled, 9).astype(np.int8)


def _shift_sigma(shift: Floats, sigma: Floats) -> Floats:
    """Add to the errors of shifts what the distortion has left: their scatter about thirds."""
    if not len(shift):
        return sigma
    rest = np.abs(3.0 * shift - np.rint(3.0 * shift)) / 3.0
    scatter = 1.4826 * float(np.median(rest))
    return np.sqrt(sigma**2 + max(0.0, scatter**2 - float(np.median(sigma)) ** 2))


def _together(positions_A: Floats) -> Ints:
    """Return the columns that have another one near; none if the rest is strewn too widely."""
    from scipy.spatial import cKDTree

    if len(positions_A) < 12:
        return np.empty(0, dtype=np.int64)
    distance, _ = cKDTree(positions_A).query(positions_A, k=2)
    typical = float(np.median(distance[:, 1]))
    body = np.flatnonzero(distance[:, 1] <= _FAR * typical)
    extent = np.prod(np.ptp(positions_A[body], axis=0)) if len(body) else 0.0
    strewn = extent > _SPARSE * len(body) * typical**2
    return np.empty(0, dtype=np.int64) if strewn or not typical > 0 else body


def _column_sigma(given: Floats, measured: float) -> Floats:
    """Scale the given errors so that their typical size is the measured scatter [pitch]."""
    given = np.where(np.isfinite(given) & (given > 0), given, measured)
    relative = np.clip(given / np.median(given), 0.3, 6.0)
    return np.clip(measured * relative, 0.003, 0.35)


def _scatter(phases: Phases, row: Ints, classes: RowClasses) -> float:
    """Return the standard deviation of one column about its class, walls left out [pitch].

    Steps between neighbours say more than that: errors of neighbours pull apart, and in a wall
    that has not finished all steps are long or short.
    """
    order = np.lexsort((phases.phase, row))
    row, best = row[order], classes.best[order]
    sure = (classes.probability[order].max(axis=1) > _SURE) & (best != 3)
    change = np.flatnonzero((np.diff(row) == 0) & (np.diff(best) != 0))
    near = change[:, None] + np.arange(1 - _BESIDE, 1 + _BESIDE)
    sure[near[(near >= 0) & (near < len(sure))]] = False
    if sure.sum() < _FEWEST:
        return phases.sigma
    apart = phases.phase[order][sure] - CLASSES[best[sure]] / 3.0
    apart = np.abs(apart - np.rint(apart))
    return float(np.clip(1.4826 * np.median(apart), 0.005, phases.sigma))


def _slots(phase: Floats, classes: RowClasses) -> tuple[Floats, Ints]:
    """Return ideal positions [pitch] and slots; a column of unknown class stays where it is."""
    third = np.append(CLASSES, 0)[classes.best] / 3.0
    slot = np.rint(phase - third).astype(np.int64)
    return np.where(classes.best == 3, phase, slot + third), slot


def _one_per_slot(row: Ints, slot: Ints, misfit: Floats) -> NDArray[np.bool_]:
    """Keep, of the columns that claim a slot, the one nearest to its ideal position."""
    order = np.lexsort((misfit, slot, row))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(row[order]) != 0) | (np.diff(slot[order]) != 0)
    keep = np.zeros(len(order), dtype=bool)
    keep[order] = first
    return keep


def _assemble(
    orientation: Orientation,
    phases: Phases,
    member: Ints,
    row: Ints,
    slot: Ints,
    sigma: Floats,
    classes: RowClasses,
    keep: NDArray[np.bool_],
    readings: list[WeighedClasses],
) -> ColumnLattice:
    """Drop doubled columns and lay the rest on the integer grid."""
    doubled_phase, doubled_row = phases.phase[~keep], row[~keep]
    row, slot = row[keep], slot[keep]
    slot = slot - slot.min()
    grid = np.full((int(row.max()) + 1, int(slot.max()) + 1), -1)
    grid[row, slot] = np.arange(len(row))
    kept = replace(phases, phase=phases.phase[keep], alias=phases.alias[keep])
    chosen = RowClasses(probability=classes.probability[keep], best=classes.best[keep])
    return ColumnLattice(
        orientation, kept, member[keep], row, slot, sigma[keep], chosen, grid,
        doubled_phase, doubled_row, tuple(one.keep(keep) for one in readings),
    )  # fmt: skip


def _moved(values: NDArray, move: int, *, fill: float = np.nan) -> NDArray:
    """Shift columns of an array so that entry j holds what stood at j + move."""
    result = np.full_like(values, fill)
    if move == 0:
        return values
    if move > 0:
        result[:, :-move] = values[:, move:]
    else:
        result[:, -move:] = values[:, :move]
    return result


def _admit_alias(probability: Floats, alias: Floats) -> Floats:
    """Share the states of a cell out over the sideways steps that its rows may have made.

    ``alias`` (n, 4) weighs a step that is a third less than measured, as measured, a third more,
    and no multiple of a third at all.
    """
    known = sum(alias[:, [k]] * np.roll(probability[:, :3], 1 - k, axis=1) for k in range(3))
    unknown = alias[:, 3] + probability[:, 3] * (1.0 - alias[:, 3])
    return np.concatenate([known, unknown[:, None]], axis=1)


def _state_probability(upper: Floats, lower: Floats) -> Floats:
    """Return P(+), P(0), P(-), P(x) of cells from the class posteriors of their two columns."""
    minus, zero, plus = lower[:, 0], lower[:, 1], lower[:, 2]
    up_minus, up_zero, up_plus = upper[:, 0], upper[:, 1], upper[:, 2]
    result = np.empty((len(upper), 4))
    result[:, 0] = up_zero * minus + up_plus * zero + up_minus * plus
    result[:, 1] = up_minus * minus + up_zero * zero + up_plus * plus
    result[:, 2] = up_minus * zero + up_zero * plus + up_plus * minus
    result[:, 3] = 1.0 - (1.0 - upper[:, 3]) * (1.0 - lower[:, 3])
    return result / result.sum(axis=1, keepdims=True)
