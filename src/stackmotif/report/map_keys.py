"""The legend of the motif map, with counts and shares."""

from typing import TYPE_CHECKING, Any, Literal

from stackmotif.report.figure import height_in
from stackmotif.report.host_names import label_names, shown_labels, state_names
from stackmotif.report.palette import LABEL_COLOURS, motif_name
from stackmotif.stacking.palette import STATE_COLOURS, UNIT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stackmotif.matching import MotifMap
    from stackmotif.matching.tables import Table


def draw_keys(ax: "Axes", r: "MotifMap") -> None:
    """Draw the legend of a motif map: cells, columns, motifs and walls with their counts."""
    ax.set_axis_off()
    y = 1.0
    for title, handles in (
        ("Gap cells", _state_handles(r.shifts, state_names(r))),
        ("Columns", _label_handles(r)),
        ("Motifs and walls", _motif_handles(r)),
    ):
        if not handles:
            continue
        legend = ax.legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(0.0, y),
            frameon=False,
            fontsize=8,
            title_fontsize=9,
            alignment="left",
            borderaxespad=0,
            borderpad=0,
        )
        legend.get_title().set_fontweight("bold")
        ax.add_artist(legend)
        lines_in = 0.165 * len(handles) + 0.42
        y -= lines_in / height_in(ax)


def _state_handles(gaps: "Table", names: dict[str, str]) -> list[Any]:
    from matplotlib.patches import Patch

    handles = []
    for state, colour in STATE_COLOURS.items():
        n = int((gaps["state"] == state).sum())
        if n:
            text = f"{names[state]}   {n} ({100 * n / len(gaps):.1f} %)"
            handles.append(Patch(facecolor=colour, alpha=0.6, label=text))
    return handles


def _label_handles(r: "MotifMap") -> list[Any]:
    handles = []
    labels, names = shown_labels(r), label_names(r)
    for label, colour in LABEL_COLOURS.items():
        n = int((labels == label).sum())
        if n:
            handles.append(_mark("o", colour, f"{names[label]}   {n}"))
    return handles


def _motif_handles(r: "MotifMap") -> list[Any]:
    counts = dict(r.summary.get("motif_counts") or {})
    handles = []
    for unit, colour in UNIT_COLOURS.items():
        n = counts.pop(unit, 0)
        if n:
            handles.append(_mark("s" if unit.endswith("ASU") else "^", colour, f"{unit}   {n}"))
    loose = int((r.walls["kind"] == "unresolved").sum()) if len(r.walls) else 0
    lines = {"A_wall": "abrupt walls (A)", "C_wall": "continuous walls (C)"}
    for key, text in lines.items():
        n = counts.pop(key, 0)
        if n:
            handles.append(_line("-", f"{text}   {n}"))
    if loose:
        handles.append(_line(":", f"walls, width unresolved   {loose}"))
    for motif, n in sorted(counts.items()):
        if n:
            handles.append(_mark("", "none", f"{motif_name(str(motif))}   {n}"))
    return handles[:18]


def _line(style: Literal["-", ":"], label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle=style, color="black", linewidth=1.6, label=label)


def _mark(marker: str, colour: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker or "None",
        markersize=6,
        markerfacecolor=colour,
        markeredgecolor="#444444",
        markeredgewidth=0.5,
        label=label,
    )
