"""How many motifs there are per length along c and per area, with Poisson intervals."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.statistics.extents import INSIDE
from stackmotif.matching.statistics.records import FieldRecord

DENSITY_FIELDS: Final = [
    ("motif", "U16"), ("n", "i8"), ("n_cut", "i8"), ("per_nm", "f8"), ("per_nm_low", "f8"),
    ("per_nm_high", "f8"), ("per_nm2", "f8"), ("per_nm2_low", "f8"), ("per_nm2_high", "f8"),
]  # fmt: skip
"""One line per motif name, and one for all O1 faults and all TDs: how many were seen, how many of
these are cut (an end at the edge or beside unread cells); how many a line along c meets per nm; how
many are seen per nm²; each with its 95 % interval. Cut motifs count whole in ``n`` and ``per_nm2``,
which is then too high for motifs wider than the field; ``per_nm`` is not biased by that."""

FAMILIES: Final = {"O1_fault": "O1_fault (all)", "TD": "TD (all)"}
"""Families that get a line of their own, also when none was seen."""

_NM = 10.0


def motif_densities(records: Sequence[FieldRecord]) -> NDArray[np.void]:
    """Return the densities of all named motifs, fields `DENSITY_FIELDS`, pooled over fields."""
    length_nm = float(np.nansum([r.length_A for r in records])) / _NM
    area_nm2 = float(np.nansum([r.area_A2 for r in records])) / _NM**2
    if length_nm <= 0 or area_nm2 <= 0:
        return np.zeros(0, dtype=DENSITY_FIELDS)
    extents = np.concatenate([r.extents for r in records])
    share = np.concatenate([np.minimum(r.extents["extent_A"] / r.width_A, 1.0) for r in records])
    cut = (extents["left_end"] != INSIDE) | (extents["right_end"] != INSIDE)
    family = np.array([str(name).partition("(")[0] for name in extents["motif"]], dtype="U16")
    groups = [(all_, family == name) for name, all_ in FAMILIES.items()]
    groups += [(str(name), extents["motif"] == name) for name in np.unique(extents["motif"])]
    lines = [
        (name, int(own.sum()), int(cut[own].sum()),
         *_rate(share[own], length_nm), *_rate(np.ones(int(own.sum())), area_nm2))
        for name, own in groups
    ]  # fmt: skip
    return np.array(lines, dtype=DENSITY_FIELDS)


def _rate(weight: NDArray[np.float64], size: float) -> tuple[float, float, float]:
    low, high = poisson_interval(weight)
    return float(weight.sum()) / size, low / size, high / size


def poisson_interval(
    weight: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the expectation of a weighted Poisson sum.

    With equal weights it is the exact interval of Garwood (1936); with others the gamma interval of
    Fay and Feuer, Stat. Med. 1997, 16, 791.

    >>> [round(x, 3) for x in poisson_interval(np.ones(5))]
    [1.623, 11.668]
    >>> [round(x, 3) for x in poisson_interval(np.ones(0))]
    [0.0, 3.689]
    """
    from scipy.stats import chi2

    tail = (1.0 - confidence) / 2.0
    total, squares = float(weight.sum()), float((weight**2).sum())
    largest = float(weight.max()) if len(weight) else 1.0
    low = 0.0
    if total > 0:
        low = squares / (2 * total) * float(chi2.ppf(tail, 2 * total**2 / squares))
    above, spread = total + largest, squares + largest**2
    return low, spread / (2 * above) * float(chi2.ppf(1 - tail, 2 * above**2 / spread))
