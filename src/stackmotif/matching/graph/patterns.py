"""Motifs of the catalog as small graphs, made of ideal columns in the way that images are."""

from typing import TYPE_CHECKING, Final

import numpy as np

from stackmotif.catalog import Motif
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.errors import CatalogError
from stackmotif.matching.graph.arrays import ColumnArrays, Floats, row_bonds
from stackmotif.matching.graph.building import CROSS_GAP, IN_ROW, graph_of
from stackmotif.matching.runs import MAX_MOTIF_GAPS
from stackmotif.matching.tables import new_table
from stackmotif.stacking import Word

if TYPE_CHECKING:
    import networkx as nx

_PERIODS: Final = 3
_SIGMA: Final = 0.01  # of the columns of a pattern [pitch]: next to none
_BESIDE: Final = 4  # columns that a pattern is built with to each side before it is cut out
_THIRDS: Final = {"+": 1, "0": 0, "-": -1}


def motif_graph(
    motif: "Motif | Word | str", *, columns: int = 1, flank: int | None = None
) -> "nx.DiGraph":
    """Return a motif as a graph of ideal columns, to be looked for in the graph of an image.

    Parameters
    ----------
    motif : Motif, Word or str
        An entry of the catalog that has a word or abrupt walls, a word, or a word's text.
    columns : int
        Width of a word's pattern: 1 is a chain of columns, 2 a strip one cell wide, and so on.
    flank : int, optional
        Gaps of the surroundings that a word keeps at either end. By default one where both ends are
        of the same state (a fault or TD in its matrix), and up to 7 where they differ (a boundary
        between domains: fewer would be a TD's edge). Periodic words take three periods.

    Returns
    -------
    networkx.DiGraph
        With the edges of `column_graph`. A wall's pattern holds the corners of its units.

    Raises
    ------
    CatalogError
        For a motif without a stacking of ``+``, ``0`` and ``-``, or with continuous walls.

    Examples
    --------
    >>> from stackmotif import load_catalog
    >>> catalog = load_catalog()
    >>> pattern = motif_graph(catalog["td-2-glided"])
    >>> [state for _, _, state in pattern.edges(data="state")]
    ['+', '-', '-', '+']
    >>> len(motif_graph(catalog["wall-tsu-o3r-o3"])), len(motif_graph(catalog["wall-asu-o1-o3"]))
    (8, 6)
    """
    if isinstance(motif, Motif) and isinstance(motif.recipe, WallRecipe):
        return _wall_graph(motif)
    word = motif.word if isinstance(motif, Motif) else motif
    return _word_graph(_states(word, motif, flank), columns)


def _states(word: "Word | str | None", motif: "Motif | Word | str", flank: int | None) -> str:
    """Return the states of a pattern along +c."""
    name = motif.id if isinstance(motif, Motif) else str(motif)
    if word is None:
        raise CatalogError(
            f"{name!r} has no stacking word, so it has no pattern of gap states; expected a "
            "polytype, fault, TD, twin or abrupt wall"
        )
    word = Word.parse(word) if isinstance(word, str) else word
    states = word.metal_text.strip("|")
    if not states or set(states) - set(_THIRDS):
        raise CatalogError(
            f"{name!r} shows the shifts {states!r} along [100]; expected only +, 0 and -"
        )
    return states * _PERIODS if word.periodic else _trimmed(states, flank)


def _trimmed(states: str, flank: int | None) -> str:
    """Shorten the first and the last run of a finite word."""
    if flank is None:
        flank = 1 if states[0] == states[-1] else MAX_MOTIF_GAPS + 1
    if flank < 1:
        raise CatalogError(f"flank is {flank} gaps; expected 1 or more")
    first = len(states) - len(states.lstrip(states[0]))
    last = len(states) - len(states.rstrip(states[-1]))
    if first == len(states):
        return states[: 2 * flank]
    return states[max(0, first - flank) : len(states) - max(0, last - flank)]


def _word_graph(states: str, columns: int) -> "nx.DiGraph":
    """Return the pattern of full-width gaps, ``columns`` wide."""
    if columns < 1:
        raise CatalogError(f"columns is {columns}; expected 1 or more")
    shifts = [_THIRDS[state] for state in states[::-1]]
    thirds = np.concatenate([[0], -np.cumsum(shifts)])
    phases = np.repeat(thirds[:, None], columns, axis=1).astype(np.float64)
    return graph_of(_ideal_arrays(phases / 3))


