"""Words in a graph: walks up along the bonds, and the word that stands straight up at a slot."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stackmotif.conventions import STATES
from stackmotif.errors import ResultError
from stackmotif.matching.domains import metal_word
from stackmotif.matching.graph.building import CROSS_GAP

if TYPE_CHECKING:
    import networkx as nx

_AROUND: Final = 2  # in-row steps that a walk goes aside where a column has no partner


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
    gaps = states_by_gap(graph)
    if not gaps:
        return {}
    slots = sorted({slot for cells in gaps.values() for slot in cells})
    order = range(max(gaps), min(gaps) - 1, -1)
    known = {gap: sorted(cells) for gap, cells in gaps.items()}
    return {
        slot: "".join(_state_at(gaps[g], known[g], slot) if g in gaps else "x" for g in order)
        for slot in range(slots[0], slots[-1] + 1)
    }


def states_by_gap(graph: "nx.DiGraph") -> dict[int, dict[int, str]]:
    """Return the state of every cell by its gap and its slot."""
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
