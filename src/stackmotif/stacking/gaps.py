"""The gap between two slabs: its kind and the sites it offers to guests."""

from fractions import Fraction
from typing import Final

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
both slabs; ``f`` prismatic between two metals; ``t`` tetrahedral between two oxygen pairs.
"""

_MIRRORED_SITE: Final = {"l": "u", "u": "l", "tl": "tu", "tu": "tl"}

_HALVES: Final = tuple((Fraction(u, 2), Fraction(v, 2)) for u, v in ((0, 1), (1, 0), (1, 1)))


def gap_kind(tilt: int, shift: Shift, tilt_above: int) -> str:
    """Return the kind of a gap from the tilts beside it and the shift across it.

    ``3`` octahedral, edge-sharing; ``1`` octahedral, face-sharing on both sides; ``2`` octahedral,
    face-sharing on one side; ``p`` prismatic without, ``q`` with a mirror plane; ``T`` tetrahedral
    (any vector shift); ``?`` where the tilts or the shift are unknown.

    >>> gap_kind(1, 1, 1), gap_kind(1, 0, 1), gap_kind(1, 0, -1)
    ('3', '1', 'q')
    """
    if isinstance(shift, tuple):
        return "T"
    if shift is None or tilt == 0 or tilt_above == 0:
        return "?"
    return _KINDS[tilt * tilt_above, shift * tilt]


def default_site(kind: str) -> str | None:
    """Return the site that a guest takes in a gap of this kind when the word names none."""
    return SITES[kind][0] if kind in SITES else None


def mirrored_site(site: str | None) -> str | None:
    """Return the name of a site when the stack is read from the other end."""
    return site if site is None else _MIRRORED_SITE.get(site, site)


def site_offset(lower: Slab, upper: Slab, site: str) -> Vector | None:
    """Return a guest site's in-plane position relative to the lower metal, in hexagonal fractions.

    With t, t' the tilts and s the shift, the oxygen planes of the gap stand at t·e and (s - t')·e.
    An octahedral site takes the third letter; in a prismatic gap the two planes coincide.

    Returns
    -------
    tuple of Fraction, or None
        None for a site that is not known: tilts or shift missing, or a ``T`` gap in which no point
        is equally far from two oxygens below and two above.
    """
    if lower.shift is None or lower.tilt == 0 or upper.tilt == 0:
        return None
    if isinstance(lower.shift, tuple):
        return _pair_site(lower.tilt, lower.shift, upper.tilt)
    letters = {
        "o": -(lower.tilt + lower.shift - upper.tilt),
        "l": 0,
        "u": lower.shift,
        "e": -lower.tilt,
        "f": 0,
        "tl": lower.tilt,
        "tu": lower.shift - upper.tilt,
    }
    return shift_vector(letters[site]) if site in letters else None


def _pair_site(tilt: int, shift: Vector, tilt_above: int) -> Vector | None:
    """Return the point over the middle of an oxygen pair below and under that of one above."""
    below = shift_vector(tilt)
    tilts = shift_vector(tilt + tilt_above)
    across = reduced_shift((shift[0] - tilts[0], shift[1] - tilts[1]))
    if across not in _HALVES:
        return None
    middle = next(half for half in _HALVES if half != across)
    return (below[0] + middle[0]) % 1, (below[1] + middle[1]) % 1
