"""The motif grammar on a graph: named runs in the words of its slots, and the motifs they make."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from stackmotif.matching.graph.words import slot_words, states_by_gap
from stackmotif.matching.runs import MAX_MOTIF_GAPS

if TYPE_CHECKING:
    import networkx as nx

_H13: Final = tuple(re.compile(rf"(?<!0)0(?:{sign}0){{2,}}(?!0)") for sign in (r"\+", "-"))
_OPPOSITE: Final = {"+": "-", "-": "+"}
_LEAST_CELLS: Final = 3


@dataclass(frozen=True)
class NamedRun:
    """A named stretch of a word: ``start`` and ``stop`` count its gaps along the word."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class GraphMotif:
    """A motif that the grammar finds: connected gap cells with one name.

    Parameters
    ----------
    name : str
        ``TD(n)``, ``O1_fault(n)`` or ``H1-3``.
    cells : tuple of (int, int)
        (gap, slot) of each cell, as in ``gaps.csv``; a place whose column is missing counts where
        the cells on both sides of it agree.
    """

    name: str
    cells: tuple[tuple[int, int], ...]


def name_runs(states: str) -> list[NamedRun]:
    """Name the runs of a word: ``TD(n)``, ``O1_fault(n)`` and ``H1-3``.

    The rules are those of the reading: n gaps up to 6 reversed against the gaps on both sides are a
    TD, n straight ones between gaps of one sign a fault; three or more single straight gaps with
    single gaps of one sign between them are an H1-3. A run that reaches an end of the word or an
    unknown gap has no name, nor has one that its surroundings rather interrupt.

    Parameters
    ----------
    states : str
        ``+``, ``0``, ``-``, ``x``, read from the *top* of the image down or along +c.

    Examples
    --------
    >>> name_runs("+++--+++0+")
    [NamedRun(name='TD(2)', start=3, stop=5), NamedRun(name='O1_fault(1)', start=8, stop=9)]
    """
    runs = [(state, len(list(group))) for state, group in groupby(states)]
    starts = [sum(length for _, length in runs[:k]) for k in range(len(runs) + 1)]
    taken = [m.span() for pattern in _H13 for m in pattern.finditer(states)]
    found = [NamedRun("H1-3", *span) for span in taken]
    for k in range(1, len(runs) - 1):
        name = _run_name(runs, k)
        inside = any(a <= starts[k] < b for a, b in taken)
        if name and not inside:
            found.append(NamedRun(name, starts[k], starts[k + 1]))
    return sorted(found, key=lambda run: run.start)


def _run_name(runs: list[tuple[str, int]], k: int) -> str:
    state, length = runs[k]
    before, after = runs[k - 1][0], runs[k + 1][0]
    if before != after or before not in _OPPOSITE or length > MAX_MOTIF_GAPS:
        return ""
    if state == "0":
        return f"O1_fault({length})"
    if state != _OPPOSITE[before]:
        return ""
    sides = sorted(
        runs[near][1] + (10**6 if beyond in (-1, len(runs)) else 0)
        for near, beyond in ((k - 1, k - 2), (k + 1, k + 2))
    )
    guest = sides[1] >= length if state == "-" else sides[0] > length
    return f"TD({length})" if guest else ""


def grammar_motifs(graph: "nx.DiGraph") -> list[GraphMotif]:
    """Return the motifs that the words of all slots name, each connected stretch once.

    Cells of one name (and, apart from H1-3, of one state) that touch sideways or along c belong
    together; fewer than three are none. The counts of a whole field are those of
    ``summary["motif_counts"]``.
    """
    words = slot_words(graph)
    if not words:
        return []
    top = min(gap for gap in states_by_gap(graph))
    key: dict[tuple[int, int], tuple[str, str]] = {}
    for slot, upwards in words.items():
        down = upwards[::-1]
        for run in name_runs(down):
            for gap in range(run.start, run.stop):
                state = "" if run.name == "H1-3" else down[gap]
                key[top + gap, slot] = (run.name, state)
    found = [GraphMotif(key[group[0]][0], tuple(group)) for group in _connected(key)]
    return sorted((m for m in found if len(m.cells) >= _LEAST_CELLS), key=lambda m: m.cells)


def _connected(key: Mapping[tuple[int, int], tuple[str, str]]) -> list[list[tuple[int, int]]]:
    """Return groups of touching places with equal values."""
    left, groups = set(key), []
    while left:
        stack = [left.pop()]
        group = []
        while stack:
            gap, slot = stack.pop()
            group.append((gap, slot))
            near = ((gap - 1, slot), (gap + 1, slot), (gap, slot - 1), (gap, slot + 1))
            same = [p for p in near if p in left and key[p] == key[gap, slot]]
            left.difference_update(same)
            stack.extend(same)
        groups.append(sorted(group))
    return groups


def motif_counts(graph: "nx.DiGraph") -> dict[str, int]:
    """Return how many motifs of each name the grammar finds in a graph."""
    names = [motif.name for motif in grammar_motifs(graph)]
    return {name: names.count(name) for name in sorted(set(names))}
