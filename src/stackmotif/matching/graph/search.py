"""Sub-graph search (VF2): where the pattern of a catalog motif stands in the graph of an image."""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stackmotif.matching.graph.building import CROSS_GAP, IN_ROW
from stackmotif.matching.graph.patterns import motif_graph, seen_from_behind, turned

if TYPE_CHECKING:
    import networkx as nx

    from stackmotif.catalog import Motif
    from stackmotif.stacking import Word

_GAP_IN_ROW: Final = 3  # slots between two placements that still are one occurrence


@dataclass(frozen=True)
class Occurrence:
    """One place in an image at which a motif's pattern stands.

    Parameters
    ----------
    motif : str
        Id or word of the motif.
    columns : tuple of int
        Ids of the columns, in the order of the pattern's nodes.
    turned : bool
        Whether it stands turned by 180° about the beam (the word read from its other end).
    mirror : bool
        Whether it is the motif's mirror image: the motif seen from behind, all signs changed,
        and not the motif in the gauge of this image.
    p : float
        Least probability that all its cells have the states that the pattern asks for: one less the
        sum of the doubts in each, whatever they have in common.
    """

    motif: str
    columns: tuple[int, ...]
    turned: bool
    mirror: bool
    p: float


def find_motif(
    graph: "nx.DiGraph",
    motif: "Motif | Word | str",
    *,
    mirrors: bool = False,
    columns: int = 1,
    flank: int | None = None,
) -> list[Occurrence]:
    """Return every place at which a motif stands in a graph, each once.

    An occurrence has the same columns, bonds, states and cut bonds as the pattern, nothing more
    between its columns, and the same sense of right and up, or both the other way round: turned by
    180° the crystal is the same and its states too. A mirror image has all signs changed; in the
    gauge of the image that is another variant (a + gap among - ones is no TD of the + matrix), so
    it is left out unless ``mirrors`` asks for it, and then it is marked. A pattern that is its own
    mirror image is no mirror.

    A word's pattern is one column wide and is found at every column along a gap: `together` joins
    these into motifs.

    Parameters
    ----------
    graph : networkx.DiGraph
        From `column_graph`.
    motif : Motif, Word or str
        Entry of the catalog or word; see `motif_graph` also for ``columns`` and ``flank``.
    mirrors : bool
        Whether to return mirror images too.

    Raises
    ------
    CatalogError
        For a motif without a pattern.

    Examples
    --------
    >>> import stackmotif as sm
    >>> from stackmotif.stacking.columnset import place_columns, stack_phases
    >>> truth = place_columns(stack_phases("++++--++++", 20), rng=1, noise_A=0.05)
    >>> result = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.05))
    >>> found = find_motif(result.graph(), sm.load_catalog()["td-2-glided"])
    >>> len(found), len(together(result.graph(), found))
    (20, 1)
    """
    pattern = motif_graph(motif, columns=columns, flank=flank)
    name = motif if isinstance(motif, str) else getattr(motif, "id", None) or str(motif)
    seen: set[frozenset[int]] = set()
    found = []
    for image, is_turned, mirror in _images(pattern, mirrors=mirrors):
        for placed in _matches(graph, image):
            key = frozenset(placed)
            if key not in seen:
                seen.add(key)
                p = _probability(graph, key)
                found.append(Occurrence(name, placed, is_turned, mirror, p))
    order = {column: k for k, column in enumerate(graph)}
    return sorted(found, key=lambda one: [order[c] for c in one.columns])


def together(graph: "nx.DiGraph", found: list[Occurrence]) -> list[list[Occurrence]]:
    """Join occurrences that stand in the same rows, side by side, into one motif each.

    Between two of them up to two columns may be missing. Occurrences in other rows are others, also
    where they share columns: two TDs with one gap between them are two.
    """
    groups: dict[Hashable, list[tuple[int, Occurrence]]] = {}
    for one in found:
        rows = [graph.nodes[c]["row"] for c in one.columns]
        top = one.columns[rows.index(min(rows))]
        key = (one.motif, one.mirror, min(rows), max(rows))
        groups.setdefault(key, []).append((graph.nodes[top]["slot"], one))
    joined: list[list[Occurrence]] = []
    for placed in groups.values():
        placed.sort(key=lambda pair: pair[0])
        last = None
        for slot, one in placed:
            if last is None or slot - last > _GAP_IN_ROW:
                joined.append([])
            joined[-1].append(one)
            last = slot
    return joined


def _images(pattern: "nx.DiGraph", *, mirrors: bool) -> list[tuple["nx.DiGraph", bool, bool]]:
    """Return the different images of a pattern to look for: turned or not, mirrored or not."""
    from networkx.algorithms.isomorphism import DiGraphMatcher

    behind = seen_from_behind(pattern)
    images = [(pattern, False, False), (turned(pattern), True, False)]
    images += [(behind, False, True), (turned(behind), True, True)] if mirrors else []
    different: list[tuple[nx.DiGraph, bool, bool]] = []
    for image in images:
        same = (DiGraphMatcher(image[0], one[0], edge_match=_same_edge) for one in different)
        if not any(matcher.is_isomorphic() for matcher in same):
            different.append(image)
    return different


def _matches(graph: "nx.DiGraph", pattern: "nx.DiGraph") -> Iterator[tuple[int, ...]]:
    """Yield the columns of every induced sub-graph that is the pattern, in the pattern's order."""
    from networkx.algorithms.isomorphism import DiGraphMatcher

    part = _neighbourhood(graph, pattern)
    matcher = DiGraphMatcher(part, pattern, edge_match=_same_edge)
    for mapping in matcher.subgraph_isomorphisms_iter():
        placed = {theirs: ours for ours, theirs in mapping.items()}
        yield tuple(placed[node] for node in pattern)


def _same_edge(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return _edge_label(ours) == _edge_label(theirs)


def _edge_label(data: dict[str, Any]) -> tuple[str, Any]:
    return data["kind"], data["state" if data["kind"] == CROSS_GAP else "thirds"]


def _neighbourhood(graph: "nx.DiGraph", pattern: "nx.DiGraph") -> "nx.DiGraph":
    """Return the part of a graph that a pattern can stand in: around its rarest kind of edge.

    A TD in a field of O3 is looked for around the reversed gaps alone. Nothing is lost: every
    occurrence holds such an edge, and all its columns are within the pattern's diameter of it.
    """
    import networkx as nx

    wanted = {_edge_label(data) for _, _, data in pattern.edges(data=True)}
    counts = Counter(_edge_label(data) for _, _, data in graph.edges(data=True))
    if not wanted or any(label not in counts for label in wanted):
        return nx.DiGraph()
    rarest = min(wanted, key=lambda label: (counts[label], label[0]))
    reach = nx.diameter(pattern.to_undirected(as_view=True))
    kept = {n for a, b, d in graph.edges(data=True) if _edge_label(d) == rarest for n in (a, b)}
    edge = kept
    for _ in range(reach):
        edge = {m for n in edge for m in (*graph.succ[n], *graph.pred[n])} - kept
        kept |= edge
    part = graph.subgraph(kept)
    if any(kind == IN_ROW for kind, _ in wanted):
        return part.copy()
    # No two columns of such a pattern are in one row, so bonds within rows cannot matter.
    return nx.DiGraph((a, b, d) for a, b, d in part.edges(data=True) if d["kind"] == CROSS_GAP)


def _probability(graph: "nx.DiGraph", columns: frozenset[int]) -> float:
    edges = graph.subgraph(columns).edges(data=True)
    return max(0.0, 1.0 - sum(1.0 - data["p"] for *_, data in edges if data["kind"] != IN_ROW))
