"""What a domain or an interface may be instead: the candidates that templates are asked about."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.runs import MAX_MOTIF_GAPS
from stackmotif.matching.templates.cells import UNKNOWN, CellSet
from stackmotif.stacking import Slab, Word

Ints = NDArray[np.int64]

_SHIFT: Final = {0: 1, 1: 0, 2: -1}
_PLAIN: Final = {0: "O3", 1: "O1", 2: "O3r"}


@dataclass(frozen=True)
class Target:
    """Something that templates are asked about.

    Parameters
    ----------
    name : str
        ``domain 3`` or ``wall 2``.
    groups : ndarray of int, shape (n,)
        Groups of cells that show it.
    triples : ndarray of int, shape (candidate, n)
        Neighbourhood of each group under each candidate: the number of a template.
    motifs : tuple of str
        Name of each candidate.
    words : tuple of tuple of int
        States of each candidate along +c with a gap to either side: indices into ``STATES``.
    as_read : int
        Candidate that geometry has read; -1 where it has read none.
    overlap : float
        Area that the patches cover over the sum of their areas.
    """

    name: str
    groups: Ints
    triples: Ints
    motifs: tuple[str, ...]
    words: tuple[tuple[int, ...], ...]
    as_read: int
    overlap: float


def domain_targets(cells: CellSet, *, sign: int) -> list[Target]:
    """Return every domain with the stackings that its gaps may have instead.

    A candidate puts one state in the place of another throughout the domain: a uniform domain has
    three candidates, one of alternating gaps as it is and with one of its states replaced.
    """
    order = np.argsort(cells.domain, kind="stable")
    numbers, starts = np.unique(cells.domain[order], return_index=True)
    return [
        _domain(int(number), groups, cells, sign)
        for number, groups in zip(numbers, np.split(order, starts[1:]), strict=True)
    ]


def _domain(number: int, groups: Ints, cells: CellSet, sign: int) -> Target:
    states, shared, gap = cells.states[groups], cells.shared[groups], cells.gap[groups]
    swaps = _swaps(states[:, 1])
    changed = np.stack([np.where(shared, swap[states], states) for swap in swaps])
    count = cells.count[groups]
    above, below = (_most(states[:, k], count * ~shared[:, k]) for k in (0, 2))
    along = _per_gap(gap, states[:, 1], count)
    words = tuple((below, *(int(swap[s]) for s in along), above) for swap in swaps)
    read = bool((states[:, 1] != UNKNOWN).all())
    n = len(along)
    return Target(
        name=f"domain {number}",
        groups=groups,
        triples=triple_numbers(changed, sign=sign),
        motifs=tuple(motif_of(word) for word in words),
        words=words,
        as_read=0 if read else -1,
        overlap=(n + 1) / (2 * n),
    )


def _swaps(states: Ints) -> list[Ints]:
    """Return tables from read to candidate states, that of what was read first."""
    present = [int(s) for s in np.unique(states)]
    tables = [] if UNKNOWN in present else [np.arange(4)]
    for old in present:
        for new in range(3):
            if new != old:
                table = np.arange(4)
                table[old] = new
                tables.append(table)
    return tables


def triple_numbers(states: Ints, *, sign: int) -> Ints:
    """Return the templates of neighbourhoods (…, 3) in the gauge's sign; unknown gaps go on.

    ``sign`` -1 turns the states back to what the image shows.
    """
    middle = states[..., 1:2]
    known = np.where(states == UNKNOWN, middle, states)
    shown = known if sign > 0 else 2 - known
    return shown[..., 0] * 9 + shown[..., 1] * 3 + shown[..., 2]


def _most(states: Ints, weight: Ints) -> int:
    """Return the commonest known state; unknown if there is none."""
    count = np.bincount(states, weight, minlength=4)[:UNKNOWN]
    return int(count.argmax()) if count.any() else UNKNOWN


def _per_gap(gap: Ints, states: Ints, count: Ints) -> list[int]:
    """Return the commonest state of every gap, from the bottom of the image to its top."""
    numbers, index = np.unique(gap, return_inverse=True)
    table = np.zeros((len(numbers), 4), dtype=np.int64)
    np.add.at(table, (index.reshape(-1), states), count)
    return [int(s) for s in table.argmax(axis=1)[::-1]]


def motif_of(word: tuple[int, ...]) -> str:
    """Return the name of some gaps between two others, along +c.

    >>> motif_of((0, 2, 0)), motif_of((0, 0, 0)), motif_of((0, 1, 1, 0)), motif_of((2, 1, 3))
    ('TD(1)', 'O3', 'O1_fault(2)', 'O1')
    """
    below, inner, above = word[0], word[1:-1], word[-1]
    found = set(inner)
    if len(found) == 1:
        state = inner[0]
        if state == UNKNOWN:
            return "unknown"
        if below == above and below in (0, 2) and len(inner) <= MAX_MOTIF_GAPS:
            if state == 1:
                return f"O1_fault({len(inner)})"
            if state == 2 - below:
                return f"TD({len(inner)})"
        return _PLAIN[state]
    if found in ({0, 1}, {1, 2}) and all(a != b for a, b in pairwise(inner)):
        return "H1-3"
    text = "".join(STATES[s] for s in inner)
    return text if len(text) <= 32 else text[:31] + "…"


def class_of(word: tuple[int, ...]) -> tuple[str, int]:
    """Return the degeneracy class of some gaps, and 1 if they are its mirror image.

    Words of one class have one projection, up to the sign that no image fixes; within an image that
    sign is told against the rest of the field.

    >>> class_of((0, 2, 0)), class_of((2, 0, 2))
    (('F:+_-_+', 0), ('F:+_-_+', 1))
    """
    known = tuple(s for s in word if s != UNKNOWN)
    turned = tuple(2 - s for s in known)
    mirrored = min(turned, turned[::-1]) < min(known, known[::-1])
    slabs = [Slab(0, _SHIFT[s]) for s in known] + [Slab(0, None)]
    return Word(tuple(slabs), False).degeneracy_class, int(mirrored)
