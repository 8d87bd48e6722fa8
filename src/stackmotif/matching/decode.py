"""Row phases to classes: a Markov chain along every row, all rows at once.

A row of an O3, O1 or P stacking lies at class p = -1, 0 or 1: a third of the pitch left of, at, or
right of the lattice; a fourth class takes positions that fit none. A gap's state is the difference
of the classes of its rows, so one row jump changes both adjacent gaps, oppositely, by construction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLASSES = np.array([-1, 0, 1])
"""Row classes in thirds of the pitch, in the order of the first three probabilities."""


@dataclass(frozen=True)
class ChainSettings:
    """Costs of the chain along a row, in nats.

    Parameters
    ----------
    jump_nats : float
        Cost of a jump of the row by a third of the pitch between two neighbours.
    unknown_nats : float
        Cost of entering the unknown class.
    known_nats : float
        Cost of leaving it for one of the others: a wall that has not finished is a few columns
        long.
    outlier : float
        Fraction of columns whose position carries no information.
    """

    jump_nats: float = 6.0
    unknown_nats: float = 8.0
    known_nats: float = 1.8
    outlier: float = 0.02


@dataclass(frozen=True)
class RowClasses:
    """Decoded class of every column.

    Parameters
    ----------
    probability : ndarray, shape (n, 4)
        Posterior of the classes -1, 0, 1 and unknown.
    best : ndarray of int, shape (n,)
        Class index along the best path, 0 to 3.
    """

    probability: Floats
    best: Ints


def decode_rows(
    phase: Floats, sigma: Floats, row: Ints, *, settings: ChainSettings | None = None
) -> RowClasses:
    """Decode the class of every column from its phase and its neighbours in the row.

    Parameters
    ----------
    phase : ndarray, shape (n,)
        Position along the row, distortion removed [pitch].
    sigma : ndarray, shape (n,)
        Standard deviation of each phase [pitch].
    row : ndarray of int, shape (n,)
        Row of each column.
    """
    chain = _lay_out(phase, sigma, row, settings or ChainSettings())
    posterior, _ = _forward_backward(chain.emission, chain.transition, chain.start)
    path = _viterbi(chain.emission, chain.transition, chain.start)
    probability = np.empty((len(phase), 4))
    best = np.empty(len(phase), dtype=np.int64)
    probability[chain.order] = posterior[chain.at]
    best[chain.order] = path[chain.at]
    return RowClasses(probability=probability, best=best)


def class_posterior(
    phase: Floats, sigma: Floats, row: Ints, *, settings: ChainSettings | None = None
) -> tuple[Floats, float]:
    """Return the posterior of the classes (n, 4), and the log evidence of all phases [nats].

    Arguments are those of `decode_rows`.
    """
    chain = _lay_out(phase, sigma, row, settings or ChainSettings())
    posterior, evidence = _forward_backward(chain.emission, chain.transition, chain.start)
    probability = np.empty((len(phase), 4))
    probability[chain.order] = posterior[chain.at]
    return probability, evidence


@dataclass(frozen=True)
class _Chain:
    """Rows side by side: log emissions (steps, rows, 4), where each column stands in them."""

    emission: Floats
    order: Ints
    at: tuple[Ints, Ints]
    transition: Floats
    start: Floats


def _lay_out(phase: Floats, sigma: Floats, row: Ints, settings: ChainSettings) -> _Chain:
    order = np.lexsort((phase, row))
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(order)))
    line = np.repeat(np.arange(len(starts)), lengths)
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    emission = np.zeros((int(lengths.max()), len(starts), 4))
    emission[place, line] = log_emission(phase[order], sigma[order], outlier=settings.outlier)
    return _Chain(emission, order, (place, line), _transition(settings), _start(settings))


def log_emission(phase: Floats, sigma: Floats, *, outlier: float) -> Floats:
    """Return the log density of phases under the four classes, shape (n, 4).

    A class is a Gaussian about its third of the pitch, wrapped, mixed with a uniform share
    ``outlier``; the unknown class is uniform over the pitch.
    """
    distance = phase[:, None] - CLASSES / 3.0
    distance -= np.rint(distance)
    wide = sigma[:, None]
    gauss = np.exp(-0.5 * (distance / wide) ** 2) / (wide * np.sqrt(2 * np.pi))
    result = np.zeros((len(phase), 4))
    result[:, :3] = np.log((1.0 - outlier) * gauss + outlier)
    return result


def _transition(settings: ChainSettings) -> Floats:
    """Return the log transition matrix (from, to); rows sum to 1."""
    matrix = np.full((4, 4), np.exp(-settings.jump_nats))
    matrix[:3, 3] = np.exp(-settings.unknown_nats)
    matrix[3, :3] = np.exp(-settings.known_nats)
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    return np.log(matrix)


def _start(settings: ChainSettings) -> Floats:
    """Return the log probability of every class at the end of a row, that of a long chain.

    So a row reads the same from either end.
    """
    share = np.array([0.0, 0.0, 0.0, settings.known_nats - settings.unknown_nats])
    return share - np.log(np.exp(share).sum())


def _forward_backward(emission: Floats, transition: Floats, start: Floats) -> tuple[Floats, float]:
    """Return posteriors of the same shape as ``emission`` (steps, rows, 4), and log evidence."""
    step = np.exp(transition)
    highest = emission.max(axis=2, keepdims=True)
    weight = np.exp(emission - highest)
    forward = np.empty_like(emission)
    total = np.empty(emission.shape[:2])
    current = weight[0] * np.exp(start)
    for k in range(len(emission)):
        current = current if k == 0 else (current @ step) * weight[k]
        total[k] = current.sum(axis=1)
        current = current / total[k][:, None]
        forward[k] = current
    backward = np.ones_like(emission[0])
    for k in range(len(emission) - 2, -1, -1):
        backward = (backward * weight[k + 1]) @ step.T
        backward /= backward.sum(axis=1, keepdims=True)
        forward[k] *= backward
    posterior = forward / forward.sum(axis=2, keepdims=True)
    return posterior, float(np.log(total).sum() + highest.sum())


def _viterbi(emission: Floats, transition: Floats, start: Floats) -> Ints:
    """Return the best path, shape (steps, rows)."""
    steps, rows, _ = emission.shape
    came = np.empty((steps, rows, 4), dtype=np.int8)
    score = emission[0] + start
    for k in range(1, steps):
        total = score[:, :, None] + transition
        came[k] = total.argmax(axis=1)
        score = total.max(axis=1) + emission[k]
    path = np.empty((steps, rows), dtype=np.int64)
    path[-1] = score.argmax(axis=1)
    lines = np.arange(rows)
    for k in range(steps - 1, 0, -1):
        path[k - 1] = came[k, lines, path[k]]
    return path
