"""Where columns are, to about a pixel."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.filtering import Candidates, Filtered, in_rows, noise_of
from stackmotif.columns.noise import Image, NoiseModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FILTER_SCALE = 0.2
"""Sigma of the detection filter in units of the pitch."""

DIM_FILTER_SCALE = 0.28
"""The same where columns hardly stand out: 1.25 times their signal to noise, but less resolved."""

STRONG = 0.3
"""A candidate at least this fraction of the typical response needs no neighbours."""

LEAST_ORDER = 0.08
"""Smallest share of equally spaced neighbours, averaged locally: a random film has 0.01."""

LEAST_ORDER_DIM = 0.16
"""The same where columns hardly stand out: the noise of a film passes for columns more easily."""

_SUPPORT_RADIUS = 0.15
_NEIGHBOURS = 8
_GROWTH_PASSES = 40
_VOTES, _VOTES_IN_ROW = 2, 1
_ROW_MATES = 2
_SHOWN, _BY_CHANCE = 2.0, 0.0228  # standard deviations, and how often noise exceeds them
_FEW = 5
_FAINTEST = 3.5
_FAINTEST_DIM = 3.0
_DIM = 7.0


def detect(
    image: Image,
    *,
    noise: NoiseModel,
    pitch_px: float,
    min_separation: float = 0.6,
    false_alarms: float = 0.1,
    weak_fraction: float = 0.08,
    when_dim: Callable[[], "Candidates"] | None = None,
) -> Candidates:
    """Find bright columns to about a pixel.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    noise : NoiseModel
        Variance of a pixel as a function of ``image``.
    pitch_px : float
        Distance of neighbouring columns [px].
    min_separation : float
        Smaller maxima closer than this to a larger one are dropped [pitches].
    false_alarms : float
        Number of maxima that pure noise may pass in the whole image.
    weak_fraction : float
        Smallest response, as a fraction of the typical one, of a column among others.
    when_dim : callable, optional
        Gives the candidates in place of the rows where columns hardly stand out.

    Returns
    -------
    Candidates
        In image order (y, then x).
    """
    filtered = Filtered.of(image, noise, FILTER_SCALE * pitch_px)
    limit, found = filtered.limit(false_alarms), filtered.maxima()
    found = found.take(found.significance > min(limit, _FAINTEST))
    dim = _is_dim(found, limit)
    if dim and when_dim is not None:
        return when_dim()
    if dim:
        wider = Filtered.of(image, noise, DIM_FILTER_SCALE * pitch_px)
        limit = wider.limit(false_alarms)
        found = _dim_columns(wider, pitch_px, least=min(limit, _FAINTEST_DIM), limit=limit)
    found = found.take(_isolated(found, min_separation * pitch_px))
    found = found.take(_columns_not_speckle(found, pitch_px, weak_fraction, limit))
    if not dim and _shows_more(found, filtered, pitch_px):
        for other in (filtered, Filtered.of(image, noise, DIM_FILTER_SCALE * pitch_px)):
            least = min(other.limit(false_alarms), _FAINTEST_DIM)
            more = in_rows(other, pitch_px, least=least)
            if more is not None:
                more = more.take(_isolated(more, min_separation * pitch_px))
                found = _continued(found, more, pitch_px, min_separation * pitch_px)
    return found.take(in_order(found.positions_px, pitch_px, dim=dim))


def in_order(points: Floats, pitch_px: float, *, dim: bool) -> Bools:
    """Mark points whose surroundings are a lattice.

    Where columns hardly stand out, noise leaves a crystal less order in places, too: what is not
    without order and continues the lattice belongs to it.
    """
    order = lattice_order(points, pitch_px=pitch_px)
    kept = order >= (LEAST_ORDER_DIM if dim else LEAST_ORDER)
    none = np.zeros(len(points), dtype=bool)
    return _grown(
        points, kept, order >= LEAST_ORDER, pitch_px, between_counts=none, votes=_VOTES_IN_ROW
    )


def _dim_columns(filtered: Filtered, pitch_px: float, *, least: float, limit: float) -> Candidates:
    """Return what rows show, or what shows by itself if the image has none."""
    rows = in_rows(filtered, pitch_px, least=least, alone=limit)
    if rows is not None:
        return rows
    found = filtered.maxima()
    return found.take(found.significance > least)


def _shows_more(found: Candidates, filtered: Filtered, pitch_px: float) -> bool:
    """Tell whether something shows where rows of columns would go on, oftener than by chance.

    Beyond the edge of a crystal nothing does; in areas that are blurred, thick or thin much does.
    """
    from scipy.spatial import cKDTree

    points = found.positions_px
    if len(points) <= _NEIGHBOURS:
        return False
    tree = cKDTree(points)
    _, near = tree.query(points, k=1 + _ROW_MATES)
    expected = (2 * points[:, None] - points[near[:, 1:]]).reshape(-1, 2)
    pixel = np.rint(expected).astype(np.int64)
    inside = np.all((pixel >= 0) & (pixel < np.array(filtered.response.shape)), axis=1)
    empty = ~np.isfinite(tree.query(expected[inside], distance_upper_bound=0.5 * pitch_px)[0])
    y, x = pixel[inside][empty].T
    noise = noise_of(filtered.noise, filtered.smooth[y, x], filtered.scale_px)
    by_chance = _BY_CHANCE * len(y)
    shown = np.count_nonzero(filtered.response[y, x] > _SHOWN * noise)
    return bool(shown > by_chance + 4 * np.sqrt(by_chance) + _FEW)


def _continued(
    found: Candidates, more: Candidates, pitch_px: float, radius_px: float
) -> Candidates:
    """Return what was found, and what else continues its lattice, step by step."""
    from scipy.spatial import cKDTree

    for _ in range(_GROWTH_PASSES):
        away = cKDTree(found.positions_px).query(more.positions_px)[0]
        more = more.take(away > radius_px)
        beyond, _ = lattice_votes(more.positions_px, found.positions_px, pitch_px=pitch_px)
        if not (beyond >= _VOTES_IN_ROW).any():
            break
        found = found.joined(more.take(beyond >= _VOTES_IN_ROW))
    return found


def _is_dim(found: Candidates, limit: float) -> bool:
    """Tell whether the typical column stands out of the noise by little or not at all."""
    certain = found.significance[found.significance > limit]
    return not len(certain) or float(np.median(certain)) < _DIM


def _isolated(found: Candidates, radius_px: float) -> Bools:
    """Mark candidates that have no stronger one within the radius; ties go to the first."""
    from scipy.spatial import cKDTree

    kept = np.ones(len(found.response), dtype=bool)
    if len(kept) < 2:
        return kept
    pairs = cKDTree(found.positions_px).query_pairs(radius_px, output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    second_wins = found.response[second] > found.response[first]
    kept[np.where(second_wins, first, second)] = False
    return kept


def _columns_not_speckle(
    found: Candidates, pitch_px: float, weak_fraction: float, limit: float
) -> Bools:
    """Accept strong candidates, then weaker ones that continue the accepted lattice.

    A strong one is significant and has a response of ``STRONG`` or more of the typical column. Any
    other is accepted when it is equally spaced with two accepted columns, twice over. If it is
    significant it may lie between the two (a faint row between strong ones); if it is not, it must
    lie beyond both, because noise in the middle of four columns passes the first test by symmetry.
    """
    certain = found.significance > limit
    if not certain.any():
        return np.zeros(len(certain), dtype=bool)
    typical = typical_of(found.response[certain])
    accepted = certain & (found.response >= STRONG * typical)
    possible = found.response >= weak_fraction * typical
    return _grown(
        found.positions_px, accepted, possible, pitch_px, between_counts=certain, votes=_VOTES
    )


def _grown(
    points: Floats,
    accepted: Bools,
    possible: Bools,
    pitch_px: float,
    *,
    between_counts: Bools,
    votes: int,
) -> Bools:
    """Accept, step by step, the possible points that continue the lattice of those accepted.

    ``votes`` pairs of accepted points must be equally spaced with a point; pairs with the point in
    their middle count for the points marked ``between_counts``.
    """
    accepted = accepted.copy()
    for _ in range(_GROWTH_PASSES):
        open_ = np.flatnonzero(possible & ~accepted)
        if not len(open_):
            break
        beyond, between = lattice_votes(points[open_], points[accepted], pitch_px=pitch_px)
        new = open_[beyond + np.where(between_counts[open_], between, 0) >= votes]
        if not len(new):
            break
        accepted[new] = True
    return accepted


def typical_of(response: Floats) -> float:
    """Return the median of the clearly strong responses, whatever share of the image they fill."""
    high = float(np.percentile(response, 99))
    return float(np.median(response[response >= 0.5 * high])) if high > 0 else 0.0


def lattice_order(points: Floats, *, pitch_px: float) -> Floats:
    """Return how lattice-like the surroundings of each point are, from 0 to 1.

    The share of a point's eight neighbours that are repeated on the other side of the point, and
    once more beyond the neighbour, over the point and its neighbours. Outside the box along the
    image axes that holds all points none is expected. One for fewer points than that.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        (y, x) [px].
    pitch_px : float
        Column pitch [px].
    """
    from scipy.spatial import cKDTree

    if len(points) <= _NEIGHBOURS:
        return np.ones(len(points))
    tree = cKDTree(points)
    _, near = tree.query(points, k=_NEIGHBOURS + 1)
    neighbour, point = points[near[:, 1:]], points[:, None]
    limit = _SUPPORT_RADIUS * pitch_px
    expected = np.concatenate([2 * neighbour - point, 2 * point - neighbour], axis=1)
    repeated = np.isfinite(tree.query(expected, distance_upper_bound=limit)[0])
    low, high = points.min(axis=0) - limit, points.max(axis=0) + limit
    inside = np.all((expected >= low) & (expected <= high), axis=2)
    hits, places = (repeated & inside).sum(axis=1), inside.sum(axis=1)
    return np.asarray(hits[near].sum(axis=1) / np.maximum(places[near].sum(axis=1), 1))


def lattice_votes(
    points: Floats, lattice: Floats, *, pitch_px: float, among: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each point, pairs of lattice columns that are equally spaced with it.

    Parameters
    ----------
    points, lattice : ndarray, shape (n, 2) and (m, 2)
        (y, x) [px].
    pitch_px : float
        Column pitch [px]; the tolerance is 0.15 of it.
    among : bool
        Whether every point is itself in ``lattice``, and to be left out of its own neighbours.

    Returns
    -------
    beyond, between : ndarray of int, shape (n,)
        Pairs on one side of the point, and pairs with the point in their middle, which count from
        either end.
    """
    from scipy.spatial import cKDTree

    own = int(among)
    k = min(_NEIGHBOURS + own, len(lattice))
    none = np.zeros(len(points), dtype=np.int64)
    if k < 2 + own:
        return none, none
    tree = cKDTree(lattice)
    near = tree.query(points, k=k)[1][:, own:]
    neighbour, point = lattice[near], points[:, None]
    limit = _SUPPORT_RADIUS * pitch_px
    found = [
        np.isfinite(tree.query(expected, distance_upper_bound=limit)[0]).sum(axis=1)
        for expected in (2 * neighbour - point, 2 * point - neighbour)
    ]
    return found[0], found[1]
