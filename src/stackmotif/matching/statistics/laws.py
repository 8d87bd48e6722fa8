"""Run lengths and pair correlation of the gap states, beside what random order would give."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.statistics.permutations import LONGEST_RUN, OrderCounts

Floats = NDArray[np.float64]

RUN_FIELDS: Final = [
    ("state", "U8"), ("length", "i8"), ("observed", "f8"), ("expected", "f8"), ("low", "f8"),
    ("high", "f8"), ("geometric", "f8"),
]  # fmt: skip
"""One line per state (``O3``, ``O1``, ``reversed``) and length: complete runs of that many gaps
(the last: that many or more) on one line along c per field; mean and 95 % band over random orders
of the same gaps in the same fields; and what the geometric law (1-f) f^(n-1) gives for as many gaps
of an endless random stacking."""

PAIR_FIELDS: Final = [
    ("distance", "i8"), ("observed", "f8"), ("low", "f8"), ("high", "f8"), ("low_all", "f8"),
    ("high_all", "f8"), ("n_pairs", "f8"),
]  # fmt: skip
"""One line per distance in gaps: pairs of O1 gaps over their mean for random orders (1 is random),
the 95 % band at this distance, the band that 95 % of random orders keep at all distances, and the
number of pairs."""

STATE_NAMES: Final = ("O3", "O1", "reversed")


def run_length_table(counts: OrderCounts, fractions: Floats, n_gaps: int) -> NDArray[np.void]:
    """Return run lengths against random order, fields `RUN_FIELDS`; no line for absent states.

    ``fractions`` are the shares of ``+``, ``0``, ``-`` among the ``n_gaps`` known gaps.
    """
    length = np.arange(1, LONGEST_RUN + 1)
    tables = []
    for name, runs, f in zip(STATE_NAMES, counts.runs, fractions, strict=True):
        if f <= 0:
            continue
        table = np.zeros(LONGEST_RUN, dtype=RUN_FIELDS)
        table["state"], table["length"] = name, length
        table["observed"], table["expected"] = runs[0], runs.mean(axis=0)
        table["low"], table["high"] = np.quantile(runs, [0.025, 0.975], axis=0)
        table["geometric"] = n_gaps * f * (1.0 - f) * geometric_law(float(f), length)
        tables.append(table)
    return np.concatenate(tables) if tables else np.zeros(0, dtype=RUN_FIELDS)


def geometric_law(fraction: float, length: NDArray[np.int64]) -> Floats:
    """Return the probability of run lengths in an endless random stacking; the last is a tail.

    >>> geometric_law(0.5, np.array([1, 2, 3])).tolist()
    [0.5, 0.25, 0.25]
    """
    law = (1.0 - fraction) * fraction ** (length - 1.0)
    law[-1] = fraction ** (length[-1] - 1.0)
    return np.asarray(law, dtype=np.float64)


def pair_table(counts: OrderCounts) -> NDArray[np.void]:
    """Return the pair correlation of O1 gaps along c, fields `PAIR_FIELDS`; NaN without pairs."""
    found = counts.o1_pairs
    mean, spread = found.mean(axis=0), found.std(axis=0)
    possible = mean > 1e-9
    scale = np.where(possible, mean, np.nan)
    table = np.zeros(found.shape[1], dtype=PAIR_FIELDS)
    table["distance"] = np.arange(1, found.shape[1] + 1)
    table["observed"], table["n_pairs"] = found[0] / scale, found[0]
    table["low"], table["high"] = np.quantile(found, [0.025, 0.975], axis=0) / scale
    widest = np.abs((found - mean) / np.where(spread > 1e-9, spread, np.inf)).max(axis=1)
    reach = float(np.quantile(widest, 0.95)) * spread
    table["low_all"] = np.maximum(mean - reach, 0.0) / scale
    table["high_all"] = (mean + reach) / scale
    return table
