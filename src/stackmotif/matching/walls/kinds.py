"""Abrupt or continuous: posterior of the width of a wall, with the rows that share it pooled."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.walls.fitting import WIDTHS, WallFits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS: Final = ("A", "C", "unresolved")
"""Abrupt, continuous, and what cannot be told or is of two or three columns."""

SEPARATION: Final = 3.0
"""Standard deviations between the best abrupt and the best continuous wall that a kind needs."""

_ABRUPT = WIDTHS < 1.25
_CONTINUOUS = WIDTHS > 3.25
_CLASSES = (_ABRUPT, ~_ABRUPT & ~_CONTINUOUS, _CONTINUOUS)
_NARROWEST_SQUEEZED = 3.0  # below, metals of a squeezed wall come closer than 2.4 Å
_SHARES = (0.42, 0.16, 0.42)  # prior of one column, of two or three, of four or more: a parameter
_SURE = 0.8  # probability that a kind needs beside its separation, a parameter
_ALIKE = 4.0  # walls that widths even in their logarithm count for, a parameter
_ROUNDS = 20
_CLEARLY = 3.75  # deviations that make cells inside a wall unknown: columns have tails
_POOL_PITCHES = 3.0  # lateral distance within which walls of neighbouring rows are one
_DISAGREE_NATS = 4.5  # rows whose widths differ by as much as that are not pooled


@dataclass(frozen=True)
class WallKinds:
    """What the widths of walls are.

    Parameters
    ----------
    p : ndarray, shape (n, 3)
        Probability of an abrupt wall, of one of two or three columns, of a continuous one.
    kind : ndarray of int, shape (n,)
        Index into `KINDS`.
    width, sigma : ndarray, shape (n,)
        Mean of the width and its standard deviation [pitch].
    separation : ndarray, shape (n,)
        Between the best abrupt and the best continuous wall, positive where abrupt is better
        [standard deviations].
    p_width : ndarray, shape (n, n_widths)
        Posterior of every width that is tried, by the columns alone (nothing is kept from being
        abrupt), of walls that are clearly not abrupt; else zero.
    pool : ndarray of int, shape (n,)
        Number of the pool of each wall.
    n_pooled : ndarray of int, shape (n,)
        How many rows were pooled.
    """

    p: Floats
    kind: Ints
    width: Floats
    sigma: Floats
    separation: Floats
    p_width: Floats
    pool: Ints
    n_pooled: Ints


def width_prior(jump: Floats | Ints) -> Floats:
    """Return the log prior of every width, shape (n, n_widths); squeezed walls are never narrow.

    Within one column, two or three, and four or more, even in the logarithm of the width: its order
    of magnitude is what is not known.
    """
    share = np.empty(len(WIDTHS))
    for chosen, total in zip(_CLASSES, _SHARES, strict=True):
        room = (np.gradient(WIDTHS) / WIDTHS)[chosen]
        share[chosen] = total * room / room.sum()
    squeezed = np.where(WIDTHS >= _NARROWEST_SQUEEZED, share, 0.0)
    squeezed /= squeezed.sum()
    with np.errstate(divide="ignore"):
        return np.log(np.where(np.asarray(jump)[:, None] > 0, share, squeezed))


def jump_evidence(fits: WallFits) -> Floats:
    """Return the log evidence of the two jumps of every wall, shape (n, 2)."""
    both = [
        fits.log_likelihood[:, side] + width_prior(fits.jumps[:, side])
        for side in range(fits.jumps.shape[1])
    ]
    return np.logaddexp.reduce(np.stack(both, axis=1), axis=2)


def evidence(fits: WallFits) -> Floats:
    """Return the log evidence of every wall, jumps alike, shape (n,)."""
    return np.logaddexp.reduce(jump_evidence(fits), axis=1) - np.log(2.0)


def decide_kinds(
    fits: WallFits, p_side: Floats, row: Ints, centre: Floats, *, blurred: Bools
) -> WallKinds:
    """Decide between abrupt and continuous walls.

    Parameters
    ----------
    fits : WallFits
        Likelihoods of all widths.
    p_side : ndarray, shape (n, 2)
        Probability of the two jumps that each wall may make.
    row : ndarray of int, shape (n,)
        Row of each wall.
    centre : ndarray, shape (n,)
        Place of each wall [pitch].
    blurred : ndarray of bool, shape (n,)
        Walls whose columns are elongated, as one that is inclined in the foil shows them: their
        width is not that of a wall that runs along the beam, and is left unresolved.
    """
    n = len(row)
    stretched = fits.jumps[np.arange(n), p_side.argmax(axis=1)] > 0
    flat, likely = _widths(fits, p_side)
    prior = width_prior(np.ones(n))
    pool = _pools(likely, prior, row, centre, stretched)
    alike = shared_prior(_pooled(likely, pool), prior, pool)
    flat, likely = (_pooled(one, pool)[pool] for one in (flat, likely))
    p = np.exp(likely + prior - np.logaddexp.reduce(likely + prior, axis=1)[:, None])
    shares = np.stack([p[:, chosen].sum(axis=1) for chosen in _CLASSES], axis=1)
    separation = _separation(flat)
    kind = np.full(n, KINDS.index("unresolved"))
    kind[(separation > SEPARATION) & (shares[:, 0] > _SURE)] = KINDS.index("A")
    kind[(separation < -SEPARATION) & (shares[:, 2] > _SURE)] = KINDS.index("C")
    kind[blurred] = KINDS.index("unresolved")
    width = p @ WIDTHS
    return WallKinds(
        p=shares,
        kind=kind,
        width=width,
        sigma=np.sqrt(np.maximum(p @ WIDTHS**2 - width**2, 0.0)),
        separation=separation,
        p_width=_by_columns(flat, alike),
        pool=pool,
        n_pooled=np.bincount(pool, minlength=1)[pool] if n else pool,
    )


def _widths(fits: WallFits, p_side: Floats) -> tuple[Floats, Floats]:
    """Return the log likelihood of every width, both jumps weighed by their probability.

    First as the image alone gives it, then with the widths that leave a squeezed wall no room
    taken out, relative to the prior of a stretched one; shape (n, n_widths) each.
    """
    with np.errstate(divide="ignore"):
        weight = np.log(p_side) - jump_evidence(fits)
    flat = fits.log_likelihood + weight[:, :, None]
    room = np.stack([width_prior(fits.jumps[:, side]) for side in range(2)], axis=1)
    room = room - width_prior(np.ones(len(p_side)))[:, None, :]
    return np.logaddexp.reduce(flat, axis=1), np.logaddexp.reduce(flat + room, axis=1)


def shared_prior(likelihood: Floats, prior: Floats, pool: Ints) -> Floats:
    """Return the log prior of every width as the other walls of the field leave it.

    Within one column, two or three, and four or more, whose shares stay, each width is drawn from
    a distribution that the field has in common, with a Dirichlet prior (collapsed, mean field).

    Parameters
    ----------
    likelihood : ndarray, shape (n_pools, n_widths)
        Log likelihood of the pools.
    prior : ndarray, shape (n, n_widths)
        Log prior of the walls, all alike.
    pool : ndarray of int, shape (n,)
        Pool of each wall.
    """
    if not len(pool):
        return prior
    base = np.exp(prior[0])
    share = np.tile(base, (len(likelihood), 1))
    for _ in range(_ROUNDS):
        joint = likelihood + np.log(share)
        member = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        others = member.sum(axis=0) - member
        for chosen in _CLASSES:
            total = base[chosen].sum()
            count = _ALIKE * base[chosen] / total + others[:, chosen]
            share[:, chosen] = total * count / count.sum(axis=1, keepdims=True)
    return np.log(share)[pool]


def _by_columns(likelihood: Floats, prior: Floats) -> Floats:
    """Return the posterior of every width where the columns exclude an abrupt wall, else zero."""
    joint = likelihood + prior
    p = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
    return np.where(_separation(likelihood)[:, None] < -_CLEARLY, p, 0.0)


def _pooled(likelihood: Floats, pool: Ints) -> Floats:
    """Return the sum over the walls of every pool, shape (n_pools, n_widths)."""
    total = np.zeros((int(pool.max(initial=-1)) + 1, likelihood.shape[1]))
    np.add.at(total, pool, likelihood)
    return total


def _separation(likelihood: Floats) -> Floats:
    """Return how far the best abrupt wall is from the best continuous one, in deviations."""
    abrupt = np.max(likelihood, axis=1, where=_ABRUPT, initial=-1e9)
    apart = abrupt - np.max(likelihood, axis=1, where=_CONTINUOUS, initial=-1e9)
    return np.sign(apart) * np.sqrt(2.0 * np.abs(apart))


def _pools(own: Floats, prior: Floats, row: Ints, centre: Floats, stretched: Bools) -> Ints:
    """Return the number of the group of walls that each wall shares its width with.

    They stand beside each other in neighbouring rows, are both stretched or both squeezed, and
    one width explains them about as well as a width each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(row)
    if n < 2:
        return np.arange(n)
    scaled = np.stack([row / 1.01, centre / _POOL_PITCHES], axis=1)
    pairs = cKDTree(scaled).query_pairs(1.0, p=np.inf, output_type="ndarray")
    one, two = pairs.T
    alike = (row[one] != row[two]) & (stretched[one] == stretched[two])
    posterior = own + prior
    alone = np.logaddexp.reduce(posterior, axis=1)
    both = np.logaddexp.reduce(posterior[one] + own[two], axis=1)
    alike &= alone[one] + alone[two] - both < _DISAGREE_NATS
    graph = coo_array((np.ones(int(alike.sum())), (one[alike], two[alike])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
