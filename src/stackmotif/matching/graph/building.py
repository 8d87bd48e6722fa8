"""From arrays to a networkx graph."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stackmotif.errors import ResultError
from stackmotif.matching.graph.arrays import ColumnArrays, column_arrays
from stackmotif.matching.graph.strips import find_walls
from stackmotif.matching.graph.units import LEAST_SIGMA, bond_thirds, units_of

if TYPE_CHECKING:
    import networkx as nx

    from stackmotif.matching.motif_map import MotifMap

IN_ROW, CROSS_GAP = "row", "gap"
"""Values of the edge attribute ``kind``."""

_NODE_FIELDS = ("id", "row", "slot", "label", "p_label", "motif", "domain", "tilt")
_CELL_FIELDS = ("gap", "slot", "state", "shift", "sigma", "domain", "wall")
_P_FIELDS = ("p_plus", "p_zero", "p_minus", "p_unknown")


def column_graph(
    result: "MotifMap", region: ArrayLike | None = None, *, least_sigma: float = LEAST_SIGMA
) -> "nx.DiGraph":
    """Return the columns of a region as a directed networkx graph.

    Parameters
    ----------
    result : MotifMap
        A result in which rows were found.
    region : (y0, x0, y1, x1), optional
        Columns on its edges count as inside [Å, image axes]; the whole field by default.
    least_sigma : float
        Standard deviations by which the unit of an abrupt wall must beat every other reading.

    Returns
    -------
    networkx.DiGraph
        Nodes are column ids with ``id``, ``position_A`` (y, x), ``along`` (place along the rows
        [pitch]), ``row``, ``slot``, ``label``, ``p_label``, ``motif``, ``domain``, ``tilt``;
        columns of no row have ``row`` -1 and no edges.

        In-row edges (``kind`` "row") lead to the right and have ``width`` [pitch] and ``thirds``,
        the width as read: 3 in bulk, 4 or 5 at an abrupt wall, 0 at a wall that is not known to be
        abrupt. Cross-gap edges (``kind`` "gap") lead up along +c, from the lower to the upper
        column of a cell of ``gaps.csv``, and have its ``gap``, ``slot``, ``state``, ``shift`` and
        ``sigma`` [pitch], ``domain``, ``wall``, the four ``p_plus`` ... ``p_unknown`` and ``p``,
        the largest of them.

        ``graph.graph`` holds ``name``, ``region``, ``gauge_flipped``, ``pitch_A``,
        ``row_spacing_A``, ``rotation_deg`` and ``units``, a tuple of `Unit`.

    Raises
    ------
    ResultError
        For a malformed region, one without columns of a row, a result without rows, or a
        ``least_sigma`` that is not positive.

    Notes
    -----
    *Right* is the image's right, or its left where the gauge is flipped: the direction in which
    shifts have the sign of their states. About 0.2 s and 21 MB per 10 000 columns.
    """
    if not (np.isfinite(least_sigma) and least_sigma > 0):
        raise ResultError(f"least_sigma is {least_sigma}; expected a positive number")
    arrays = column_arrays(result, region)
    gauge = result.summary.get("gauge") or {}
    lattice = result.summary["lattice"]
    graph = graph_of(arrays, least_sigma=least_sigma)
    graph.graph.update(
        name=result.name,
        region=None if region is None else tuple(float(edge) for edge in np.asarray(region)),
        gauge_flipped=bool(gauge.get("flipped")),
        pitch_A=lattice["pitch_A"],
        row_spacing_A=lattice["row_spacing_A"],
        rotation_deg=lattice["rotation_deg"],
    )
    return graph


def graph_of(arrays: ColumnArrays, *, least_sigma: float = LEAST_SIGMA) -> "nx.DiGraph":
    """Return the graph of columns and bonds that are given as arrays."""
    import networkx as nx

    walls = find_walls(arrays)
    graph = nx.DiGraph(units=units_of(arrays, walls, least_sigma=least_sigma))
    ids = arrays.columns["id"]
    graph.add_nodes_from(zip(ids.tolist(), _nodes(arrays), strict=True))
    left = np.flatnonzero(arrays.right >= 0)
    thirds = bond_thirds(arrays, walls, least_sigma=least_sigma)
    bonds = _attributes(
        kind=np.full(len(left), IN_ROW), width=arrays.width[left], thirds=thirds[left]
    )
    right = ids[arrays.right[left]]
    graph.add_edges_from(zip(ids[left].tolist(), right.tolist(), bonds, strict=True))
    lower, upper = ids[arrays.lower].tolist(), ids[arrays.upper].tolist()
    graph.add_edges_from(zip(lower, upper, _cells(arrays), strict=True))
    return graph


def _nodes(arrays: ColumnArrays) -> Iterator[dict[str, Any]]:
    table = arrays.columns
    position = zip(table["y_A"].tolist(), table["x_A"].tolist(), strict=True)
    fields = {name: np.asarray(table[name]) for name in _NODE_FIELDS}
    for place, rest in zip(position, _attributes(**fields, along=arrays.along), strict=True):
        yield {"position_A": place, **rest}


def _cells(arrays: ColumnArrays) -> Iterator[dict[str, Any]]:
    table = arrays.cells
    fields = {name: np.asarray(table[name]) for name in (*_CELL_FIELDS, *_P_FIELDS)}
    p = np.stack([fields[name] for name in _P_FIELDS], axis=1).max(axis=1, initial=0.0)
    return _attributes(kind=np.full(len(table), CROSS_GAP), **fields, p=p)


def _attributes(**fields: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """Yield one dict of plain Python values per line of arrays of one length."""
    names = tuple(fields)
    lines = zip(*(field.tolist() for field in fields.values()), strict=True)
    return (dict(zip(names, line, strict=True)) for line in lines)
