"""Lateral walls on the motif map: bars along the rows that jump, units in the strips."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.report.cells import Axes2D
from stackmotif.stacking.palette import UNIT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stackmotif.matching import MotifMap

Floats = NDArray[np.float64]

_BAR = {"A": "-", "C": "-", "unresolved": ":"}
_INTO_STRIP = 0.36
"""Distance of a unit's mark from its row, in row spacings."""


def draw_walls(ax: "Axes", r: "MotifMap", axes: Axes2D) -> None:
    """Draw every wall as a bar over its width, dotted where that is unresolved, and its units.

    Axes are in nm; squares are abrupt units (ASU), triangles are TSU, larger ones are wide.
    """
    _draw_bars(ax, r, axes)
    places = np.stack([r.walls["y_A"], r.walls["x_A"]], axis=1)
    for name, side in (("unit_above", -1.0), ("unit_below", 1.0)):
        for unit, colour in UNIT_COLOURS.items():
            chosen = r.wall_fits[name] == unit
            if not chosen.any():
                continue
            y, x = (places[chosen] + side * _INTO_STRIP * axes.across).T / 10
            ax.scatter(
                x,
                y,
                marker="s" if unit.endswith("ASU") else "^",
                s=62 if unit.startswith("wide") else 34,
                facecolors=colour,
                edgecolors="black",
                linewidths=0.6,
                zorder=5,
            ).set_gid(f"units-{unit}-{name}")


def _draw_bars(ax: "Axes", r: "MotifMap", axes: Axes2D) -> None:
    from matplotlib.collections import LineCollection

    half = 0.5 * r.walls["width_columns"][:, None] * axes.along
    middle = np.stack([r.walls["y_A"], r.walls["x_A"]], axis=1)
    for kind, style in _BAR.items():
        chosen = r.walls["kind"] == kind
        ends = np.stack([middle[chosen] - half[chosen], middle[chosen] + half[chosen]], axis=1)
        bars = LineCollection(
            list(ends[..., ::-1] / 10), colors="black", linewidths=1.6, linestyles=style, zorder=4
        )
        bars.set_gid(f"walls-{kind}")
        ax.add_collection(bars, autolim=False)
