"""How right is a reading? Comparison of a motif map with the column set it was made from."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.motif_map import MotifMap
from stackmotif.stacking.columnset import ColumnSet, unfinished_slots

_CODE = {"+": 1, "0": 0, "-": -1, "x": 9}


@dataclass(frozen=True)
class CellScore:
    """Share of true cells that were read right.

    Parameters
    ----------
    overall : float
        Over all true cells whose two columns are present; a cell that was not paired is wrong.
    outside_o3 : float
        Over those of them that are not O3 (``+``); NaN if there are none.
    reported : float
        Over the true cells that were reported at all.
    n_cells, n_outside : int
        Size of the two sets.
    n_spurious : int
        Reported cells that pair columns which are no true pair.
    n_unknown : int
        True cells reported as ``x``.
    n_wrong : int
        True cells reported in another state.
    """

    overall: float
    outside_o3: float
    reported: float
    n_cells: int
    n_outside: int
    n_spurious: int
    n_unknown: int
    n_wrong: int


def true_pairs(truth: ColumnSet) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (upper, lower, thirds) of every true cell with both columns present.

    Indices are into ``truth.positions_A``; a cell is a column and the one of the row below that
    lies less than half a pitch away sideways. Cells inside a continuous wall are left out, and so
    are those at a compressed wall where a column has two such partners: no pairing is the true one.
    """
    n_rows, n_slots = truth.phases.shape
    at = np.full((n_rows, n_slots), -1)
    real = truth.row >= 0
    at[truth.row[real], truth.slot[real]] = np.flatnonzero(real)
    there = (at >= 0) & ~unfinished_slots(truth.phases)
    x = np.where(there, 3.0 * np.arange(n_slots) + truth.phases, np.nan)
    upper, lower, thirds = [], [], []
    for move in range(-2, 3):
        first = slice(max(0, -move), n_slots - max(0, move))
        second = slice(max(0, move), n_slots - max(0, -move))
        apart = x[:-1, first] - x[1:, second]
        near = np.abs(apart) < 1.5
        upper.append(at[:-1, first][near])
        lower.append(at[1:, second][near])
        thirds.append(np.rint(apart[near]).astype(np.int64))
    up, low, step = np.concatenate(upper), np.concatenate(lower), np.concatenate(thirds)
    n = len(truth.positions_A)
    single = (np.bincount(up, minlength=n)[up] == 1) & (np.bincount(low, minlength=n)[low] == 1)
    return up[single], low[single], step[single]


def score_cells(result: MotifMap, truth: ColumnSet) -> CellScore:
    """Compare the gap cells of a result, made from ``truth``'s columns in their order, with it.

    The reading from behind is the same crystal: true signs are taken in the gauge in which ``+`` is
    the majority.
    """
    key, thirds = _true_cells(truth)
    found, state = _found_numbers(result)
    place = np.clip(np.searchsorted(key, found), 0, max(len(key) - 1, 0))
    real = key[place] == found
    right = np.zeros(len(key), dtype=bool)
    right[place[real]] = thirds[place[real]] == state[real]
    outside = thirds != 1
    return CellScore(
        overall=float(right.mean()),
        outside_o3=float(right[outside].mean()) if outside.any() else float("nan"),
        reported=float(right[place[real]].mean()) if real.any() else 0.0,
        n_cells=len(key),
        n_outside=int(outside.sum()),
        n_spurious=int((~real).sum()),
        n_unknown=int((state[real] == 9).sum()),
        n_wrong=int(((state[real] != 9) & (thirds[place[real]] != state[real])).sum()),
    )


def judge_cells(result: MotifMap, truth: ColumnSet) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which reported cells are true pairs of columns, and their true shifts in thirds.

    The shift is 0 for a cell that is no true pair.
    """
    key, thirds = _true_cells(truth)
    found, _ = _found_numbers(result)
    place = np.clip(np.searchsorted(key, found), 0, max(len(key) - 1, 0))
    real = key[place] == found
    return real, np.where(real, thirds[place], 0)


def _true_cells(truth: ColumnSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a sorted number for the pair of columns of every true cell, and its shift."""
    upper, lower, thirds = true_pairs(truth)
    if (thirds == -1).sum() > (thirds == 1).sum():
        thirds = -thirds
    n = len(truth.positions_A)
    key = np.minimum(upper, lower) * n + np.maximum(upper, lower)
    order = np.argsort(key)
    return key[order], thirds[order]


def _found_numbers(result: MotifMap) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a number for the unordered pair of columns of every reported cell, and its state.

    Unordered, because the same crystal upside down has the same shifts.
    """
    pairs, state = found_cells(result)
    return pairs.min(axis=1) * len(result.columns) + pairs.max(axis=1), state


def found_cells(result: MotifMap) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns (n, 2), upper and lower, of every reported cell, and its state.

    States are 1, 0 and -1 for ``+``, ``0`` and ``-``, and 9 for ``x``.
    """
    columns, cells = result.columns, result.shifts
    inside = np.flatnonzero(columns["row"] >= 0)
    row, slot = columns["row"][inside], columns["slot"][inside]
    grid = np.full((int(row.max(initial=0)) + 2, int(slot.max(initial=0)) + 3), -1)
    grid[row, slot + 1] = inside
    upper = grid[cells["gap"], cells["slot"] + 1]
    middle = 2.0 * np.stack([cells["y_A"], cells["x_A"]], axis=1)
    positions = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    lower = np.full(len(cells), -1)
    best = np.full(len(cells), np.inf)
    for move in (0, 1, 2):
        candidate = grid[cells["gap"] + 1, cells["slot"] + move]
        error = np.abs(positions[upper] + positions[candidate] - middle).sum(axis=1)
        better = (candidate >= 0) & (error < best)
        best = np.where(better, error, best)
        lower = np.where(better, candidate, lower)
    state = np.array([_CODE[s] for s in _CODE])[_index_of(cells["state"])]
    return np.stack([upper, lower], axis=1), state


def _index_of(states: NDArray[np.str_]) -> NDArray[np.int64]:
    names = np.array(list(_CODE))
    order = np.argsort(names)
    return order[np.searchsorted(names[order], np.asarray(states))]


def match_columns(result: MotifMap, truth: ColumnSet, *, within_A: float = 0.7) -> ColumnSet:
    """Return ``truth`` with the columns that were found in its place, for `score_cells`.

    Each found column takes the row and slot of the true one nearest to it, if the two are nearest
    to each other and closer than ``within_A`` [Å]; the others are false columns.
    """
    found = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)
    nearest = mutual_nearest(found, truth.positions_A, within_A=within_A)
    real = nearest >= 0
    return replace(
        truth,
        positions_A=found,
        row=np.where(real, truth.row[nearest], -1),
        slot=np.where(real, truth.slot[nearest], -1),
    )


def mutual_nearest(
    places_A: NDArray[np.float64], others_A: NDArray[np.float64], *, within_A: float
) -> NDArray[np.int64]:
    """Return for each place (n, 2) the other one if the two are nearest to each other, else -1."""
    from scipy.spatial import cKDTree

    if not len(places_A) or not len(others_A):
        return np.full(len(places_A), -1)
    distance, nearest = cKDTree(others_A).query(places_A)
    _, back = cKDTree(places_A).query(others_A)
    mutual = (back[nearest] == np.arange(len(places_A))) & (distance < within_A)
    return np.where(mutual, nearest, -1)
