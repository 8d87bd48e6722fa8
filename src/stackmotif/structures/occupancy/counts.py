"""How many atoms of each element stand on the mixed sites of a crystal."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

Fractions = tuple[tuple[str, float], ...]
"""Elements of a site and their fractions, in order of the symbol; the rest is vacant."""


@dataclass(frozen=True)
class Sublattice:
    """The sites of a supercell that hold the same mixture.

    Parameters
    ----------
    fractions : tuple of (str, float)
        Elements and their fractions; the rest is vacant.
    sites : ndarray of int, shape (n,)
        Indices in the supercell.
    """

    fractions: Fractions
    sites: NDArray[np.intp]

    @property
    def counts(self) -> dict[str, int]:
        """How many atoms of each element stand on the sites, by largest remainder."""
        return exact_counts(len(self.sites), dict(self.fractions))


def exact_counts(n_sites: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Return whole numbers of atoms on n sites, by the method of largest remainders.

    Every element, and the vacancies, first get the integer part of their share; what is left goes
    to the largest remainders, ties to the larger fraction and then in order of the symbol. No count
    is farther than 1 from its share.

    Parameters
    ----------
    n_sites : int
        Number of sites.
    fractions : Mapping of str to float
        Elements and their fractions, at most 1 in all.

    Examples
    --------
    >>> exact_counts(9, {"Ni": 0.8, "Mn": 0.1, "Co": 0.1})
    {'Ni': 7, 'Mn': 1, 'Co': 1}
    """
    shares = dict(fractions) | {"": max(0.0, 1.0 - sum(fractions.values()))}
    ideal = {element: round(n_sites * share, 9) for element, share in shares.items()}
    counts = {element: math.floor(amount) for element, amount in ideal.items()}
    order = sorted(ideal, key=lambda e: (counts[e] - ideal[e], -shares[e], e))
    for element in order[: n_sites - sum(counts.values())]:
        counts[element] += 1
    return {element: counts[element] for element in fractions}


def sublattices(structure: "Structure") -> list[Sublattice]:
    """Return the mixed or partly filled sites of a crystal, one `Sublattice` for each mixture."""
    kinds: dict[Fractions, list[int]] = {}
    for k, site in enumerate(structure):
        found = {e.symbol: float(x) for e, x in site.species.items()}
        if not site.is_ordered:
            kinds.setdefault(tuple(sorted(found.items())), []).append(k)
    return [Sublattice(mixture, np.array(sites)) for mixture, sites in kinds.items()]
