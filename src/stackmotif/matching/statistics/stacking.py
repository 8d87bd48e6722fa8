"""The statistics of a field, or of a folder of fields."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.statistics.densities import motif_densities
from stackmotif.matching.statistics.describing import describe
from stackmotif.matching.statistics.independence import ANY, TEST_FIELDS, independence_tests
from stackmotif.matching.statistics.laws import (
    PAIR_FIELDS,
    RUN_FIELDS,
    pair_table,
    run_length_table,
)
from stackmotif.matching.statistics.permutations import OrderCounts, count_orders
from stackmotif.matching.statistics.records import FieldRecord, field_record

Floats = NDArray[np.float64]

FEWEST_GAPS, FEWEST_OF_A_KIND = 12, 3
"""Known gaps, and O1 gaps and others among them, below which random order is not tested."""

_DRAWS = 20
_DRAWN_PERMUTATIONS = 199
_DOUBTFUL = 0.05  # misread gaps expected from which the p-value is drawn again


@dataclass(frozen=True)
class StackingStatistics:
    """What is found along c in one field, or in several together.

    Parameters
    ----------
    n_fields, n_skipped : int
        Fields that were used, and fields without a reading.
    n_gaps : int
        Known gaps, along one line along c per field.
    fractions : ndarray, shape (3,)
        Shares of O3, O1 and reversed gaps among them; the majority of each field is O3.
    misread : float
        Gaps among them that are expected to be misread, by their posteriors.
    n_walled : int
        Gaps that change their state along the row: they are met in one of their domains.
    densities, tests, run_lengths, pair_correlation : ndarray
        Tables with the fields `DENSITY_FIELDS`, `TEST_FIELDS`, `RUN_FIELDS`, `PAIR_FIELDS`. Without
        enough gaps the last three are empty.
    neighbour_correlation : float
        Correlation of O1 in neighbouring gaps, against random order: -1 to 1.
    neighbour_sigma : float
        Its standard deviation if the order is random.
    p_range : tuple of float
        The p-value when states are drawn from their posteriors: 5 % and 95 % of the draws.
    length_nm, area_nm2 : float
        Length along c and area that were read.
    n_permutations : int
        Random orders that were compared.
    """

    n_fields: int
    n_skipped: int
    n_gaps: int
    fractions: Floats
    misread: float
    n_walled: int
    densities: NDArray[np.void]
    tests: NDArray[np.void]
    run_lengths: NDArray[np.void]
    pair_correlation: NDArray[np.void]
    neighbour_correlation: float
    neighbour_sigma: float
    p_range: tuple[float, float]
    length_nm: float
    area_nm2: float
    n_permutations: int

    @property
    def enough(self) -> bool:
        """Whether there are enough gaps of each kind for a test of random order."""
        return bool(len(self.tests))

    @property
    def p_value(self) -> float:
        """Probability of an O1 order as unusual as this, or more, if the order is random.

        NaN without enough gaps.
        """
        return self.p_of("O1", ANY)

    def p_of(self, letters: str, test: str) -> float:
        """Return the p-value of one line of ``tests``; NaN if it was not made."""
        own = self.tests[(self.tests["letters"] == letters) & (self.tests["test"] == test)]
        return float(own["p_value"][0]) if len(own) else float("nan")

    def describe(self) -> dict[str, Any]:
        """Return everything as plain, JSON-ready values, with a verdict in words."""
        return describe(self)


def stacking_statistics(
    r: MotifMap | FieldRecord | Iterable[MotifMap | FieldRecord],
    *,
    rng: int | np.random.Generator = 0,
    n_permutations: int = 999,
) -> StackingStatistics:
    """Return densities, run lengths, pair correlation and a test of random order along c.

    Parameters
    ----------
    r : MotifMap, FieldRecord, or an iterable of them
        One result, or several to pool. Fields without a reading are counted and skipped. Gauge and
        direction of c need not agree between them.
    rng : int or Generator
        Of the random orders and draws.
    n_permutations : int
        Random orders to compare with: the smallest p-value is 1 / (n_permutations + 1).

    Raises
    ------
    StackmotifError
        If ``r`` holds anything else, or ``n_permutations`` is below 99.

    Examples
    --------
    >>> found = stacking_statistics(FieldRecord.from_states("+0" * 15))
    >>> found.p_value < 0.01, round(found.neighbour_correlation, 1)
    (True, -1.0)
    """
    if n_permutations < 99:
        raise StackmotifError(
            f"n_permutations is {n_permutations}; expected 99 or more: with fewer no p-value could "
            "be small"
        )
    records = _records(r)
    used = [record for record in records if record.known.any()]
    rng = np.random.default_rng(rng)
    found = _counted(used, len(records) - len(used), n_permutations)
    totals = found.n_gaps * found.fractions
    rest = found.n_gaps - totals[1]
    if found.n_gaps < FEWEST_GAPS or min(totals[1], rest) < FEWEST_OF_A_KIND - 0.5:
        return found
    counts = count_orders(used, rng=rng, n_permutations=n_permutations)
    correlation, sigma = _neighbour_correlation(counts, float(found.fractions[1]))
    found = replace(
        found,
        tests=independence_tests(counts),
        run_lengths=run_length_table(counts, found.fractions, found.n_gaps),
        pair_correlation=pair_table(counts),
        neighbour_correlation=correlation,
        neighbour_sigma=sigma,
    )
    return replace(found, p_range=_p_range(used, found, rng))


def _records(r: Any) -> list[FieldRecord]:
    items = [r] if isinstance(r, MotifMap | FieldRecord) else r
    records = []
    for item in items if isinstance(items, Iterable) else [items]:
        if not isinstance(item, MotifMap | FieldRecord):
            raise StackmotifError(
                f"cannot take the statistics of a {type(item).__name__}; expected results of "
                "identify: a MotifMap or a list of them"
            )
        records.append(field_record(item) if isinstance(item, MotifMap) else item)
    return records


def _counted(
    records: Sequence[FieldRecord], n_skipped: int, n_permutations: int
) -> StackingStatistics:
    """Return the statistics that need no random orders."""
    gaps = np.concatenate([*(r.probability[r.known] for r in records), np.zeros((0, 3))])
    total = gaps.sum(axis=0)
    return StackingStatistics(
        n_fields=len(records),
        n_skipped=n_skipped,
        n_gaps=len(gaps),
        fractions=total / max(float(total.sum()), 1e-12),
        misread=float((gaps.sum(axis=1) - gaps.max(axis=1, initial=0.0)).sum()),
        n_walled=sum(r.n_walled for r in records),
        densities=motif_densities(records),
        tests=np.zeros(0, dtype=TEST_FIELDS),
        run_lengths=np.zeros(0, dtype=RUN_FIELDS),
        pair_correlation=np.zeros(0, dtype=PAIR_FIELDS),
        neighbour_correlation=float("nan"),
        neighbour_sigma=float("nan"),
        p_range=(float("nan"), float("nan")),
        length_nm=float(sum(r.length_A for r in records)) / 10,
        area_nm2=float(sum(r.area_A2 for r in records)) / 100,
        n_permutations=n_permutations,
    )


def _neighbour_correlation(counts: OrderCounts, share: float) -> tuple[float, float]:
    """Return the correlation of O1 in neighbouring gaps and its deviation in random order."""
    pairs = counts.o1_pairs[:, 0]
    mean = float(pairs.mean())
    if mean <= 0:
        return float("nan"), float("nan")
    scale = share / (1.0 - share) / mean
    return float((pairs[0] - mean) * scale), float(pairs.std() * scale)


def _p_range(
    records: Sequence[FieldRecord], found: StackingStatistics, rng: np.random.Generator
) -> tuple[float, float]:
    """Return how far the p-value moves when states are drawn from their posteriors."""
    if found.misread < _DOUBTFUL:
        return found.p_value, found.p_value
    p_values = []
    for _ in range(_DRAWS):
        drawn = [_drawn(record, rng) for record in records]
        counts = count_orders(drawn, rng=rng, n_permutations=_DRAWN_PERMUTATIONS)
        tests = independence_tests(counts)
        p_values.append(tests["p_value"][(tests["letters"] == "O1") & (tests["test"] == ANY)][0])
    low, high = np.quantile(p_values, [0.05, 0.95])
    return float(low), float(high)


def _drawn(record: FieldRecord, rng: np.random.Generator) -> FieldRecord:
    """Draw the state of every gap from its posterior."""
    edges = np.cumsum(record.probability, axis=1)
    state = (rng.random((len(edges), 1)) > edges).sum(axis=1)
    return replace(record, probability=np.eye(4)[state][:, :3])
