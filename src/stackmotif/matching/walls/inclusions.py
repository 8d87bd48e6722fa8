"""What walls enclose: closed lenses, rows that end open, and partials."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.walls.jumps import RowJumps

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHAIN_PITCHES = 4.0  # lateral distance of walls of neighbouring rows in one chain
_SHORTEST_CHAIN = 3  # rows


@dataclass(frozen=True)
class Closure:
    """How walls belong together.

    Parameters
    ----------
    inclusion : ndarray of int, shape (n,)
        Number of the closed inclusion that a wall bounds, -1 for none.
    row_sum_thirds : ndarray of int, shape (n,)
        Sum of the jumps of the wall's row.
    open_row : ndarray of bool, shape (n,)
        Whether the row ends in another class than it begins with.
    partial : ndarray of int, shape (n,)
        Number of the partial at the end of the chain of equal jumps that the wall is part of, -1
        for none: all rows from there to the edge of the field jump alike, so that one gap alone
        changes its state.
    """

    inclusion: Ints
    row_sum_thirds: Ints
    open_row: NDArray[np.bool_]
    partial: Ints


def find_closure(found: RowJumps, jump: Ints, centre: Floats, *, n_rows: int) -> Closure:
    """Group walls into closed inclusions and into chains that end on a partial."""
    n = len(found)
    if not n:
        none = np.empty(0, dtype=np.int64)
        return Closure(none, none, none.astype(bool), none)
    _, line = np.unique(found.row, return_inverse=True)
    sums = np.bincount(line, jump).astype(np.int64)[line]
    open_row = sums % 3 != 0
    partial = _partials(found, jump, centre, n_rows)
    return Closure(_inclusions(found, centre, open_row, line), sums, open_row, partial)


def _inclusions(found: RowJumps, centre: Floats, open_row: NDArray[np.bool_], line: Ints) -> Ints:
    """Return the closed inclusion of every wall: stretches of rows out of class that touch."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    home = found.class_left[np.flatnonzero(np.diff(line, prepend=-1))][line]
    begins = (found.class_right != home) & ~open_row
    first = np.flatnonzero(begins)
    second = first + 1
    number = np.full(len(found), -1)
    if not len(first):
        return number
    low, high, row = centre[first], centre[second], found.row[first]
    start = np.searchsorted(row, row + 1)
    one, two = [], []
    for reach in range(int(np.bincount(row).max())):
        other = start + reach
        inside = other < len(row)
        other = np.minimum(other, len(row) - 1)
        touch = inside & (row[other] == row + 1) & (low[other] < high) & (low < high[other])
        one.append(np.flatnonzero(touch))
        two.append(other[touch])
    beside = np.flatnonzero((row[1:] == row[:-1]) & (second[:-1] == first[1:]))
    one.append(beside)
    two.append(beside + 1)
    pairs = np.concatenate(one), np.concatenate(two)
    graph = coo_array((np.ones(len(pairs[0])), pairs), shape=(len(first), len(first)))
    label = connected_components(graph, directed=False)[1]
    number[first], number[second] = label, label
    return number


def _partials(found: RowJumps, jump: Ints, centre: Floats, n_rows: int) -> Ints:
    """Return the chain of equal jumps of every wall, if it reaches one edge of the field."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(found)
    scaled = np.stack([found.row / 1.01, centre / _CHAIN_PITCHES], axis=1)
    pairs = cKDTree(scaled).query_pairs(1.0, p=np.inf, output_type="ndarray")
    one, two = pairs.T
    alike = (found.row[one] != found.row[two]) & (jump[one] % 3 == jump[two] % 3)
    graph = coo_array((np.ones(int(alike.sum())), (one[alike], two[alike])), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    size = int(label.max()) + 1
    top, bottom = np.full(size, n_rows), np.full(size, -1)
    np.minimum.at(top, label, found.row)
    np.maximum.at(bottom, label, found.row)
    at_one_edge = (top <= 1) != (bottom >= n_rows - 2)
    chain = at_one_edge & (bottom - top + 1 >= _SHORTEST_CHAIN)
    numbers = np.where(chain, np.cumsum(chain) - 1, -1)
    return numbers[label].astype(np.int64)
