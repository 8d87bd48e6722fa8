"""What a projection keeps of a word: the shifts, and the class of words that share them."""

import hashlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from typing import Final

from stackmotif.errors import WordError
from stackmotif.stacking.slab import Shift, Slab, shift_vector
from stackmotif.stacking.symmetry import least_image, primitive_length

Projection = tuple[Fraction | None, ...]

_THIRD: Final = Fraction(1, 3)
_HALF: Final = Fraction(1, 2)
_LETTERS: Final = {_THIRD: "+", Fraction(0): "0", -_THIRD: "-", None: "x"}
_ORDER: Final = {"+": 0, "0": 1, "-": 2}
_ZONES: Final = {"100": (0, 1), "010": (-1, 0), "110": (-1, 1)}
"""Weights of (u, v) in the horizontal coordinate, in pitches; x points along c × zone."""

_LONGEST_ID: Final = 40


@lru_cache(maxsize=256)
def project_shift(shift: Shift, *, zone: str = "100") -> Fraction | None:
    """Return a shift's horizontal component in units of the pitch, wrapped to (-1/2, 1/2]."""
    if zone not in _ZONES:
        raise WordError(
            f"zone [{zone}] does not show the stacking; expected one of {', '.join(_ZONES)} "
            "(<11-20>): along <10-10> every shift projects to zero"
        )
    if shift is None:
        return None
    u, v = shift_vector(shift)
    weight_u, weight_v = _ZONES[zone]
    return _HALF - (_HALF - weight_u * u - weight_v * v) % 1


def project(slabs: Sequence[Slab], *, periodic: bool, zone: str = "100") -> Projection:
    """Return the projected shift of every gap, along +c [pitch]."""
    gaps = slabs if periodic else slabs[:-1]
    return tuple(project_shift(slab.shift, zone=zone) for slab in gaps)


def metal_text(slabs: Sequence[Slab], *, periodic: bool) -> str:
    """Return the short form ``+0-x`` of a word along [100]; ``x`` is unknown or fractional."""
    letters = [_LETTERS.get(p, "x") for p in project(slabs, periodic=periodic)]
    body = "".join(letters)
    return f"|{body}|" if periodic else body


def class_id(slabs: Sequence[Slab], *, periodic: bool) -> str:
    """Return the id of all words with the same metal projection along [100].

    Projections are one class when rotation, reversal or a common change of sign makes them equal.
    The id is ``P:`` (periodic, primitive root) or ``F:`` (finite) and the canonical run lengths,
    such as ``F:+11_-2_+12``; ids longer than 40 characters end in a hash instead.
    """
    shifts = project(slabs, periodic=periodic)
    if periodic:
        shifts = shifts[: primitive_length(shifts)]
    least = least_image(_images(shifts), key=_order, periodic=periodic)
    text = "_".join(_run(token, sum(1 for _ in run)) for token, run in groupby(map(_token, least)))
    if len(text) > _LONGEST_ID:
        text = f"{len(least)}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return f"{'P' if periodic else 'F'}:{text}"


def _images(shifts: Projection) -> Iterator[Projection]:
    for turned in (shifts, shifts[::-1]):
        yield turned
        yield tuple(_negative(p) for p in turned)


@lru_cache(maxsize=256)
def _negative(projected: Fraction | None) -> Fraction | None:
    return None if projected is None else _HALF - (_HALF + projected) % 1


@lru_cache(maxsize=256)
def _order(projected: Fraction | None) -> tuple[int, Fraction]:
    if projected is None:
        return 4, Fraction(0)
    return _ORDER.get(_LETTERS.get(projected, ""), 3), projected


def _token(projected: Fraction | None) -> str:
    return _LETTERS.get(projected, f"({projected})")


def _run(token: str, count: int) -> str:
    return token if count == 1 else f"{token}{count}"
