"""Every row of slabs averaged along itself: what the tilts were read from, and what was read."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.report.figure import new_figure
from stackmotif.stacking.palette import BLUE, GAP_COLOURS, GAP_MEANING, GREY, ORANGE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stackmotif.matching import MotifMap
    from stackmotif.matching.oxygen import OxygenView

MOST_ROWS: Final = 36
"""Rows that are drawn; of more, those with most gaps that are not O3."""
_WIDE: Final = 5.0
"""Width of a panel [pitch]."""
_PITCH_IN: Final = 0.34
_HEAD_IN, _LINE_IN, _SIDE_IN, _SPACE_IN = 0.3, 0.15, 0.85, 0.2
_BAR_A: Final = 5.0
_HALF_SLAB: Final = 0.41
_FINE: Final = 24
_LEAN_COLOURS: Final = {"R": ORANGE, "L": BLUE, "?": GREY}


def oxygen_figure(r: "MotifMap") -> "Figure | None":
    """Draw the rows of the oxygen image, averaged, without and with what was read in them.

    None if no tilts were read.
    """
    view = r.oxygen
    if view is None or not len(view.row):
        return None
    kinds = _kinds_below(r, view)
    shown = _chosen(view, kinds)
    lattice = r.summary.get("lattice") or {}
    spacing = float(lattice.get("row_spacing_A") or 4.75) / view.pitch_A
    keys = sorted({kinds[k] for k in shown} - {""})
    key_in = 0.1 + _LINE_IN * ((len(keys) + 1) // 2)
    tall = float(view.row[shown].max() - view.row[shown].min() + 1) * spacing * _PITCH_IN
    width = 2 * _WIDE * _PITCH_IN + _SPACE_IN + _SIDE_IN + 0.1
    page = tall + _HEAD_IN + key_in
    figure = new_figure(width, page)
    lefts = (0.1, 0.1 + _WIDE * _PITCH_IN + _SPACE_IN)
    titles = ("as averaged", "as read")
    for left, title in zip(lefts, titles, strict=True):
        box = (left / width, key_in / page, _WIDE * _PITCH_IN / width, tall / page)
        ax = figure.add_axes(box)
        _draw_rows(ax, view, shown, spacing)
        ax.set_title(title, fontsize=9, pad=4)
    _draw_reading(ax, view, shown, spacing, kinds)
    _draw_bar(figure.axes[0], view.pitch_A)
    _draw_key(figure, keys)
    return figure


def _kinds_below(r: "MotifMap", view: "OxygenView") -> list[str]:
    """Return the commonest known kind of the gap below each row; empty where none is known."""
    found = []
    for row in view.row.tolist():
        kinds = r.shifts["kind"][r.shifts["gap"] == row]
        names, counts = np.unique(kinds[kinds != "?"], return_counts=True)
        found.append(str(names[np.argmax(counts)]) if len(names) else "")
    return found


def _chosen(view: "OxygenView", kinds: list[str]) -> NDArray[np.int64]:
    """Return which rows are drawn: a run of neighbours."""
    n = len(view.row)
    if n <= MOST_ROWS:
        return np.arange(n)
    telling = np.array([kind not in ("", "3") for kind in kinds], dtype=float)
    inside = np.convolve(telling, np.ones(MOST_ROWS), mode="valid")
    return np.argmax(inside) + np.arange(MOST_ROWS)


def _draw_rows(ax: "Axes", view: "OxygenView", shown: NDArray[np.int64], spacing: float) -> None:
    """Lay the mean patches of the rows above each other, each where its columns stand."""
    x = (np.arange(int(_WIDE * _FINE)) + 0.5) / _FINE
    inside = np.abs(view.v) <= 0.5 * spacing + 1e-9
    low, high = np.percentile(view.patches[shown][:, inside], [1, 99.5])
    for k in shown:
        y = float(view.row[k]) * spacing
        u = (x - view.place[k] + 0.5) % 1.0 - 0.5
        strip = _along(view.patches[k][inside], view.u, u)
        half = 0.5 * float(np.ptp(view.v[inside])) + 0.5 * float(view.v[1] - view.v[0])
        ax.imshow(
            strip,
            cmap="gray",
            vmin=low,
            vmax=max(float(high), float(low) + 1e-12),
            extent=(0, _WIDE, y + half, y - half),
            interpolation="bicubic",
            zorder=1,
        )
    ax.set_xlim(0, _WIDE)
    ax.set_ylim(
        (float(view.row[shown].max()) + 0.5) * spacing,
        (float(view.row[shown].min()) - 0.5) * spacing,
    )
    ax.set_xticks([])
    ax.set_yticks([])


def _along(patch: NDArray[np.float32], u: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray:
    """Return the lines of a patch at other places along the row, which repeats."""
    longer = np.concatenate([u, [u[0] + 1.0]])
    closed = np.concatenate([patch, patch[:, :1]], axis=1)
    return np.stack([np.interp(at, longer, line) for line in closed])


def _draw_reading(
    ax: "Axes",
    view: "OxygenView",
    shown: NDArray[np.int64],
    spacing: float,
    kinds: list[str],
) -> None:
    """Mark metal, oxygen and lean of every row, its tilt beside it and the kinds of the gaps."""
    for k in shown:
        y, tilt, lean = float(view.row[k]) * spacing, str(view.tilt[k]), int(view.lean[k])
        colour = _LEAN_COLOURS[tilt]
        places = np.arange(-1, _WIDE + 1) + float(view.place[k])
        for x in places[(places > 0.35) & (places < _WIDE - 0.35)]:
            if lean:
                ends = (x - lean / 3, x, x + lean / 3), (y + _HALF_SLAB, y, y - _HALF_SLAB)
                ax.plot(*ends, color=colour, linewidth=1.1, zorder=3)
                ax.plot(
                    ends[0][::2], ends[1][::2], linestyle="none", marker="o", markersize=3.4,
                    markerfacecolor="none", markeredgecolor=VERMILLION, zorder=4,
                )  # fmt: skip
            ax.plot(
                x, y, marker="s", markersize=2.6, color=colour, markeredgecolor="white",
                markeredgewidth=0.3, zorder=4,
            )  # fmt: skip
        p = "" if tilt == "?" else f"  {min(float(view.p[k]), 0.999):.3f}"
        ax.text(_WIDE + 0.12, y, f"{tilt}{p}", va="center", fontsize=7, color="black")
        if kinds[k] and k != shown[-1]:
            ax.text(
                _WIDE + 0.95, y + 0.5 * spacing, kinds[k], va="center", fontsize=8,
                color=GAP_COLOURS[kinds[k]], fontweight="bold",
            )  # fmt: skip


def _draw_bar(ax: "Axes", pitch_A: float) -> None:
    """Draw a scale bar into axes that are in pitches."""
    length, bottom = _BAR_A / pitch_A, ax.get_ylim()[0]
    ends = ([0.25, 0.25 + length], [bottom - 0.3] * 2)
    ax.plot(*ends, color="black", linewidth=4.5, solid_capstyle="butt", zorder=5)
    ax.plot(*ends, color="white", linewidth=3, solid_capstyle="butt", zorder=6)
    ax.text(
        0.25 + length + 0.15, bottom - 0.3, f"{_BAR_A / 10:g} nm", va="center", fontsize=7,
        color="white", bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1.5},
        zorder=6,
    )  # fmt: skip


def _draw_key(figure: "Figure", kinds: list[str]) -> None:
    """Say what the kinds of the gaps are."""
    from matplotlib.lines import Line2D

    used = [kind for kind in GAP_COLOURS if kind in kinds]
    keys = [
        Line2D([], [], linestyle="none", marker=f"${kind}$", color=GAP_COLOURS[kind],
               label=GAP_MEANING[kind])
        for kind in used
    ]  # fmt: skip
    if keys:
        figure.legend(
            handles=keys, loc="lower left", ncols=2, fontsize=6, frameon=False,
            borderaxespad=0.2, handlelength=1.0, columnspacing=1.0,
        )  # fmt: skip
