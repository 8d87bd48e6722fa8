"""Counts of a field, or of several, as observed and for many random orders of the same gaps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.statistics.grams import pair_counts_at, pattern_counts, run_counts
from stackmotif.matching.statistics.records import FieldRecord

Floats = NDArray[np.float64]

LONGEST_RUN = 10
"""Runs of this many gaps and more are counted together."""

MOST_LAGS = 16
"""Distances, in gaps, up to which pairs of O1 gaps are counted, at most."""

_AT_ONCE = 2_000_000  # numbers of a batch of orders: a bound on memory


@dataclass(frozen=True)
class OrderCounts:
    """Pooled counts; line 0 is as observed, the others are random orders within each field.

    Parameters
    ----------
    pairs, triples : ndarray, shape (b, 9) and (b, 27)
        Patterns of successive states, numbered in base 3.
    o1_pairs : ndarray, shape (b, n_lags)
        Pairs of O1 gaps at each distance.
    runs : ndarray, shape (3, b, LONGEST_RUN)
        Complete runs of ``+``, ``0``, ``-`` by length.
    """

    pairs: Floats
    triples: Floats
    o1_pairs: Floats
    runs: Floats


def count_orders(
    records: Sequence[FieldRecord], *, rng: np.random.Generator, n_permutations: int
) -> OrderCounts:
    """Count the observed order and ``n_permutations`` random orders, added up over fields.

    The gaps of each field change places among themselves, each with all that is uncertain in it;
    unknown gaps stay where they are.
    """
    b = n_permutations + 1
    n_lags = lag_limit(records)
    total = OrderCounts(
        np.zeros((b, 9)), np.zeros((b, 27)), np.zeros((b, n_lags)), np.zeros((3, b, LONGEST_RUN))
    )
    for record in records:
        for lines, probability in _orders(record, rng, n_permutations):
            _add(total, lines, probability)
    return total


def lag_limit(records: Sequence[FieldRecord]) -> int:
    """Return up to which distance pairs are counted: half the tallest field at most."""
    tallest = max((len(r.probability) for r in records), default=2)
    return max(1, min(MOST_LAGS, tallest // 2))


def _add(total: OrderCounts, lines: slice, probability: NDArray[np.float32]) -> None:
    pairs, triples = pattern_counts(probability)
    total.pairs[lines] += pairs
    total.triples[lines] += triples
    total.o1_pairs[lines] += pair_counts_at(probability[..., 1], total.o1_pairs.shape[1])
    state = np.where(probability.sum(axis=2) > 0.5, probability.argmax(axis=2), 3)
    total.runs[:, lines] += run_counts(state.astype(np.int8), LONGEST_RUN)


def _orders(
    record: FieldRecord, rng: np.random.Generator, n_permutations: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield batches of orders of the gaps of a field, the observed one first."""
    probability = record.probability.astype(np.float32)
    if len(probability) < 3:
        return
    yield slice(0, 1), probability[None]
    places = np.flatnonzero(record.known)
    pool = _sorted_gaps(probability[places])
    size = max(1, _AT_ONCE // (9 * len(probability)))
    for start in range(1, n_permutations + 1, size):
        stop = min(start + size, n_permutations + 1)
        order = rng.permuted(np.tile(np.arange(len(places)), (stop - start, 1)), axis=1)
        moved = np.tile(probability, (stop - start, 1, 1))
        moved[:, places] = pool[order]
        yield slice(start, stop), moved


def _sorted_gaps(gaps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sort gaps by their content, so that random orders do not depend on the order as found."""
    rounded = np.round(gaps, 3)
    return gaps[np.lexsort((rounded[:, 0], rounded[:, 1]))]
