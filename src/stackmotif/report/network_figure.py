"""What a network saw in the image: the image without noise, columns and phases."""

from typing import TYPE_CHECKING, Final

import numpy as np

from stackmotif.micrograph.network import UNRESOLVED
from stackmotif.report.figure import block_mean, new_figure, scale_bar, show_image
from stackmotif.report.palette import PHASE_COLOURS, PHASE_NAMES
from stackmotif.stacking.palette import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stackmotif.matching import MotifMap
    from stackmotif.micrograph.network import Seen

_PANEL_IN: Final = 3.4
_HEAD_IN: Final = 0.28
_KEY_IN: Final = 0.34
_SPACE_IN: Final = 0.1
_TALLEST: Final = 2.0
_WASH: Final = 0.5
_MAX_PIXELS: Final = 800


def network_figure(r: "MotifMap") -> "Figure | None":
    """Draw what the network saw, three panels in one scale; None if it did not look.

    The image without noise; the probability of a column, from 0 (black) to 1; the phases over the
    recorded image, where none is likely enough it stays grey.
    """
    seen = r.seen
    if seen is None or r.image is None:
        return None
    tall = min(_TALLEST, r.image.shape[0] / r.image.shape[1])
    height = _PANEL_IN * tall
    width, page = 3 * _PANEL_IN + 2 * _SPACE_IN, height + _HEAD_IN + _KEY_IN
    figure = new_figure(width, page)
    panels = []
    for k, title in enumerate(("without noise", "where columns are", "phases")):
        left = k * (_PANEL_IN + _SPACE_IN)
        ax = figure.add_axes((left / width, _KEY_IN / page, _PANEL_IN / width, height / page))
        ax.set_title(title, fontsize=9, pad=4)
        ax.set_xticks([])
        ax.set_yticks([])
        panels.append(ax)
    size = r.pixel_size_A
    show_image(panels[0], seen.denoised, pixel_size_A=size)
    show_image(panels[1], seen.columns, pixel_size_A=size)
    panels[1].images[0].set(cmap="magma", clim=(0.0, 1.0))
    show_image(panels[2], r.image, pixel_size_A=size)
    _draw_phases(panels[2], seen)
    scale_bar(panels[0])
    _draw_key(figure, seen)
    return figure


def _draw_phases(ax: "Axes", seen: "Seen") -> None:
    """Lay the colours of the phases over the image."""
    from matplotlib.colors import to_rgb

    factor = max(1, -(-max(seen.columns.shape) // _MAX_PIXELS))
    names = seen.phase_names()
    wash = np.zeros((4, *block_mean(seen.columns, factor).shape), dtype=np.float32)
    for name in seen.names[:-1]:
        share = block_mean((names == name).astype(np.float32), factor)
        colour = np.array([*to_rgb(PHASE_COLOURS[name]), _WASH], dtype=np.float32)
        wash += colour[:, None, None] * share
    strength = np.maximum(wash[3:] / _WASH, 1e-6)
    wash[:3] /= strength
    shown = ax.imshow(np.moveaxis(wash, 0, -1), extent=ax.images[0].get_extent(), zorder=2)
    shown.set_gid("phases")


def _draw_key(figure: "Figure", seen: "Seen") -> None:
    from matplotlib.patches import Patch

    names = seen.phase_names()
    keys = [
        Patch(
            facecolor=PHASE_COLOURS.get(name, GREY),
            edgecolor="black",
            linewidth=0.5,
            label=f"{PHASE_NAMES[name]} {100 * float((names == name).mean()):.0f} %",
        )
        for name in seen.names
        if name == UNRESOLVED or (names == name).any()
    ]
    figure.legend(
        handles=keys, loc="lower right", ncols=len(keys), fontsize=8, frameon=False,
        bbox_to_anchor=(1.0, 0.0), borderaxespad=0.2, handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip
