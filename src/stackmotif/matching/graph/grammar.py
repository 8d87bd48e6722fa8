"""The motif grammar on a graph: words along c, the runs in them, and the motifs these make."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from stackmotif.conventions import STATES
from stackmotif.errors import ResultError
from stackmotif.matching.domains import metal_word
from stackmotif.matching.graph.building import CROSS_GAP
from stackmotif.matching.runs import MAX_MOTIF_GAPS

if TYPE_CHECKING:
    import networkx as nx

_H13: Final = tuple(re.compile(rf"(?<!0)0(?:{sign}0){{2,}}(?!0)") for sign in (r"\+", "-"))
_OPPOSITE: Final = {"+": "-", "-": "+"}
_AROUND: Final = 2  # in-row steps that a walk goes aside where a column has no partner
_LEAST_CELLS: Final = 3


@dataclass(frozen=True)
class Walk:
    """A way up along c.

    Parameters
    ----------
    columns : tuple of int
        Ids of the columns, one per row, from the bottom up.
    states : str
        States of the gaps between them: ``+``, ``0``, ``-``, or ``x`` where a column has no partner
        and the columns beside it do not agree either.
    """

    columns: tuple[int, ...]
    states: str

    @property
    def word(self) -> str:
        """The metal-only word: ``+++-+++``, with counts beyond 60 gaps."""
        return metal_word([STATES.index(state) for state in self.states])

    @property
    def text(self) -> str:
        """The same in the grammar of words, ``?+?+?-?.``: it can be parsed."""
        return "".join(f"?{s}" if s != "x" else "??" for s in self.states) + "?."


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


def walk_up(graph: "nx.DiGraph", column: int) -> Walk:
    """Follow the cross-gap bonds up along +c from a column to the last row of the graph.

    The walk leans as the bonds do, by a third of the pitch per gap in O3. Where a column has no
    partner it goes aside to the nearest column of its row that has one.

    Parameters
    ----------
    graph : networkx.DiGraph
        From `column_graph`.
    column : int
        Id of the column to start from.

    Raises
    ------
    ResultError
        If the graph has no such column, or the column lies in no row.

    Examples
    --------
    >>> import stackmotif as sm
    >>> from stackmotif.stacking.columnset import place_columns, stack_phases
    >>> truth = place_columns(stack_phases("+++-+++", 20), rng=1, noise_A=0.05)
    >>> result = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.05))
    >>> graph = result.graph()
    >>> start = [n for n, row in graph.nodes(data="row") if row == 7][9]
    >>> walk_up(graph, start).word
    '+++-+++'
    """
    if column not in graph or graph.nodes[column]["row"] < 0:
        raise ResultError(f"column {column!r} is in no row of the graph; expected one of its nodes")
    columns, states = [column], list[str]()
    while True:
        step = _step_up(graph, columns[-1])
        if step is None:
            return Walk(tuple(columns), "".join(states))
        columns.append(step[0])
        states.append(step[1])


def _step_up(graph: "nx.DiGraph", column: int) -> tuple[int, str] | None:
    """Return the next column up and the state of the gap, from here or from beside here."""
    for ring in _rings(graph, column):
        found = [best for best in (_partner(graph, one) for one in ring) if best is not None]
        if found:
            agreed = len({state for _, state in found}) == 1
            return found[0][0], found[0][1] if agreed else "x"
    return None


def _rings(graph: "nx.DiGraph", column: int) -> Iterator[list[int]]:
    """Yield the column, then the next ones to both sides in its row, then those after them."""
    yield [column]
    row, place = graph.nodes[column]["row"], graph.nodes[column]["along"]
    others = sorted((d["along"], n) for n, d in graph.nodes(data=True) if d["row"] == row)
    left = [n for along, n in reversed(others) if along < place]
    right = [n for along, n in others if along > place]
    for k in range(_AROUND):
        yield left[k : k + 1] + right[k : k + 1]


def _partner(graph: "nx.DiGraph", column: int) -> tuple[int, str] | None:
    """Return the upper partner of a column, the likelier of two at a squeezed wall."""
    found = [
        (data["p"], -abs(data["shift"]), upper, data["state"])
        for _, upper, data in graph.out_edges(column, data=True)
        if data["kind"] == CROSS_GAP
    ]
    return max(found)[2:] if found else None


def slot_words(graph: "nx.DiGraph") -> dict[int, str]:
    """Return the word of every slot, read along +c over all gaps of the graph.

    A slot's word goes straight up; the cell of a gap is the one whose upper column stands in the
    slot. Where that is missing, the cells to both sides stand in if they agree (one of them where
    the gap ends), else the gap is ``x``.

    Returns
    -------
    dict of int to str
        Slot to states from the lowest gap to the uppermost.
    """
    gaps = _states_by_gap(graph)
    if not gaps:
        return {}
    slots = sorted({slot for cells in gaps.values() for slot in cells})
    order = range(max(gaps), min(gaps) - 1, -1)
    known = {gap: sorted(cells) for gap, cells in gaps.items()}
    return {
        slot: "".join(_state_at(gaps[g], known[g], slot) if g in gaps else "x" for g in order)
        for slot in range(slots[0], slots[-1] + 1)
    }


def _states_by_gap(graph: "nx.DiGraph") -> dict[int, dict[int, str]]:
    gaps: dict[int, dict[int, str]] = {}
    for _, _, data in graph.edges(data=True):
        if data["kind"] == CROSS_GAP:
            gaps.setdefault(data["gap"], {})[data["slot"]] = data["state"]
    return gaps


def _state_at(cells: Mapping[int, str], known: list[int], slot: int) -> str:
    if slot in cells:
        return cells[slot]
    place = bisect_left(known, slot)
    beside = {cells[known[k]] for k in (place - 1, place) if 0 <= k < len(known)}
    return beside.pop() if len(beside) == 1 else "x"


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
    top = min(gap for gap in _states_by_gap(graph))
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
