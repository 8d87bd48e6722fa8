"""Is the order of the gaps random? Exact tests by permutation of the gaps, pooled over fields."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.statistics.grams import pattern_classes
from stackmotif.matching.statistics.permutations import OrderCounts

Floats = NDArray[np.float64]

TEST_FIELDS: Final = [
    ("letters", "U8"), ("test", "U12"), ("statistic", "f8"), ("expected", "f8"),
    ("p_value", "f8"), ("p_below", "f8"),
]  # fmt: skip
"""One line per test: ``O1`` (an O1 gap or not) or ``states`` (all three, sign and direction of c
taken out); what was tested; its value and mean over random orders; the p-value, and the share of
orders that are strictly more extreme (with few gaps many orders tie)."""

ORDER_1, ORDER_2, PAIRS, ANY = "order 1", "order 2", "pairs", "any"
_DIGITS = 1  # of a statistic: what differs by less is a tie, or posteriors of 0.998 would decide


def independence_tests(counts: OrderCounts) -> NDArray[np.void]:
    """Return the tests of random order, fields `TEST_FIELDS`.

    ``order 1`` and ``order 2`` are likelihood ratios of a Markov chain of that order against
    independent gaps, over pattern classes; ``pairs`` is the largest deviation of the pair
    correlation at any distance; ``any`` takes the smallest of the three and accounts for it.
    """
    lines = []
    for letters in ("O1", "states"):
        values = {
            ORDER_1: _likelihood_ratio(counts.pairs, *pattern_classes(2, letters=letters)),
            ORDER_2: _likelihood_ratio(counts.triples, *pattern_classes(3, letters=letters)),
        }
        if letters == "O1":
            values[PAIRS] = _largest_deviation(counts.o1_pairs)
        measured = dict(values)
        values = {name: np.round(value, _DIGITS) for name, value in values.items()}
        smallest = np.min([upper_shares(value) for value in values.values()], axis=0)
        values[ANY] = measured[ANY] = -np.round(smallest, 9)
        for name, value in values.items():
            sign = -1.0 if name == ANY else 1.0
            p_value, p_below = float(upper_shares(value)[0]), float(np.mean(value > value[0]))
            told = (sign * measured[name][0], sign * measured[name].mean())
            lines.append((letters, name, *told, p_value, p_below))
    return np.array(lines, dtype=TEST_FIELDS)


def upper_shares(value: Floats) -> Floats:
    """Return, for each of b values, the share that is as large or larger, itself included.

    The first is the p-value of the first: exact if all b are equally likely.

    >>> upper_shares(np.array([2.0, 1.0, 2.0, 0.0])).tolist()
    [0.5, 0.75, 0.5, 1.0]
    """
    ordered = np.sort(value)
    return 1.0 - np.searchsorted(ordered, value, side="left") / len(value)


def _likelihood_ratio(counts: Floats, classes: NDArray[np.int64], n: int) -> Floats:
    """Return 2 Σ O ln(O / E) over classes, with E the mean over all orders, shape (b,)."""
    grouped = np.stack([counts[:, classes == k].sum(axis=1) for k in range(n)], axis=1)
    expected = grouped.mean(axis=0)
    used = expected > 1e-9
    ratio = np.maximum(grouped[:, used], 1e-300) / expected[used]
    return np.asarray(2.0 * (grouped[:, used] * np.log(ratio)).sum(axis=1))


def _largest_deviation(counts: Floats) -> Floats:
    """Return the largest standardised deviation over distances, shape (b,)."""
    spread = counts.std(axis=0)
    used = spread > 1e-9
    if not used.any():
        return np.zeros(len(counts))
    centred = counts[:, used] - counts[:, used].mean(axis=0)
    return np.asarray(np.abs(centred / spread[used]).max(axis=1))