def _wall_graph(motif: Motif) -> "nx.DiGraph":
    """Return the corners of all units of an entry with abrupt walls."""
    recipe = motif.recipe
    assert isinstance(recipe, WallRecipe)  # noqa: S101
    jumps = recipe.jumps
    if recipe.closed or recipe.inclination_deg or any(j.type != "A" or j.thirds < 0 for j in jumps):
        raise CatalogError(
            f"{motif.id!r} has continuous, squeezed, inclined or closed walls and no pattern of "
            "cut bonds; expected an entry with abrupt, stretched walls alone"
        )
    left = Word.parse(recipe.word)
    steps = [_THIRDS[state] for state in left.metal_text.strip("|")]
    first, last = (pick(int(j.column) for j in jumps) for pick in (min, max))
    column = np.arange(first - _BESIDE, last + _BESIDE + 1)
    up = (np.concatenate([[0], np.cumsum(steps)]) + 1) % 3 - 1  # as the atoms of the entry are laid
    thirds = np.repeat(up[:, None], len(column), axis=1).astype(np.float64)
    for jump in jumps:
        rows = {jump.slab, jump.slab + len(left)} & set(range(len(up)))
        thirds[sorted(rows)] += jump.thirds * (column > jump.column)
    graph = graph_of(_ideal_arrays(np.flip(thirds, axis=0) / 3))
    return _cut_out(graph, motif)


def _cut_out(graph: "nx.DiGraph", motif: Motif) -> "nx.DiGraph":
    """Keep the corners of the units, with the gap cells on both sides of each."""
    import networkx as nx

    kept: set[int] = set()
    for unit in graph.graph["units"]:
        kept.update(unit.bond, unit.columns)
        for column in unit.bond:
            kept.update(_partners(graph, column, unit.gap))
    pattern = graph.subgraph(sorted(kept)).copy()
    if not kept or not nx.is_weakly_connected(pattern):
        raise CatalogError(
            f"the walls of {motif.id!r} are no strip cells that touch; expected an entry whose "
            "ASU and TSU share their cut bonds"
        )
    return pattern


def _partners(graph: "nx.DiGraph", column: int, gap: int) -> set[int]:
    """Return the columns paired with one across a gap."""
    edges = [*graph.in_edges(column, data=True), *graph.out_edges(column, data=True)]
    ends = [(a, b) for a, b, data in edges if data["kind"] == CROSS_GAP and data["gap"] == gap]
    return {a if b == column else b for a, b in ends}


def _ideal_arrays(phases: Floats) -> ColumnArrays:
    """Return columns at whole pitches plus phases (n_rows, n_slots) [pitch], and their bonds.

    Columns are paired as the reading pairs them: with the nearest of the row below, if it is less
    than half a pitch away.
    """
    n_rows, n_slots = phases.shape
    row, slot = (index.ravel() for index in np.indices(phases.shape))
    along = (np.arange(n_slots)[None, :] + phases).ravel()
    table = new_table("columns", len(row))
    table["id"], table["row"], table["slot"] = np.arange(len(row)), row, slot
    table["y_A"], table["x_A"], table["domain"] = row, along, -1
    upper, lower, shift = _pairs(along.reshape(n_rows, n_slots))
    cells = new_table("gaps", len(upper))
    cells["gap"], cells["slot"], cells["shift"] = row[upper], slot[upper], shift
    cells["sigma"] = np.sqrt(2) * _SIGMA
    code = np.rint(3 * shift).astype(np.int64)
    cells["state"] = np.array(["0", "+", "-"])[code % 3]
    for state, name in (("+", "p_plus"), ("0", "p_zero"), ("-", "p_minus")):
        cells[name] = cells["state"] == state
    cells["domain"] = cells["wall"] = -1
    right, width = row_bonds(row, along)
    return ColumnArrays(table, along, right, width, upper, lower, cells)


def _pairs(x: Floats) -> tuple[np.ndarray, np.ndarray, Floats]:
    """Return upper and lower column of every pair closer than half a pitch, and its shift."""
    n_slots = x.shape[1]
    apart = x[:-1, :, None] - x[1:, None, :]
    gap, above, below = np.nonzero(np.abs(apart) < 0.5)
    return gap * n_slots + above, (gap + 1) * n_slots + below, apart[gap, above, below]


def turned(graph: "nx.DiGraph") -> "nx.DiGraph":
    """Return a pattern turned by 180° about the beam: right and up change their sense, no state."""
    return graph.reverse(copy=True)


def seen_from_behind(graph: "nx.DiGraph") -> "nx.DiGraph":
    """Return a pattern's mirror image: left and right change places, and all shifts their signs."""
    import networkx as nx

    mirrored = nx.DiGraph()
    mirrored.add_nodes_from(graph.nodes(data=True))
    opposite = {"+": "-", "-": "+"}
    for a, b, data in graph.edges(data=True):
        if data["kind"] == IN_ROW:
            mirrored.add_edge(b, a, **data)
        else:
            mirrored.add_edge(a, b, **{**data, "state": opposite.get(data["state"], data["state"])})
    return mirrored
