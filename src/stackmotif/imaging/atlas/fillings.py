"""Which other fillings of the four gaps nearest to a slab an atlas simulates.

Gaps: above the slab (u), below it (l), and beyond the next slab above (U) and below (V). A half
turn about the beam exchanges u with l and U with V.
"""

from collections.abc import Sequence
from typing import Final

GAPS: Final = "ulUV"

Filling = dict[str, str]
"""What differs from the reference: gap to element; an empty text is an empty gap."""

_PAIRS: Final = ("ul", "uU", "uV", "UV")
"""Every two gaps, one of two pairs that a half turn relates."""


def is_turned_into_itself(gaps: Sequence[str]) -> bool:
    """Tell whether a half turn exchanges two gaps with each other."""
    return "".join(gaps) in ("ul", "UV")


def pairs(elements: Sequence[str]) -> list[Filling]:
    """Return two gaps filled with each two of some elements, without those a half turn relates."""
    return [
        {gaps[0]: one, gaps[1]: other}
        for gaps in _PAIRS
        for k, one in enumerate(elements)
        for other in (elements[: k + 1] if is_turned_into_itself(gaps) else elements)
    ]


def singles(gap: str, elements: Sequence[str]) -> list[Filling]:
    """Return one gap filled with each of some elements."""
    return [{gap: one} for one in elements]
