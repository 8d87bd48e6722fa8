"""Enumeration: all periodic words of a length, and all words behind one metal projection."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import WordError
from stackmotif.stacking.gaps import SITES, gap_kind
from stackmotif.stacking.slab import Shift, Slab
from stackmotif.stacking.word import Word

_LETTERS: Final = tuple(Slab(tilt, shift) for tilt in (1, -1) for shift in (1, 0, -1))
_LONGEST: Final = 8


def enumerate_words(n: int, *, primitive: bool = False) -> list[Word]:
    """Return one word for each distinct periodic stacking of n slabs with shifts +, 0, -.

    Parameters
    ----------
    n : int
        Number of slabs, 1 to 8.
    primitive : bool
        Leave out repetitions of a shorter word.

    Returns
    -------
    list of Word
        The least image of every class, in lexicographic order.

    Raises
    ------
    WordError
        For another n.

    Examples
    --------
    >>> [len(enumerate_words(n)) for n in (1, 2, 3)]
    [3, 10, 28]
    """
    if not 1 <= n <= _LONGEST:
        raise WordError(f"enumeration of words of {n} slabs; expected 1 to {_LONGEST}")
    codes = _least_codes(n)
    digits = codes[:, None] // 6 ** np.arange(n)[::-1] % 6
    words = [Word(tuple(_LETTERS[d] for d in row), True) for row in digits.tolist()]
    return [w for w in words if len(w.primitive()) == n] if primitive else words


def _least_codes(n: int) -> NDArray[np.int64]:
    """Return the codes (base 6, the first slab leading) that no image of their word undercuts."""
    codes = np.arange(6**n)
    tilts, shifts = np.divmod(codes[:, None] // 6 ** np.arange(n)[::-1] % 6, 3)
    least = codes.copy()
    turned_shifts = np.roll(shifts[:, ::-1], -1, axis=1)
    for t, s in ((tilts, shifts), (tilts[:, ::-1], turned_shifts)):
        for digits in (3 * t + s, 3 * (1 - t) + (2 - s)):
            for k in range(n):
                image = np.roll(digits, k, axis=1) @ 6 ** np.arange(n)[::-1]
                np.minimum(least, image, out=least)
    return np.flatnonzero(least == codes)


def tilt_sequences(
    metal: Word | str, *, limit: int = 1000, kinds: str = "31pq2T"
) -> Iterator[Word]:
    """Yield the words that share a metal projection, each distinct crystal once.

    Tilts are assigned slab by slab, R before L, so that words with few reversals at the start come
    first; nothing is ranked, since the projection cannot rank them.

    Parameters
    ----------
    metal : Word or str
        A word or its text, short form included (``+++-+++``). Tilts that are known are kept.
    limit : int
        Most words to yield.
    kinds : str
        Gap kinds to allow; ``32`` gives the all-octahedral members of an O3 stack with faults.

    Raises
    ------
    WordError
        For an unknown shift, or an unknown kind.

    Examples
    --------
    >>> [str(word) for word in tilt_sequences("|+|")]
    ['|R+|', '|L+|']
    """
    word = Word.parse(metal) if isinstance(metal, str) else metal
    if unknown := set(kinds) - set(SITES):
        raise WordError(
            f"gap kinds {''.join(sorted(unknown))!r} are unknown; expected {''.join(SITES)}"
        )
    if any(slab.shift is None for slab in word.slabs[: word.n_gaps]):
        raise WordError(
            f"word {word.metal_text!r} has an unknown shift; expected +, 0 or - throughout"
        )
    seen: set[Word] = set()
    for tilts in _allowed_tilts(word, kinds):
        if len(seen) >= limit:
            return
        member = Word(
            tuple(replace(slab, tilt=t) for slab, t in zip(word.slabs, tilts, strict=True)),
            word.periodic,
        )
        form = member.canonical()
        if form not in seen:
            seen.add(form)
            yield member


def _allowed_tilts(word: Word, kinds: str) -> Iterator[tuple[int, ...]]:
    """Yield tilt tuples whose gaps are all of the allowed kinds, pruned by a pass from the top."""
    for first in _choices(word.slabs[0]):
        reachable = _reachable(word, first, kinds)
        if first in reachable[0]:
            yield from _extend(word, (first,), reachable, kinds)


def _extend(
    word: Word, start: tuple[int, ...], reachable: list[set[int]], kinds: str
) -> Iterator[tuple[int, ...]]:
    stack = [start]
    while stack:
        tilts = stack.pop()
        k = len(tilts)
        if k == len(word):
            yield tilts
            continue
        shift = word.slabs[k - 1].shift
        stack += [
            (*tilts, t) for t in (-1, 1) if t in reachable[k] and _fits(tilts[-1], shift, t, kinds)
        ]


def _reachable(word: Word, first: int, kinds: str) -> list[set[int]]:
    """Return for every slab the tilts from which the rest of the word can be completed."""
    last = set(_choices(word.slabs[-1]))
    if word.periodic:
        shift = word.slabs[-1].shift
        last = {t for t in last if _fits(t, shift, first, kinds)}
    sets = [last]
    for slab in reversed(word.slabs[:-1]):
        above = sets[-1]
        sets.append(
            {t for t in _choices(slab) if any(_fits(t, slab.shift, u, kinds) for u in above)}
        )
    return sets[::-1]


def _choices(slab: Slab) -> tuple[int, ...]:
    return (slab.tilt,) if slab.tilt else (1, -1)


@lru_cache(maxsize=256)
def _fits(tilt: int, shift: Shift, tilt_above: int, kinds: str) -> bool:
    return gap_kind(tilt, shift, tilt_above) in kinds
