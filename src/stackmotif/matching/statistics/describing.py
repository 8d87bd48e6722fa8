"""Statistics as plain values and in words."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.statistics.laws import STATE_NAMES
from stackmotif.matching.statistics.power import TELLING_CORRELATION, gaps_needed

if TYPE_CHECKING:
    from stackmotif.matching.statistics.stacking import StackingStatistics

ALPHA = 0.05
"""Level at which order is called not random."""

_CLEAR = 2.0  # standard deviations of the neighbour correlation that give a direction
_TESTED = (
    "whether the order of the gaps along c is random, given how many of each kind every field has: "
    "likelihood ratio of Markov chains of order 1 and 2 and pair correlation of O1 gaps, against "
    "random orders of the gaps within each field; along one line along c per field, which meets "
    "every gap once"
)


def describe(s: "StackingStatistics") -> dict[str, Any]:
    """Return statistics as plain values; numbers that do not exist are None."""
    return {
        "n_fields": s.n_fields,
        "n_skipped": s.n_skipped,
        "n_gaps": s.n_gaps,
        "fractions": dict(zip(STATE_NAMES, map(_plain, s.fractions), strict=True)),
        "expected_misread_gaps": _plain(s.misread),
        "gaps_with_walls": s.n_walled,
        "length_nm": _plain(s.length_nm),
        "area_nm2": _plain(s.area_nm2),
        "densities": _lines(s.densities),
        "order": {
            "tested": _TESTED,
            "p_value": _plain(s.p_value),
            "p_range": [_plain(p) for p in s.p_range],
            "n_permutations": s.n_permutations if s.enough else 0,
            "neighbour_correlation": _plain(s.neighbour_correlation),
            "neighbour_sigma": _plain(s.neighbour_sigma),
            "gaps_needed": gaps_needed(share=float(s.fractions[1]) if s.n_gaps else 0.25),
            "verdict": verdict(s),
            "tests": _lines(s.tests),
        },
        "run_lengths": _lines(s.run_lengths),
        "pair_correlation": _lines(s.pair_correlation),
    }


def verdict(s: "StackingStatistics") -> str:
    """Return in one sentence whether the stacking looks like a random intergrowth."""
    o1 = s.n_gaps * float(s.fractions[1])
    if not s.enough:
        return (
            f"{s.n_gaps} gaps, {o1:.0f} of them O1, are too few to say whether their order is "
            f"random; perfect alternation needs about {gaps_needed(-1.0, share=0.5)} gaps, a "
            f"neighbour correlation of ±{TELLING_CORRELATION} about {gaps_needed()}"
        )
    said = f"{s.n_gaps} gaps, {o1:.0f} of them O1"
    correlation = f"neighbour correlation {s.neighbour_correlation:+.2f} ± {s.neighbour_sigma:.2f}"
    if s.p_value <= ALPHA:
        doubt = "" if s.p_range[1] <= ALPHA else ", but not for all states that may be right"
        return f"{said}: not random (p = {s.p_value:.3g}, {correlation}): {_kind(s)}{doubt}"
    share, least = float(s.fractions[1]), _least(s)
    needed = gaps_needed(share=share)
    more = f"; ±{TELLING_CORRELATION} needs {needed} gaps" if s.n_gaps < needed else ""
    found = (
        f"a correlation of ±{least:.2f} or more would have been found nine times in ten"
        if least < 1
        else "nothing short of perfect alternation would have been found for sure"
    )
    return (
        f"{said}: not to be told from a random intergrowth (p = {s.p_value:.2g}, {correlation}); "
        f"{found}{more}"
    )


def _kind(s: "StackingStatistics") -> str:
    z = s.neighbour_correlation / s.neighbour_sigma if s.neighbour_sigma else 0.0
    if z > _CLEAR:
        return "O1 gaps cluster, or their share changes along c"
    if z < -_CLEAR:
        return "O1 gaps keep apart, as in H1-3 or staging"
    return "order beyond the next gap"


def _least(s: "StackingStatistics") -> float:
    """Return the neighbour correlation that this many gaps find with a power of 0.9."""
    sizes = np.arange(0.02, 1.0, 0.01)
    share = float(s.fractions[1])
    found = [size for size in sizes if gaps_needed(float(size), share=share) <= s.n_gaps]
    return float(found[0]) if found else 1.0


def _lines(table: NDArray[Any]) -> list[dict[str, Any]]:
    names = table.dtype.names or ()
    return [dict(zip(names, map(_plain, line.tolist()), strict=True)) for line in table]


def _plain(value: Any) -> Any:
    """Return a number with five significant digits, None where there is none; text as it is."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value
