"""Series of the lattice table: what they cover, and their lengths at one guest content."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from stackmotif.errors import StructureError
from stackmotif.structures.lattices.table import LatticeTable, Quantity, Series

QUANTITIES: Final = ("a", "c", "slab")
"""In-plane constant, height of three rows across gaps of kind 3, slab height."""

_X_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Source:
    """Where one number comes from.

    Parameters
    ----------
    reference : str
        Key of ``references.bib``, or ``estimate``.
    tag : str
        ``R`` a public data file, ``A`` a paper's abstract, ``N`` derived from the reference, ``U``
        unverified.
    note : str
        What was assumed or derived.
    """

    reference: str
    tag: str
    note: str = ""


def coverage(name: str, table: LatticeTable) -> tuple[float, float]:
    """Return the least and the largest guest content that the sources of a series cover."""
    series = table.layered[name]
    if series.covers is not None:
        return series.covers
    ranges = np.array([_range(name, key, table) for key in QUANTITIES])
    return float(ranges[:, 0].max()), float(ranges[:, 1].min())


def _range(name: str, key: str, table: LatticeTable) -> tuple[float, float]:
    """Return the contents between which one length of a series has nodes."""
    series = table.layered[name]
    if series.nodes:
        content = [node.x for node in series.nodes]
        return min(content), max(content)
    quantity: Quantity = getattr(series, key)
    if quantity.covers is not None:
        return quantity.covers
    if quantity.like:
        return _range(quantity.like, key, table)
    return quantity.x[0], quantity.x[-1]


def covered_content(name: str, x: float | None, table: LatticeTable) -> float:
    """Return the guest content asked for, or the usual one for None.

    Raises
    ------
    StructureError
        If the sources of the series do not cover it; the message names what is covered.
    """
    series = table.layered[name]
    low, high = coverage(name, table)
    if x is None and series.default_x is None and low < high:
        raise StructureError(
            f"lattice {name!r} is a series; expected a guest content, such as {name}:{high:g}"
        )
    if x is None:
        return low if series.default_x is None else series.default_x
    if low - _X_TOLERANCE <= x <= high + _X_TOLERANCE:
        return min(max(x, low), high)
    others = [
        f"{other}:{x:g}"
        for other, candidate in table.layered.items()
        if candidate.host == series.host and candidate.guest in (series.guest, None)
        and coverage(other, table)[0] <= x <= coverage(other, table)[1]
    ]  # fmt: skip
    nearest = f"{name}:{low if x < low else high:g}"
    raise StructureError(
        f"lattice {name!r}: guest content {x} is outside the table; expected {_interval(low, high)}"
        f": use {' or '.join(others) or nearest}"
    )


def _interval(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def quantity_A(name: str, key: str, x: float, table: LatticeTable) -> float:
    """Return one length of a series at a guest content that it covers [Å]."""
    series = table.layered[name]
    if series.nodes:
        nodes = sorted(series.nodes, key=lambda node: node.x)
        lengths = {
            "a": [node.a_A for node in nodes],
            "c": [3 * (node.slab_height_A + node.gap_height_A) for node in nodes],
            "slab": [node.slab_height_A for node in nodes],
        }
        return float(np.interp(x, [node.x for node in nodes], lengths[key]))
    quantity: Quantity = getattr(series, key)
    if not quantity.like:
        return float(np.interp(x, quantity.x, quantity.value_A))
    followed = quantity_A(quantity.like, key, x, table)
    if not quantity.x:
        return followed
    return quantity.value_A[0] * followed / quantity_A(quantity.like, key, quantity.x[0], table)


def series_sources(series: Series) -> dict[str, Source]:
    """Return the source of each quantity of a series."""
    parts = {key: getattr(series, key) for key in QUANTITIES}
    found = {
        key: Source(
            (part and part.source) or series.source,
            (part and part.tag) or series.tag,
            part.note if part else "",
        )
        for key, part in parts.items()
    }
    if series.gap_heights_A:
        found["gaps"] = Source(
            series.gap_source or series.source, series.gap_tag or series.tag, series.gap_note
        )
    return found
