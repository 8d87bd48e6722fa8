"""A co-registered profile over what the image says, against depth below the surface."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.report.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stackmotif.matching import MotifMap

_SHARES: Final = {
    "rocksalt": ("rock salt", "#9c6a2f"),
    "O1": ("O1", "#1b6fb3"),
    "O3r": ("O3′", "#2a8c54"),
    "guest_metal": ("guest sites / metal", "#b2338a"),
}
_LINES: Final = ("#000000", "#c04000", "#555555", "#7a55c0")
_MOST_SERIES: Final = 4


def profile_figure(r: "MotifMap") -> "Figure | None":
    """Draw the profile of ``summary["profile"]``; None where there is none to draw.

    Above, what the image says, with standard errors: shares of area and cells, and the height of
    guest sites over metal. Below, each series of the file in its own units and on its own axis.
    """
    told = r.summary.get("profile")
    if not told or not told["depth_A"]:
        return None
    series = list(told["series"].items())[:_MOST_SERIES]
    height = 2.3 + 1.3 * len(series)
    figure = new_figure(7.0, height)
    axes = figure.subplots(
        1 + len(series), 1, sharex=True, squeeze=False,
        gridspec_kw={"height_ratios": [1.7, *[1.0] * len(series)], "hspace": 0.12,
                     "left": 0.13, "right": 0.97, "top": 0.96, "bottom": 0.45 / height},
    )[:, 0]  # fmt: skip
    _measured(axes[0], told["measured"])
    for ax, (name, values), colour in zip(axes[1:], series, _LINES, strict=False):
        ax.plot(told["depth_A"], values, color=colour, linewidth=1.2, marker=".", markersize=3)
        ax.set_ylabel(_short(name), fontsize=8)
    axes[-1].set_xlabel("depth below the surface [Å]", fontsize=9)
    axes[-1].set_xlim(*_extent(told))
    for ax in axes:
        ax.tick_params(labelsize=8)
        ax.margins(y=0.12)
    axes[0].set_ylim(-0.15, 1.3)
    figure.align_ylabels(list(axes))
    return figure


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _extent(told: dict[str, Any]) -> tuple[float, float]:
    ends = [*told["depth_A"]]
    for found in told["measured"].values():
        ends += found["depth_A"]
    low, high = float(np.min(ends)), float(np.max(ends))
    return low - 0.02 * (high - low) - 1e-6, high + 0.02 * (high - low) + 1e-6


def _measured(ax: "Axes", measured: dict[str, Any]) -> None:
    for quantity, (name, colour) in _SHARES.items():
        found = measured.get(quantity)
        if found is None:
            continue
        ax.errorbar(
            found["depth_A"], found["value"], yerr=found["sigma"], color=colour, label=name,
            linewidth=1.2, marker="o", markersize=3, elinewidth=0.7, capsize=2,
        )  # fmt: skip
    ax.set_ylabel("from the image", fontsize=8)
    if ax.has_data():
        ax.legend(fontsize=8, frameon=False, ncols=4, loc="upper right")
    else:
        ax.text(
            0.5, 0.5, "no edge of the crystal in the field", ha="center", transform=ax.transAxes
        )
