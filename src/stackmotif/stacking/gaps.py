"""The gap between two slabs: its kind and the sites it offers to guests."""

from fractions import Fraction
from typing import Final

from stackmotif.errors import WordError
from stackmotif.stacking.slab import Shift, Slab, Vector, reduced_shift, shift_vector

_KINDS: Final = {
    (1, 1): "3",
    (1, 0): "1",
    (1, -1): "p",
    (-1, 0): "q",
    (-1, 1): "2",
    (-1, -1): "2",
}
"""Kind by (tilt * tilt above, shift * tilt); the sign of the latter is idle for opposite tilts."""

SITES: Final = {
    "3": ("o", "tl", "tu"),
    "1": ("o", "tl", "tu"),
    "2": ("o", "tl", "tu"),
    "p": ("l", "u"),
    "q": ("e", "f"),
    "T": ("t",),
}
"""Sites by gap kind, the default first.

``o`` octahedral; ``tl``, ``tu`` tetrahedral with the apex on the lower or upper oxygen plane;
``l``, ``u`` prismatic over the lower or under the upper metal; ``e`` prismatic, edges shared with
both slabs; ``f`` prismatic between two metals; ``t`` tetrahedral between two oxygen pairs, two
equivalent sites per metal half a lattice vector apart: guests are spread over both.
"""

_MIRRORED_SITE: Final = {"l": "u", "u": "l", "tl": "tu", "tu": "tl"}

_HALVES: Final = tuple((Fraction(u, 2), Fraction(v, 2)) for u, v in ((0, 1), (1, 0), (1, 1)))


def gap_kind(tilt: int, shift: Shift, tilt_above: int) -> str:
    """Return the kind of a gap from the tilts beside it and the shift across it.

    ``3`` octahedral, edge-sharing; ``1`` octahedral, face-sharing on both sides; ``2`` octahedral,
    face-sharing on one side; ``p`` prismatic without, ``q`` with a mirror plane; ``T`` tetrahedral
    (any vector shift); ``?`` where the tilts or the shift are unknown.

    Raises
    ------
    WordError
        For other tilts or shifts.

    Examples
    --------
    >>> gap_kind(1, 1, 1), gap_kind(1, 0, 1), gap_kind(1, 0, -1)
    ('3', '1', 'q')
    """
    if isinstance(shift, tuple):
        return "T"
    if shift is None or tilt == 0 or tilt_above == 0:
        return "?"
    kind = _KINDS.get((tilt * tilt_above, shift * tilt))
    if kind is None:
        raise WordError(
            f"tilts {tilt!r} and {tilt_above!r} with shift {shift!r} make no gap; expected 1, -1 "
            "or 0 each, or a pair of fractions as the shift"
        )
    return kind


def default_site(kind: str) -> str | None:
    """Return the site that a guest takes in a gap of this kind when the word names none."""
    return SITES[kind][0] if kind in SITES else None


def mirrored_site(site: str | None) -> str | None:
    """Return the name of a site when the stack is read from the other end."""
    return site if site is None else _MIRRORED_SITE.get(site, site)


def site_offsets(lower: Slab, upper: Slab, site: str) -> tuple[Vector, ...]:
    """Return the in-plane positions of a guest site relative to the lower metal.

    With t, t' the tilts and s the shift, the oxygen planes of the gap stand at t·e and s - t'·e.
    An octahedral site takes the third letter; in a prismatic gap the two planes coincide. In a
    ``T`` gap a site is over the middle of an oxygen pair below and under that of one above; there
    are two per metal where the planes are half a lattice vector apart, and none elsewhere.

    Returns
    -------
    tuple of pair of Fraction
        In hexagonal fractions; all positions of one site are equivalent. Empty where the site is
        not known: tilts or shift missing, or a gap that has no such site.
    """
    if lower.shift is None or lower.tilt == 0 or upper.tilt == 0:
        return ()
    if isinstance(lower.shift, tuple):
        return _pair_sites(lower.tilt, lower.shift, upper.tilt) if site == "t" else ()
    letters = {
        "o": -(lower.tilt + lower.shift - upper.tilt),
        "l": 0,
        "u": lower.shift,
        "e": -lower.tilt,
        "f": 0,
        "tl": lower.tilt,
        "tu": lower.shift - upper.tilt,
    }
    return (shift_vector(letters[site]),) if site in letters else ()


def site_offset(lower: Slab, upper: Slab, site: str) -> Vector | None:
    """Return the first of `site_offsets`, or None where there is none."""
    return next(iter(site_offsets(lower, upper, site)), None)


def _pair_sites(tilt: int, shift: Vector, tilt_above: int) -> tuple[Vector, ...]:
    """Return the points over the middle of an oxygen pair below and under that of one above.

    A point half a lattice vector from the oxygens below is as far from two of them, and from two
    above if their plane is displaced by one of the other two halves.
    """
    below = shift_vector(tilt)
    tilts = shift_vector(tilt + tilt_above)
    across = reduced_shift((shift[0] - tilts[0], shift[1] - tilts[1]))
    if across not in _HALVES:
        return ()
    return tuple(
        ((below[0] + half[0]) % 1, (below[1] + half[1]) % 1) for half in _HALVES if half != across
    )
