"""Columns to rows: link along the row, then count rows by integers across them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LINK_ALONG = 4.5  # pitches
_LINK_ACROSS = 0.25  # row spacings
_NEAR_ROW = 0.06  # row spacings from its row within which a column is never an outlier
_CLIMB = 3.5  # standard deviations that linked columns may differ in height
_MIN_FRAGMENT = 5  # columns
_BRIDGE = 30.0  # pitches that a row may be interrupted for
_STEEP = 0.12  # slope of the rows beyond which a place is another grain
_PRIOR_PAIRS = 40.0  # pairs that a place with few columns is judged by as if it were typical
_REGULAR = 0.45  # share of the best regularity below which a place is not crystalline
_COURSE = 15  # columns over which the height of a row is averaged


def find_rows(u: Floats, v: Floats, *, pitch_A: float, row_spacing_A: float) -> Ints:
    """Give every column an integer row, counted downwards from 0; -1 where it has none.

    Columns are linked to neighbours in an ellipse that is long along the row, so that a gap of
    several missing columns does not break it. Fragments then get their integer from the fragments
    above and below, so that rows may be interrupted, curved, unevenly spaced or missing.

    Parameters
    ----------
    u, v : ndarray, shape (n,)
        Coordinates along and across the rows [Å]; v points down.
    pitch_A, row_spacing_A : float
        Column pitch and row spacing [Å].
    """
    fragment = _fragments(u, v, pitch_A=pitch_A, row_spacing_A=row_spacing_A)
    index = _integer_rows(u, v, fragment, pitch_A=pitch_A, row_spacing_A=row_spacing_A)
    row = np.where(fragment >= 0, index[fragment], -1)
    used = row > -(10**6)
    if not (used & (fragment >= 0)).any():
        return np.full(len(u), -1)
    row = np.where(used & (fragment >= 0), row, 10**6)
    row = np.where(row == 10**6, -1, row - row.min())
    return row


def _fragments(u: Floats, v: Floats, *, pitch_A: float, row_spacing_A: float) -> Ints:
    """Return a fragment number per column, -1 for columns that belong to no row."""
    from scipy.spatial import cKDTree

    scaled = np.stack(
        [u / (_LINK_ALONG * pitch_A), v / (_LINK_ACROSS * row_spacing_A)],
        axis=1,
    )
    pairs = cKDTree(scaled).query_pairs(1.0, output_type="ndarray")
    pairs = _level(v, pairs, row_spacing_A)
    off = _off_row(v, pairs, row_spacing_A) | _irregular(u, v, pairs, pitch_A, row_spacing_A)
    pairs = pairs[~(off[pairs[:, 0]] | off[pairs[:, 1]])]
    labels = _components(pairs, len(u))
    size = np.bincount(labels, minlength=labels.max() + 1)
    keep = (size[labels] >= _MIN_FRAGMENT) & ~off
    _, compact = np.unique(labels[keep], return_inverse=True)
    fragment = np.full(len(u), -1)
    fragment[keep] = compact
    return fragment


def _level(v: Floats, pairs: Ints, row_spacing_A: float) -> Ints:
    """Drop links that climb more than the scatter of a row: false columns bridge rows by them."""
    if not len(pairs):
        return pairs
    climb = np.abs(v[pairs[:, 0]] - v[pairs[:, 1]])
    scatter = 1.4826 * float(np.median(climb))
    return pairs[climb <= max(_CLIMB * scatter, _NEAR_ROW * row_spacing_A)]


def _off_row(v: Floats, pairs: Ints, row_spacing_A: float) -> NDArray[np.bool_]:
    """Return which columns lie beside the row which their linked neighbours make."""
    n = len(v)
    step = v[pairs[:, 1]] - v[pairs[:, 0]]
    count = np.bincount(pairs.ravel(), minlength=n)
    total = np.bincount(pairs[:, 0], step, n) - np.bincount(pairs[:, 1], step, n)
    beside = np.abs(total / np.maximum(count, 1))
    linked = count > 0
    if not linked.any():
        return ~linked
    spread = 1.4826 * float(np.median(beside[linked]))
    return ~linked | (beside > max(4.0 * spread, _NEAR_ROW * row_spacing_A))


def _irregular(
    u: Floats, v: Floats, pairs: Ints, pitch_A: float, row_spacing_A: float
) -> NDArray[np.bool_]:
    """Return which columns stand in places that are not this crystal.

    There, row neighbours do not stand whole pitches apart, or the rows run in another direction.
    """
    from scipy.ndimage import uniform_filter

    across = np.rint((u - u.min()) / (4.0 * pitch_A)).astype(np.int64)
    down = np.rint((v - v.min()) / (2.0 * row_spacing_A)).astype(np.int64)
    shape = (int(down.max()) + 1, int(across.max()) + 1)
    place = down * shape[1] + across
    first, second = pairs.T
    along, across_rows = u[first] - u[second], v[first] - v[second]
    measures = np.stack(
        [
            np.ones(len(pairs)),
            np.cos(2 * np.pi * along / pitch_A),
            along * across_rows,
            along**2,
        ]
    )
    size = shape[0] * shape[1]
    sums = []
    for measure in measures:
        total = np.bincount(place[first], measure, size)
        total += np.bincount(place[second], measure, size)
        sums.append(uniform_filter(total.reshape(shape), 3, mode="constant").ravel()[place])
    count, regular, cross, square = sums
    typical = float(np.median(regular / np.maximum(count, 1e-9)))
    local = (9.0 * regular + _PRIOR_PAIRS * typical) / (9.0 * count + _PRIOR_PAIRS)
    slope = cross / np.maximum(square, 1e-9)
    return (local < _REGULAR * np.quantile(local, 0.9)) | (np.abs(slope) > _STEEP)


def _components(pairs: Ints, n: int) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _integer_rows(
    u: Floats, v: Floats, fragment: Ints, *, pitch_A: float, row_spacing_A: float
) -> Ints:
    """Return an integer row per fragment; fragments outside the largest group get -10**9."""
    n_fragments = int(fragment.max(initial=-1)) + 1
    if n_fragments == 0:
        return np.full(1, -(10**9))
    above, below, steps, weight = _fragment_steps(u, v, fragment, pitch_A, row_spacing_A, reach=1)
    for reach in (0, 2, 3):
        size = np.bincount(fragment[fragment >= 0], minlength=n_fragments)
        group = _components(np.stack([above, below], axis=1), n_fragments)
        if np.bincount(group, size).max() >= 0.98 * size.sum():
            break
        if reach:
            more = _fragment_steps(u, v, fragment, pitch_A, row_spacing_A, reach=reach)
        else:
            more = _sideways_steps(u, v, fragment, pitch_A, row_spacing_A)
        bridge = group[more[0]] != group[more[1]]
        above, below, steps, weight = (
            np.concatenate([old, new[bridge]])
            for old, new in zip((above, below, steps, weight), more, strict=True)
        )
    return _potentials(n_fragments, above, below, steps, weight, fragment)


def _fragment_steps(
    u: Floats, v: Floats, fragment: Ints, pitch_A: float, row_spacing_A: float, *, reach: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return (upper, lower, rows between, count) for fragments that face each other."""
    from scipy.spatial import cKDTree

    members = np.nonzero(fragment >= 0)[0]
    tall = (reach + 0.45) * row_spacing_A
    scaled = np.stack([u[members] / (0.8 * pitch_A), v[members] / tall], axis=1)
    pairs = cKDTree(scaled).query_pairs(1.0, p=np.inf, output_type="ndarray")
    first, second = members[pairs[:, 0]], members[pairs[:, 1]]
    down = np.where(v[first] < v[second], 1, -1)
    upper = np.where(down > 0, fragment[first], fragment[second])
    lower = np.where(down > 0, fragment[second], fragment[first])
    rows = np.abs(v[first] - v[second]) / row_spacing_A
    faced = (upper != lower) & (rows > reach - 0.45)
    n = int(fragment.max()) + 1
    key, inverse, count = np.unique(
        upper[faced] * n + lower[faced], return_inverse=True, return_counts=True
    )
    mean = np.bincount(inverse, rows[faced], len(key)) / np.maximum(count, 1)
    steps = np.rint(mean).astype(np.int64)
    clear = (np.abs(mean - steps) < 0.35) & (steps >= 1)
    return key[clear] // n, key[clear] % n, steps[clear], count[clear].astype(np.float64)


