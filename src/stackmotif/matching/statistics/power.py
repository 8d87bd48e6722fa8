"""How many gaps it takes to tell order from chance."""

import math
from typing import Final

TELLING_CORRELATION: Final = 0.3
"""Neighbour correlation that a statement about randomness should be able to exclude: a parameter."""

_BOUND: Final = 14.5  # gaps times the squared correlation at a power of 0.9 (docs/statistics.md)
_FEWEST: Final = 14  # gaps at which even perfect alternation is found with a power of 0.9


def gaps_needed(correlation: float = TELLING_CORRELATION) -> int:
    """Return about how many gaps find a neighbour correlation with a power of 0.9 at p = 0.05.

    The correlation is that of the indicators of O1 in neighbouring gaps: -1 for H1-3, 0 for random
    order, positive for clusters. Measured for O1 shares of 0.2 to 0.5; fewer O1 gaps need more.

    >>> gaps_needed(-1.0) < gaps_needed(0.5) < gaps_needed(0.3)
    True
    """
    size = max(abs(correlation), 1e-3)
    return max(_FEWEST, math.ceil(_BOUND / size**2))
