"""What the tilts make of each domain: its word, its kind, and flipped or glided."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.labels import SURE
from stackmotif.matching.runs import H13, NO_MOTIF, O1_FAULT, TD, UNKNOWN, motif_name

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIGN: Final = np.array([1, 0, -1])
"""Shift of each state code."""
_LONGEST_WORD: Final = 64
ANSWERS: Final = {
    TD: ("flipped", "glided", "mixed"),
    O1_FAULT: ("O1", "P2-like", "mixed"),
    H13: ("O1 and O3", "prismatic", "mixed"),
}
"""What a motif of each family may be: all its gaps octahedral, all prismatic, or some of each."""


@dataclass(frozen=True)
class Stack:
    """The slabs and gaps of one domain, read along +c.

    Parameters
    ----------
    states : ndarray of int, shape (n,)
        State code of each gap.
    tilts : ndarray, shape (n + 1, 2)
        P(R) and P(L) of each slab, averaged over the domain's width.
    """

    states: Ints
    tilts: Floats

    @property
    def letters(self) -> list[str]:
        """Tilt of each slab, ``?`` where it is not known."""
        return [letter(one) for one in self.tilts]


def letter(probability: Floats) -> str:
    """Return ``R``, ``L`` or ``?`` for P(R), P(L).

    >>> letter(np.array([0.2, 0.7])), letter(np.array([0.5, 0.5]))
    ('L', '?')
    """
    best = int(np.argmax(probability[:2]))
    return "RL"[best] if probability[best] >= SURE else "?"


def domain_stack(number: int, domains: Ints, states: NDArray[np.int8], tilts: Floats) -> Stack:
    """Return the tallest stack of a domain.

    Parameters
    ----------
    number : int
        The domain.
    domains, states : ndarray of int, shape (gap, slot)
        Domain and state of every cell of the grid.
    tilts : ndarray, shape (row, slot, 2)
        P(R), P(L) of every column, NaN where there is none.
    """
    inside = domains == number
    slots = np.flatnonzero(inside.any(axis=0))
    slot = slots[np.argmax(inside[:, slots].sum(axis=0))]
    gaps = np.flatnonzero(inside[:, slot])
    own = tilts[gaps.min() : gaps.max() + 2, slots]
    there = np.isfinite(own[..., 0])
    mean = (
        np.where(there[..., None], own, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
    )
    run = states[gaps.min() : gaps.max() + 1, slot].astype(np.int64)
    return Stack(run[::-1], mean[::-1])


def word_of(stack: Stack) -> str:
    """Return a stack as a word with tilts; empty where none is known, or it is too long.

    >>> word_of(Stack(np.array([0, 0, 2]), np.array([[1, 0], [1, 0], [1, 0], [0, 1]])))
    'R+2 R- L.'
    """
    letters = stack.letters
    if all(one == "?" for one in letters):
        return ""
    shifts = [STATES[s] if s < UNKNOWN else "?" for s in stack.states.tolist()]
    slabs = [t + s for t, s in zip(letters, shifts, strict=False)]
    runs = [(slab, len(list(group))) for slab, group in groupby(slabs)]
    text = " ".join([f"{slab}{n if n > 1 else ''}" for slab, n in runs] + [f"{letters[-1]}."])
    return text if len(text) <= _LONGEST_WORD else ""


def answer(stack: Stack, motif: int) -> dict[str, Any] | None:
    """Return what a motif is: answer, its probability and those of the others; None for no motif.

    A TD is flipped if none of its gaps is prismatic, and glided if all are. Slabs are taken as
    independent, which is what the image makes them.
    """
    family = motif // 100 * 100
    if motif == NO_MOTIF or family not in ANSWERS:
        return None
    octahedral = _chance(stack, prismatic=False)
    prismatic = _chance(stack, prismatic=True)
    known = float(np.prod(stack.tilts.sum(axis=1)))
    shares = (octahedral, prismatic, max(0.0, known - octahedral - prismatic))
    best = int(np.argmax(shares))
    return {
        "motif": motif_name(motif),
        "answer": ANSWERS[family][best] if shares[best] >= SURE else "?",
        "p": {k: round(v, 6) for k, v in zip(ANSWERS[family], shares, strict=True)},
        "tilts": "".join(stack.letters),
    }


def _chance(stack: Stack, *, prismatic: bool) -> float:
    """Return the probability that every gap is (or none is) prismatic."""
    state = np.array(stack.tilts[0], dtype=np.float64)
    for shift, tilts in zip(_SIGN[stack.states.clip(0, 2)], stack.tilts[1:], strict=True):
        allowed = np.array(
            [[_is_prismatic(low, up, int(shift)) == prismatic for up in (1, -1)] for low in (1, -1)]
        )
        state = (state @ allowed.astype(np.float64)) * tilts
    return float(state.sum())


def _is_prismatic(lower: int, upper: int, shift: int) -> bool:
    """Return whether a gap is of kind ``p`` or ``q``."""
    return shift == 0 if lower != upper else shift == -lower


def kind_of_domain(kinds: Sequence[str], given: str) -> str:
    """Return the kind of a domain, now that the kinds of its cells are known.

    >>> kind_of_domain(["p", "p", "?"], "O3r"), kind_of_domain(["3", "3"], "O3r")
    ('P3', 'O3r')
    """
    if given not in ("O3", "O3r", "O1") or not len(kinds):
        return given
    names, counts = np.unique(np.asarray(kinds), return_counts=True)
    common = str(names[np.argmax(counts)]) if counts.max() > 0.5 * len(kinds) else "?"
    return {"p": "P3", "q": "other", "2": "other"}.get(common, given)
