"""Counts of what follows what along c, for many orders of the same gaps at once.

Two fields need not share the sign of their shifts (the gauge), nor the direction of c. Patterns are
therefore counted in classes that neither a change of sign nor a reversal changes.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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


def pattern_counts(probability: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return expected counts of pairs and triples of successive gap states.

    Parameters
    ----------
    probability : ndarray, shape (b, n_gaps, n_sections, 3)
        Posteriors of ``b`` orders of the gaps.
    weight : ndarray, shape (n_sections,)
        Weight of each section; a full-width field counts every pair of gaps once.

    Returns
    -------
    ndarray, shape (b, 9), and ndarray, shape (b, 27)
        Counts of the patterns, numbered in base 3.
    """
    b = len(probability)
    first = probability * weight[None, None, :, None]
    pairs = _contract(first[:, :-1], probability[:, 1:])
    two = first[:, :-2, :, :, None] * probability[:, 1:-1, :, None, :]
    triples = _contract(two.reshape(*two.shape[:3], 9), probability[:, 2:])
    return pairs.reshape(b, 9), triples.reshape(b, 27)


def _contract(first: Floats, second: Floats) -> Floats:
    """Sum the outer products of the last axes over gaps and sections."""
    b, places = first.shape[0], first.shape[1] * first.shape[2]
    left = first.reshape(b, places, first.shape[3]).transpose(0, 2, 1)
    return np.asarray(left @ second.reshape(b, places, second.shape[3]))


def pair_counts_at(is_o1: Floats, weight: Floats, n_lags: int) -> Floats:
    """Return how many pairs of O1 gaps stand 1, 2, … ``n_lags`` gaps apart, shape (b, n_lags).

    ``is_o1`` (b, n_gaps, n_sections) is the posterior of O1.
    """
    counts = np.zeros((len(is_o1), n_lags))
    weighted = is_o1 * weight
    for lag in range(1, min(n_lags, is_o1.shape[1] - 1) + 1):
        counts[:, lag - 1] = np.einsum("bks,bks->b", weighted[:, :-lag], is_o1[:, lag:])
    return counts


def run_counts(
    letter: NDArray[np.bool_], known: NDArray[np.bool_], weight: Floats, longest: int
) -> Floats:
    """Return counts of complete runs of 1, 2, … gaps along c, shape (b, longest).

    Parameters
    ----------
    letter, known : ndarray of bool, shape (b, n_gaps, n_sections)
        Gaps that have the state, and gaps whose state is known. A run is complete if the gaps on
        both sides of it are known to be others; runs at the edge or beside unknown gaps are not
        counted.
    weight : ndarray, shape (n_sections,)
        Weight of each section.
    longest : int
        Runs of this length or more share the last place.
    """
    b, n_gaps, n_sections = letter.shape
    other = known & ~letter
    length = np.zeros((b, n_sections), dtype=np.int64)
    open_ = np.zeros((b, n_sections), dtype=bool)
    counts = np.zeros((b, longest))
    for k in range(n_gaps):
        closes = other[:, k] & open_ & (length > 0)
        if closes.any():
            member, section = np.nonzero(closes)
            place = np.minimum(length[member, section], longest) - 1
            np.add.at(counts, (member, place), weight[section])
        length = np.where(letter[:, k], length + 1, 0)
        open_ = other[:, k] | (open_ & letter[:, k])
    return counts
