"""How many gaps it takes to tell order from chance."""

import math
from typing import Final

TELLING_CORRELATION: Final = 0.3
"""Neighbour correlation that a statement on randomness should be able to exclude: a parameter."""

_BOUND: Final = 18.0  # gaps times the squared correlation at a power of 0.9 (docs/statistics.md)
_FEWEST: Final = 15  # gaps at which perfect alternation is found with a power of 0.9
_RARE: Final = 0.2  # share of O1 (or of others) below which more gaps are needed in proportion


def gaps_needed(correlation: float = TELLING_CORRELATION, *, share: float = 0.25) -> int:
    """Return about how many gaps find a neighbour correlation with a power of 0.9 at p = 0.05.

    Parameters
    ----------
    correlation : float
        Correlation of the indicators of O1 in neighbouring gaps: -1 for H1-3, 0 for random order,
        positive for clusters.
    share : float
        Share of O1 among the gaps.

    Examples
    --------
    >>> gaps_needed(-1.0, share=0.5), gaps_needed(0.5), gaps_needed(0.3)
    (18, 72, 200)
    """
    size = max(abs(correlation), 1e-3)
    rare = max(1.0, _RARE / max(min(share, 1.0 - share), 1e-3))
    return max(_FEWEST, math.ceil(round(_BOUND * rare / size**2, 6)))
