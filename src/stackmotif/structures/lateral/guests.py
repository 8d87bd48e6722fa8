"""Guests of a lateral model: placed where a gap is perfect, left out where a wall disturbs it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.stacking import SITES, Slab, Word, gap_kind, site_offset
from stackmotif.structures.lateral.rows import Atoms, Row, Scale

Floats = NDArray[np.float64]

_SLACK = 1e-6


@dataclass(frozen=True)
class _Stretch:
    """A stretch of a row between walls, whose oxygens of one plane are all in place.

    ``low`` and ``high`` bound their positions in the row's own frame [pitch]; ``thirds`` is the sum
    and ``odd`` the number of odd ones of the jumps to its left.
    """

    low: float
    high: float
    thirds: int
    odd: int
    leans: tuple[bool, bool]


def guest_atoms(word: Word, rows: Sequence[Row], scale: Scale, *, gap_A: float) -> Atoms:
    """Return the guests that a word names, on the sites of the stacking around each of them.

    A guest is placed where its three oxygens in either slab are in place. Its site is the one that
    the word names if the local gap has it, else the default one.
    """
    parts = [_none()]
    for k in range(word.n_gaps):
        if word.slabs[k].guest is None:
            continue
        lower, upper = rows[k], rows[(k + 1) % len(rows)]
        height = lower.height_A + (scale.slab_height_A + gap_A) / 2
        for below in _stretches(lower, side=1):
            for above in _stretches(upper, side=-1):
                parts.append(_in_gap(word, k, (lower, upper), (below, above), scale, height))
    return Atoms(
        positions_A=np.concatenate([part.positions_A for part in parts]),
        role=np.concatenate([part.role for part in parts]),
        slab=np.concatenate([part.slab for part in parts]),
        column=np.concatenate([part.column for part in parts]),
    )


def _none() -> Atoms:
    return Atoms(np.empty((0, 3)), np.empty(0, "U1"), np.empty(0, int), np.empty(0, int))


def _stretches(row: Row, *, side: int) -> list[_Stretch]:
    """Return the stretches of a row for its upper (side 1) or lower (side -1) oxygen plane."""
    oxygen = side * row.tilt / 3
    found: list[_Stretch] = []
    thirds, odd = 0, 0
    low = -math.inf if row.closed else oxygen
    for wall in row.jumps:
        edge = oxygen if wall.width == 1 else 0.0
        found.append(_Stretch(low, wall.column + edge, thirds, odd, (bool(found), True)))
        low = wall.column + wall.width + edge
        thirds, odd = thirds + wall.thirds, odd + wall.thirds % 2
    high = math.inf if row.closed else row.n_columns - 1 + oxygen
    return [*found, _Stretch(low, high, thirds, odd, (bool(found), False))]


def _in_gap(
    word: Word,
    gap: int,
    rows: tuple[Row, Row],
    stretches: tuple[_Stretch, _Stretch],
    scale: Scale,
    height_A: float,
) -> Atoms:
    (lower, upper), (below, above) = rows, stretches
    step = word.slabs[gap].shift
    shift = ((step if isinstance(step, int) else 0) + above.thirds - below.thirds + 1) % 3 - 1
    off = _site_thirds(word, gap, shift, upper.tilt)
    column, period = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(lower.n_columns), np.arange(scale.periods), indexing="ij")
    )
    third = lower.phase + 3 * column + off + below.thirds
    depth = scale.a_A * (period + (third - below.thirds) % 2 / 2) + below.odd * scale.beam_step_A
    kept = np.ones(len(column), dtype=bool)
    for row, stretch, side in ((lower, below, 1), (upper, above, -1)):
        kept &= _complete(third, depth, row, stretch, side, scale)
    positions = np.column_stack([depth, scale.pitch_A / 3 * third, np.full(len(third), height_A)])
    if not scale.foil:
        positions[:, 0] %= scale.thickness_A
    n = int(kept.sum())
    return Atoms(positions[kept], np.full(n, "A"), np.full(n, gap), column[kept])


def _site_thirds(word: Word, gap: int, shift: int, tilt_above: int) -> int:
    """Return the site's distance from the lower metal in thirds of the pitch, -1 to 1."""
    slab = word.slabs[gap]
    names = SITES[gap_kind(slab.tilt, shift, tilt_above)]
    wanted = slab.guest.site if slab.guest else None
    offset = site_offset(
        Slab(slab.tilt, shift), Slab(tilt_above), wanted if wanted in names else names[0]
    )
    return 0 if offset is None else (round(3 * float(offset[1])) + 1) % 3 - 1


def _complete(
    third: NDArray[np.int64],
    depth_A: Floats,
    row: Row,
    stretch: _Stretch,
    side: int,
    scale: Scale,
) -> NDArray[np.bool_]:
    """Return which sites have their three oxygens of one plane inside a stretch."""
    oxygen = row.phase + side * row.tilt + stretch.thirds
    to_right = np.where((oxygen - third) % 3 == 1, 1, 2)
    place = (third - row.phase - stretch.thirds) / 3
    lean = scale.slope * (depth_A - scale.thickness_A / 2) / scale.pitch_A
    reach = abs(scale.slope) * scale.a_A / scale.pitch_A
    low = stretch.low + stretch.leans[0] * (lean + reach)
    high = stretch.high + stretch.leans[1] * (lean - reach)
    inside = place + (to_right - 3) / 3 >= low - _SLACK
    return inside & (place + to_right / 3 <= high + _SLACK)
