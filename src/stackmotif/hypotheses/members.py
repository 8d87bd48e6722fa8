"""Words behind one metal word: how many there are, and the simplest of them."""

import itertools
import math
from typing import Final

from stackmotif.stacking import Slab, Word, gap_kind

_COST: Final = {"3": 0, "1": 0, "2": 1, "p": 1, "q": 1}
"""Gaps that differ from the two kinds of a slab that keeps its neighbours' oxygen stacking."""

_AT_ENDS: Final = 3
"""Weight of an unusual gap at either end, where nothing beside it speaks for it."""

SHIFTS: Final = (1, 0, -1)
"""Shift of the states ``+``, ``0``, ``-``."""


def metal_word(states: tuple[int, ...]) -> Word:
    """Return the finite metal-only word of state indices (0 ``+``, 1 ``0``, 2 ``-``), along +c."""
    return Word((*(Slab(0, SHIFTS[s]) for s in states), Slab(0)), False)


def log_count(metal: Word) -> float:
    """Return the natural log of the number of distinct crystals with this metal projection.

    Burnside's count over the images that leave the metal word as it is: reversal, flip, both.

    >>> round(math.exp(log_count(metal_word((0, 0)))))
    6
    """
    shifts = [slab.shift for slab in metal.slabs[:-1]]
    n = len(metal.slabs)
    flipped = [-s for s in shifts if isinstance(s, int)]
    exponents = [n]
    group = 1
    if shifts == shifts[::-1]:
        group += 1
        exponents.append((n + 1) // 2)
    if shifts == flipped:
        group += 1
    if shifts == flipped[::-1]:
        group += 1
        exponents += [n // 2] if n % 2 == 0 else []
    rest = sum(2.0 ** (e - n) for e in exponents)
    return n * math.log(2) + math.log(rest / group)


def simplest(metal: Word, *, limit: int) -> list[Word]:
    """Return up to ``limit`` words behind a finite metal word, fewest unusual gaps first.

    Unusual are the gap kinds ``2``, ``p`` and ``q``. The order is one of presentation: the image
    cannot rank these words.
    """
    shifts = [slab.shift for slab in metal.slabs[:-1]]
    wide = 4 * limit + 8
    best: dict[int, list[tuple[int, tuple[int, ...]]]] = {1: [(0, (1,))], -1: [(0, (-1,))]}
    for k, shift in enumerate(shifts):
        weight = _AT_ENDS if k in (0, len(shifts) - 1) else 1
        best = {
            above: sorted(
                (
                    (cost + weight * _COST[gap_kind(tilt, shift, above)], (*tilts, above))
                    for tilt in (1, -1)
                    for cost, tilts in best[tilt]
                ),
                key=_by_cost,
            )[:wide]
            for above in (1, -1)
        }
    found: dict[Word, Word] = {}
    for _, tilts in sorted(best[1] + best[-1], key=_by_cost):
        word = Word(tuple(Slab(t, s) for t, s in zip(tilts, [*shifts, None], strict=True)), False)
        found.setdefault(word.canonical(), word)
        if len(found) == limit:
            break
    return list(found.values())


def _by_cost(item: tuple[int, tuple[int, ...]]) -> tuple[int, int, tuple[int, ...]]:
    cost, tilts = item
    turns = sum(a != b for a, b in itertools.pairwise(tilts))
    return cost, turns, tuple(-t for t in tilts)
