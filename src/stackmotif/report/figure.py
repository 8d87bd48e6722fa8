"""Pieces of figures: a grey micrograph, a scale bar, PNG bytes. No pyplot, no global state."""

import io
import math
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 160
_MAX_PIXELS: Final = 2400


def new_figure(width_in: float, height_in: float) -> "Figure":
    """Return an empty white figure with an Agg canvas, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: "Figure") -> bytes:
    """Return a figure as the bytes of a PNG file, the same for the same figure."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def show_image(ax: "Axes", image: NDArray[np.float32], *, pixel_size_A: float) -> None:
    """Draw an image in grey, in nanometres, with the centre of pixel (0, 0) at the origin.

    Contrast runs between the 0.5 and 99.5 percentiles. Large images are averaged over blocks first.
    """
    n_y, n_x = image.shape
    factor = max(1, math.ceil(max(n_y, n_x) / _MAX_PIXELS))
    shown = block_mean(image, factor)
    low, high = np.percentile(shown, [0.5, 99.5])
    covered_y, covered_x = (n * factor for n in shown.shape)
    p = pixel_size_A / 10
    ax.imshow(
        shown,
        cmap="gray",
        vmin=low,
        vmax=max(high, low + 1e-12),
        extent=(-0.5 * p, (covered_x - 0.5) * p, (covered_y - 0.5) * p, -0.5 * p),
        interpolation="nearest" if max(n_y, n_x) > 400 else "bicubic",
    )
    ax.set_xlim(-0.5 * p, (n_x - 0.5) * p)
    ax.set_ylim((n_y - 0.5) * p, -0.5 * p)


def block_mean(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return the means of ``factor`` x ``factor`` blocks; a rest at the far edges is dropped."""
    if factor == 1:
        return image
    n_y, n_x = (n // factor for n in image.shape)
    cut = image[: n_y * factor, : n_x * factor]
    return cut.reshape(n_y, factor, n_x, factor).mean(axis=(1, 3))


def nice_length(extent: float, *, share: float = 0.22) -> float:
    """Return the largest of 1, 2, 5 times a power of ten within ``share`` of ``extent``.

    >>> nice_length(14.0), nice_length(95.0)
    (2.0, 20.0)
    """
    target = max(extent * share, 1e-9)
    decade = 10.0 ** math.floor(math.log10(target))
    step = max(m for m in (1.0, 2.0, 5.0) if m * decade <= target * (1 + 1e-9))
    return round(step * decade, 12)


def height_in(ax: "Axes") -> float:
    """Return the height of axes [inch]."""
    figure = ax.get_figure(root=True)
    return ax.get_position().height * (figure.get_figheight() if figure is not None else 1.0)


def scale_bar(ax: "Axes") -> float:
    """Draw a scale bar into axes that are in nanometres; return its length [nm]."""
    from matplotlib.patches import Rectangle

    x0, x1 = sorted(ax.get_xlim())
    y0, y1 = sorted(ax.get_ylim())
    length = nice_length(x1 - x0)
    margin = 0.025 * min(x1 - x0, y1 - y0)
    nm_per_inch = (y1 - y0) / height_in(ax)
    thick, text_height = 0.07 * nm_per_inch, 0.17 * nm_per_inch
    left, bottom = x0 + 2 * margin, y1 - 2 * margin
    ax.add_patch(
        Rectangle(
            (left - margin / 2, bottom - thick - text_height - margin / 2),
            length + margin,
            thick + text_height + margin,
            facecolor="black",
            alpha=0.65,
            linewidth=0,
            zorder=8,
        )
    )
    bar = Rectangle((left, bottom - thick), length, thick, facecolor="white", zorder=9)
    bar.set_gid("scale-bar")
    ax.add_patch(bar)
    ax.text(
        left + length / 2,
        bottom - thick - 0.02 * nm_per_inch,
        f"{length:g} nm",
        color="white",
        ha="center",
        va="bottom",
        fontsize=9,
        zorder=9,
    )
    return length