def _sideways_steps(
    u: Floats, v: Floats, fragment: Ints, pitch_A: float, row_spacing_A: float
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return pairs of fragments that go on in each other across a wide hole in the row."""
    from scipy.spatial import cKDTree

    n = int(fragment.max()) + 1
    members = np.flatnonzero(fragment >= 0)
    order = members[np.lexsort((u[members], fragment[members]))]
    first = order[np.searchsorted(fragment[order], np.arange(n))]
    last = order[np.searchsorted(fragment[order], np.arange(n), side="right") - 1]
    scale = np.array([_BRIDGE * pitch_A, 0.35 * row_spacing_A])
    ends = cKDTree(np.stack([u[last], v[last]], axis=1) / scale)
    starts = cKDTree(np.stack([u[first], v[first]], axis=1) / scale)
    pairs = ends.sparse_distance_matrix(starts, 1.0, output_type="ndarray")
    left, right = pairs["i"].astype(np.int64), pairs["j"].astype(np.int64)
    ahead = (u[first[right]] > u[last[left]]) & (left != right)
    weight = np.full(int(ahead.sum()), 0.5)
    return left[ahead], right[ahead], np.zeros(len(weight), dtype=np.int64), weight


def _potentials(
    n: int, above: Ints, below: Ints, steps: Ints, weight: Floats, fragment: Ints
) -> Ints:
    """Sum integer steps down a spanning tree of the best-supported fragment pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    size = np.bincount(fragment[fragment >= 0], minlength=n)
    graph = coo_array((1.0 / weight, (above, below)), shape=(n, n)).tocsr()
    tree = minimum_spanning_tree(graph)
    group = _components(np.stack([above, below], axis=1), n)
    main = np.bincount(group, size).argmax()
    root = int(np.nonzero(group == main)[0][size[group == main].argmax()])
    order, parent = breadth_first_order(tree, root, directed=False)
    index = np.full(n, -(10**9))
    index[root] = 0
    key = np.concatenate([above * n + below, below * n + above])
    signed = np.concatenate([steps, -steps])
    by_key = np.argsort(key, kind="stable")
    wanted = parent[order[1:]].astype(np.int64) * n + order[1:]
    moves = signed[by_key][np.searchsorted(key[by_key], wanted)]
    for node, move in zip(order[1:], moves, strict=True):
        index[node] = index[parent[node]] + move
    return index


def mean_slope(u: Floats, v: Floats, row: Ints) -> float:
    """Return the common slope dv/du of the rows; columns without a row (-1) do not count."""
    used = row >= 0
    if not used.any():
        return 0.0
    row, u, v = row[used], u[used], v[used]
    count = np.maximum(np.bincount(row), 1)
    along = u - (np.bincount(row, u) / count)[row]
    across = v - (np.bincount(row, v) / count)[row]
    return float(np.sum(along * across) / max(float(np.sum(along**2)), 1e-9))


def height_residual(u: Floats, v: Floats, row: Ints, *, pitch_A: float) -> Floats:
    """Return how far each column lies below the smooth course of its own row [Å]."""
    from scipy.ndimage import uniform_filter1d

    bins = np.rint((u - u.min()) / pitch_A).astype(np.int64)
    shape = (int(row.max()) + 1, int(bins.max()) + 1)
    flat = row * shape[1] + bins
    level = np.bincount(row, v) / np.maximum(np.bincount(row), 1)
    above = v - level[row]
    size = shape[0] * shape[1]
    total = np.bincount(flat, above, size).reshape(shape)
    count = np.bincount(flat, minlength=size).astype(np.float64).reshape(shape)
    window = min(_COURSE, shape[1])
    total = uniform_filter1d(total, window, axis=1, mode="constant")
    count = uniform_filter1d(count, window, axis=1, mode="constant")
    course = total / np.maximum(count, 0.5 / window)
    return above - course[row, bins]
