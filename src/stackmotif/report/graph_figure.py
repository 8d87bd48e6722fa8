"""The graph of a region as a drawing: columns, bonds coloured by state, units filled."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ResultError
from stackmotif.report.figure import new_figure, scale_bar, show_image
from stackmotif.report.palette import LABEL_COLOURS, STATE_NAMES
from stackmotif.stacking.palette import BLACK, GREY, STATE_COLOURS, UNIT_COLOURS, WHITE

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

_LONG_SIDE_IN: Final = 8.0
_KEY_IN: Final = 2.5
_MARGIN_A: Final = 2.5
_BAR_A: Final = 4.0  # below the columns, for the scale bar
_MOST_COLUMNS: Final = 20_000
_BULK: Final = 3


def graph_figure(
    graph: "nx.DiGraph", *, image: NDArray[np.float32] | None = None, pixel_size_A: float = 1.0
) -> "Figure":
    """Draw the graph of a region.

    Columns in the colours of their labels; bonds across gaps in those of the states, dotted where
    the state is unknown; bonds in rows grey, those that an abrupt wall has cut open black, those
    of a wall that is not known to be abrupt dashed. Units are filled (ASU magenta, TSU yellow);
    units that are not resolved have an outline only. Columns of no row are crosses.

    Parameters
    ----------
    graph : networkx.DiGraph
        From `MotifMap.graph`.
    image : ndarray, shape (y, x), optional
        The image to draw it over, ``result.image``.
    pixel_size_A : float
        Its pixel edge [Å].

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not known to pyplot; axes in nanometres, y down.

    Raises
    ------
    ResultError
        For a graph without columns, one of more than 20 000 (draw a region), or an image without a
        positive pixel size.
    """
    if not 0 < len(graph) <= _MOST_COLUMNS:
        raise ResultError(
            f"the graph has {len(graph)} columns; expected 1 to {_MOST_COLUMNS}: draw a region, "
            "result.graph((y0, x0, y1, x1))"
        )
    if image is not None and not pixel_size_A > 0:
        raise ResultError(f"pixel_size_A is {pixel_size_A}; expected that of the image, in Å")
    low, high = _extent(graph, image, pixel_size_A)
    positions = _positions(graph)
    height_A, width_A = high - low
    scale = _LONG_SIDE_IN / max(height_A, width_A)
    map_w, map_h = max(width_A * scale, 2.0), max(height_A * scale, 2.0)
    page_w, page_h = map_w + _KEY_IN + 0.4, max(map_h, 3.6) + 0.75
    figure = new_figure(page_w, page_h)
    bottom = page_h - 0.55 - map_h
    ax = figure.add_axes((0.2 / page_w, bottom / page_h, map_w / page_w, map_h / page_h))
    if image is not None:
        show_image(ax, image, pixel_size_A=pixel_size_A)
    ax.set_xlim(low[1] / 10, high[1] / 10)
    ax.set_ylim(high[0] / 10, low[0] / 10)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    _draw_units(ax, graph, positions)
    _draw_row_bonds(ax, graph, positions, dark=image is None)
    _draw_gap_bonds(ax, graph, positions)
    _draw_columns(ax, graph, positions, rim=BLACK if image is None else WHITE)
    scale_bar(ax)
    _draw_title(figure, graph, page_w, page_h)
    _draw_keys(figure, graph, (0.3 + map_w) / page_w, 1 - 0.5 / page_h)
    return figure


def _positions(graph: "nx.DiGraph") -> dict[int, tuple[float, float]]:
    """Return the place of every column as (x, y) [nm]."""
    return {n: (x / 10, y / 10) for n, (y, x) in graph.nodes(data="position_A")}


def _extent(
    graph: "nx.DiGraph", image: NDArray[np.float32] | None, pixel_size_A: float
) -> tuple[Floats, Floats]:
    """Return the lowest and the highest (y, x) to draw [Å]; inside the image if there is one."""
    places = np.array([place for _, place in graph.nodes(data="position_A")])
    low, high = places.min(axis=0) - _MARGIN_A, places.max(axis=0) + _MARGIN_A
    if image is None:
        return low, high + np.array([_BAR_A, 0.0])
    edge = (np.array(image.shape) - 0.5) * pixel_size_A
    return np.maximum(low, -0.5 * pixel_size_A), np.minimum(high, edge)


def _draw_units(ax: "Axes", graph: "nx.DiGraph", positions: dict[int, Any]) -> None:
    from matplotlib.patches import Polygon

    for unit in graph.graph["units"]:
        colour = UNIT_COLOURS[unit.name]
        patch = Polygon(
            [positions[column] for column in unit.columns],
            facecolor=colour if unit.resolved else "none",
            edgecolor=BLACK if unit.resolved else colour,
            linewidth=0.6 if unit.resolved else 1.6,
            alpha=0.9,
            zorder=1.5,
        )
        patch.set_gid(f"unit-{unit.name}{'' if unit.resolved else '-unresolved'}")
        ax.add_patch(patch)


def _draw_row_bonds(
    ax: "Axes", graph: "nx.DiGraph", positions: dict[int, Any], *, dark: bool
) -> None:
    bulk: list[Any] = []
    cut: list[Any] = []
    unclear: list[Any] = []
    for a, b, data in graph.edges(data=True):
        if data["kind"] == "row":
            line = (positions[a], positions[b])
            (bulk if data["thirds"] == _BULK else cut if data["thirds"] else unclear).append(line)
    grey = "#9A9A9A" if dark else "#D0D0D0"
    _lines(ax, bulk, colors=grey, linewidths=0.7, zorder=2, gid="bonds-row")
    strong = BLACK if dark else WHITE
    _lines(ax, cut, colors=strong, linewidths=2.4, zorder=3, gid="bonds-cut")
    _lines(
        ax, unclear, colors=strong, linewidths=1.4, linestyles="--", zorder=3, gid="bonds-unclear"
    )


def _draw_gap_bonds(ax: "Axes", graph: "nx.DiGraph", positions: dict[int, Any]) -> None:
    for state, colour in STATE_COLOURS.items():
        lines = [
            (positions[a], positions[b])
            for a, b, told in graph.edges(data="state")
            if told == state
        ]
        style = ":" if state == "x" else "-"
        width = 1.5 if state == "+" else 2.2
        _lines(
            ax, lines, colors=colour, linewidths=width, linestyles=style, zorder=4,
            gid=f"bonds-{state}",
        )  # fmt: skip


def _lines(ax: "Axes", lines: list[Any], *, gid: str, **style: Any) -> None:
    from matplotlib.collections import LineCollection

    drawn = LineCollection(lines, **style)
    drawn.set_gid(gid)
    ax.add_collection(drawn, autolim=False)


def _draw_columns(ax: "Axes", graph: "nx.DiGraph", positions: dict[int, Any], *, rim: str) -> None:
    from matplotlib.collections import EllipseCollection

    size = 0.34 * float(graph.graph.get("pitch_A", 2.5)) / 10
    of_label: dict[str, list[Any]] = {}
    for column, data in graph.nodes(data=True):
        label = data["label"] if data["row"] >= 0 else ""
        of_label.setdefault(label, []).append(positions[column])
    strays = np.array(of_label.pop("", [])).reshape(-1, 2)
    ax.plot(*strays.T, "x", color=GREY, markersize=4, zorder=5, gid="columns-stray")
    for label, places in of_label.items():
        sizes = np.full(len(places), size)
        dots = EllipseCollection(
            sizes, sizes, np.zeros(len(places)), units="xy", offsets=places,
            transOffset=ax.transData, facecolors=LABEL_COLOURS.get(label, WHITE),
            edgecolors=rim, linewidths=0.5, zorder=6,
        )  # fmt: skip
        dots.set_gid(f"columns-{label}")
        ax.add_collection(dots, autolim=False)


def _draw_title(figure: "Figure", graph: "nx.DiGraph", page_w: float, page_h: float) -> None:
    x, y = 0.2 / page_w, 1 - 0.1 / page_h
    name = str(graph.graph.get("name", ""))[:50]
    figure.text(
        x, y, f"{name}: graph of columns", fontsize=11, weight="bold", va="top", parse_math=False
    )
    seen = "as seen from behind" if graph.graph.get("gauge_flipped") else "as the image lies"
    line = f"{len(graph)} columns; words are read upwards; signs of the states: {seen}"
    figure.text(x, y - 0.2 / page_h, line, fontsize=8, va="top", color="#333333")


def _draw_keys(figure: "Figure", graph: "nx.DiGraph", x: float, y: float) -> None:
    handles = [*_bond_keys(graph), *_unit_keys(graph), *_column_keys(graph)]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(x, y), frameon=False, fontsize=8,
        borderaxespad=0.0, handlelength=2.0, labelspacing=0.6,
    )  # fmt: skip


def _bond_keys(graph: "nx.DiGraph") -> Iterable[Any]:
    from matplotlib.lines import Line2D

    states = [state for _, _, state in graph.edges(data="state")]
    for state, colour in STATE_COLOURS.items():
        if n := states.count(state):
            label = f"{state}  {STATE_NAMES[state]}: {n}"
            yield Line2D(
                [], [], color=colour, linewidth=2.2, label=label,
                linestyle=":" if state == "x" else "-",
            )  # fmt: skip
    thirds = [t for _, _, t in graph.edges(data="thirds")]
    yield Line2D([], [], color="#9A9A9A", linewidth=0.9, label="bond in a row")
    if n := sum(t not in (None, 0, _BULK) for t in thirds):
        yield Line2D([], [], color=BLACK, linewidth=2.4, label=f"row cut open, abrupt: {n}")
    if n := thirds.count(0):
        label = f"beside a wall not known\nto be abrupt: {n}"
        yield Line2D([], [], color=BLACK, linewidth=1.4, linestyle="--", label=label)


def _unit_keys(graph: "nx.DiGraph") -> Iterable[Any]:
    from matplotlib.patches import Patch

    units = [(unit.name, unit.resolved) for unit in graph.graph["units"]]
    for name, colour in UNIT_COLOURS.items():
        if n := units.count((name, True)):
            yield Patch(facecolor=colour, edgecolor=BLACK, linewidth=0.6, label=f"{name}: {n}")
        if n := units.count((name, False)):
            label = f"{name}, not resolved: {n}"
            yield Patch(facecolor="none", edgecolor=colour, linewidth=1.6, label=label)


def _column_keys(graph: "nx.DiGraph") -> Iterable[Any]:
    from matplotlib.lines import Line2D

    labels = [data["label"] if data["row"] >= 0 else "" for _, data in graph.nodes(data=True)]
    told = {"boundary": "column between two states", "unresolved": "column not told"}
    for label, text in told.items():
        if n := labels.count(label):
            yield Line2D(
                [], [], linestyle="", marker="o", markersize=6, markeredgewidth=0.5,
                markeredgecolor=BLACK, color=LABEL_COLOURS[label], label=f"{text}: {n}",
            )  # fmt: skip
    if n := labels.count(""):
        yield Line2D(
            [], [], linestyle="", marker="x", markersize=4, color=GREY, label=f"in no row: {n}"
        )
