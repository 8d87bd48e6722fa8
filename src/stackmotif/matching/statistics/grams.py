"""Counts of what follows what along c, for many orders of the same gaps at once.

Two fields need not share the sign of their shifts (the gauge), nor the direction of c. Patterns are
therefore counted in classes that neither a change of sign nor a reversal changes.
"""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


def pattern_classes(n: int, *, letters: str = "states") -> tuple[Ints, int]:
    """Return the class of each pattern of ``n`` gap states, and how many classes there are.

    Patterns are numbered in base 3 with ``+``, ``0``, ``-`` as 0, 1, 2; a change of sign or a
    reversal of a pattern leaves its class. With ``letters='O1'`` only O1 or not is looked at.

    >>> pattern_classes(2)[1], pattern_classes(3)[1], pattern_classes(2, letters="O1")[1]
    (4, 10, 3)
    """
    patterns = list(itertools.product(range(3), repeat=n))
    seen: dict[tuple[int, ...], int] = {}
    return np.array([seen.setdefault(_smallest(p, letters), len(seen)) for p in patterns]), len(
        seen
    )


def _smallest(pattern: tuple[int, ...], letters: str) -> tuple[int, ...]:
    if letters == "O1":
        pattern = tuple(int(state == 1) for state in pattern)
        return min(pattern, pattern[::-1])
    flipped = tuple(2 - state for state in pattern)
    return min(pattern, pattern[::-1], flipped, flipped[::-1])


def pattern_counts(probability: Singles) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return expected counts of pairs and triples of successive gap states.

    Parameters
    ----------
    probability : ndarray, shape (b, n_gaps, 3)
        Posteriors of ``b`` orders of the gaps.

    Returns
    -------
    ndarray, shape (b, 9), and ndarray, shape (b, 27)
        Counts of the patterns, numbered in base 3.
    """
    b = len(probability)
    pairs = probability[:, :-1].transpose(0, 2, 1) @ probability[:, 1:]
    two = probability[:, :-2, :, None] * probability[:, 1:-1, None, :]
    triples = two.reshape(b, -1, 9).transpose(0, 2, 1) @ probability[:, 2:]
    return np.asarray(pairs).reshape(b, 9), np.asarray(triples).reshape(b, 27)


def pair_counts_at(is_o1: Singles, n_lags: int) -> Floats:
    """Return how many pairs of O1 gaps stand 1, 2, … ``n_lags`` gaps apart, shape (b, n_lags).

    ``is_o1`` (b, n_gaps) is the posterior of O1.
    """
    counts = np.zeros((len(is_o1), n_lags))
    for lag in range(1, min(n_lags, is_o1.shape[1] - 1) + 1):
        counts[:, lag - 1] = np.einsum("bk,bk->b", is_o1[:, :-lag], is_o1[:, lag:])
    return counts


def run_counts(state: NDArray[np.int8], longest: int) -> Floats:
    """Return counts of complete runs along c of 1, 2, … gaps, shape (3, b, longest).

    A run is complete if the gaps on both sides of it are known to be others; runs at the edge or
    beside unknown gaps are not counted.

    Parameters
    ----------
    state : ndarray of int8, shape (b, n_gaps)
        0, 1, 2 for ``+``, ``0``, ``-``; 3 for unknown.
    longest : int
        Runs of this length or more share the last place.
    """
    b, n_gaps = state.shape
    lines = np.full((b, n_gaps + 2), 3, dtype=np.int8)
    lines[:, 1:-1] = state
    flat = lines.ravel()
    first = np.flatnonzero(np.diff(flat, prepend=-1))
    value = flat[first]
    length = np.minimum(np.diff(np.append(first, len(flat))), longest)
    complete = np.zeros(len(first), dtype=bool)
    complete[1:-1] = (value[1:-1] != 3) & (value[:-2] != 3) & (value[2:] != 3)
    member = first[complete] // (n_gaps + 2)
    key = (value[complete].astype(np.int64) * b + member) * longest + length[complete] - 1
    return np.bincount(key, minlength=3 * b * longest).reshape(3, b, longest).astype(np.float64)
