"""Elements and their fractions on one kind of site."""

import math
from collections.abc import Mapping
from typing import Any

from stackmotif.errors import StructureError
from stackmotif.stacking.slab import ELEMENTS
from stackmotif.structures.arguments import as_number


def checked_mixture(given: Any, *, what: str, full: bool) -> dict[str, float]:
    """Return the elements of a mixture and their fractions, those of nothing left out.

    Parameters
    ----------
    given : Mapping of str to float
        Elements and fractions.
    what : str
        What an error message calls it.
    full : bool
        Whether the fractions must sum to 1; otherwise they may sum to less, the rest is vacant.

    Raises
    ------
    StructureError
        For anything else than elements with fractions that fit.
    """
    if not isinstance(given, Mapping) or not given:
        raise StructureError(
            f"{what} is {given!r:.80}; expected elements and their fractions, such as {{'Ni': 1.0}}"
        )
    unknown = [element for element in given if element not in ELEMENTS]
    if unknown:
        raise StructureError(
            f"{what}: {', '.join(map(repr, unknown))} is no element; expected symbols such as 'Ni'"
        )
    shares = {element: as_number(share) for element, share in given.items()}
    total = math.fsum(shares.values())
    fits = min(shares.values()) >= 0 and (abs(total - 1) <= 1e-6 if full else total <= 1 + 1e-9)
    if not fits:
        raise StructureError(
            f"{what} is {dict(given)}; expected fractions from 0 to 1 that sum to "
            f"{'1' if full else 'at most 1'}"
        )
    return {element: share for element, share in shares.items() if share > 0}
