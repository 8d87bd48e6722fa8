"""The motif map: gap cells and columns coloured over the micrograph, with a stacking barcode."""

from collections import Counter
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.report.cells import Axes2D, cell_corners, row_axes
from stackmotif.report.figure import height_in, new_figure, scale_bar, show_image
from stackmotif.report.host_names import shown_labels, without_repeats
from stackmotif.report.map_keys import draw_keys
from stackmotif.report.palette import LABEL_COLOURS, motif_name
from stackmotif.report.wall_marks import draw_walls
from stackmotif.stacking.palette import STATE_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stackmotif.matching import MotifMap
    from stackmotif.matching.tables import Table

_MAP_IN: Final = (7.6, 8.2)
_MOST_SHAPES: Final = 200_000
_MOST_NAMES: Final = 40
_NAME_SHARE: Final = 0.15
_LETTERS_PER_IN: Final = 14
_NOTABLE: Final = (
    "TD", "O1_fault", "H1-3", "O1", "O3r", "intrinsic_fault", "extrinsic_fault", "twin_band",
)  # fmt: skip


def motif_map_figure(r: "MotifMap") -> "Figure":
    """Draw the motif map of a result.

    The image in grey; gap cells and columns in the colours of the legend; single-layer motifs
    named; beside it the stacking barcode, one bar per gap along c from the top, split by the
    states found along the gap.

    Parameters
    ----------
    r : MotifMap
        The result; without columns the bare image is drawn, with the reasons.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not known to pyplot.
    """
    height_A, width_A = _extent(r)
    scale = min(_MAP_IN[0] / width_A, _MAP_IN[1] / height_A)
    map_w, map_h = width_A * scale, height_A * scale
    page_h = max(map_h, 4.2) + 0.95
    page_w = 0.3 + max(map_w, 3.0) + 1.4 + 2.45
    figure = new_figure(page_w, page_h)
    top = page_h - 0.6 - map_h

    def box(x: float, w: float) -> Any:
        return figure.add_axes((x / page_w, top / page_h, w / page_w, map_h / page_h))

    ax = box(0.3, map_w)
    bars = box(0.3 + map_w + 0.12, 0.55)
    keys = figure.add_axes(((0.3 + map_w + 1.4) / page_w, 0.02, 2.4 / page_w, 1 - 0.62 / page_h))
    _title(figure, r, x=0.3 / page_w, y=1 - 0.16 / page_h)
    _draw_image(ax, r)
    axes = row_axes(r.columns)
    if axes is not None and len(r.shifts):
        _draw_cells(ax, r, axes)
        _draw_columns(ax, r, axes)
        draw_walls(ax, r, axes)
        _draw_names(ax, _stretches(r))
        _draw_barcode(bars, r, axes)
    else:
        bars.set_axis_off()
        _draw_reasons(ax, r)
    scale_bar(ax)
    draw_keys(keys, r)
    return figure


def _extent(r: "MotifMap") -> tuple[float, float]:
    if r.image is not None:
        return r.image.shape[0] * r.pixel_size_A, r.image.shape[1] * r.pixel_size_A
    if not len(r.columns):
        return 10.0, 10.0
    return float(r.columns["y_A"].max() + 3), float(r.columns["x_A"].max() + 3)


def _title(figure: "Figure", r: "MotifMap", *, x: float, y: float) -> None:
    simulated = "   [simulated image]" if is_simulated(r) else ""
    figure.text(
        x, y, f"{r.name[:70]}{simulated}", fontsize=11, weight="bold", va="top", parse_math=False
    )
    status = str(r.summary.get("status", "")).replace("_", " ")
    sampling = f"{r.pixel_size_A:.4g} Å per pixel" if r.image is not None else "columns only"
    line = f"{str(r.detector).upper()}, {sampling}; status: {status}"
    figure.text(x, y - 0.2 / figure.get_figheight(), line, fontsize=8, va="top", color="#333333")


def is_simulated(r: "MotifMap") -> bool:
    """Return whether a result says that its image was simulated."""
    provenance = r.summary.get("provenance") or {}
    return bool(r.summary.get("simulated") or provenance.get("simulated"))


def _draw_image(ax: "Axes", r: "MotifMap") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    if r.image is not None:
        show_image(ax, r.image, pixel_size_A=r.pixel_size_A)
        return
    height_A, width_A = _extent(r)
    ax.set_facecolor("#222222")
    ax.set_xlim(0, width_A / 10)
    ax.set_ylim(height_A / 10, 0)


def _nm(points_yx: NDArray[np.float64]) -> NDArray[np.float64]:
    """(y, x) [Å] to (x, y) [nm]."""
    return points_yx[..., ::-1] / 10


def _draw_cells(ax: "Axes", r: "MotifMap", axes: Axes2D) -> None:
    from matplotlib.collections import PolyCollection

    if len(r.shifts) > _MOST_SHAPES:
        _draw_cell_dots(ax, r.shifts)
        return
    corners = _nm(cell_corners(r.shifts, r.columns, axes))
    for state, colour in STATE_COLOURS.items():
        chosen = r.shifts["state"] == state
        strength = 0.24 if state == "+" else 0.5
        cells = PolyCollection(
            corners[chosen], facecolors=colour, edgecolors="none", alpha=strength, zorder=2
        )
        cells.set_gid(f"cells-{state}")
        ax.add_collection(cells, autolim=False)


def _draw_cell_dots(ax: "Axes", gaps: "Table") -> None:
    for state, colour in STATE_COLOURS.items():
        chosen = gaps[gaps["state"] == state]
        (dots,) = ax.plot(chosen["x_A"] / 10, chosen["y_A"] / 10, ",", color=colour, alpha=0.7)
        dots.set_gid(f"cells-{state}")


def _draw_columns(ax: "Axes", r: "MotifMap", axes: Axes2D) -> None:
    from matplotlib.collections import EllipseCollection

    columns, labels = r.columns, shown_labels(r)
    if len(columns) > _MOST_SHAPES:
        return
    size = 0.3 * float(np.hypot(*axes.along)) / 10
    for label, colour in LABEL_COLOURS.items():
        chosen = columns[labels == label]
        if not len(chosen):
            continue
        n = np.full(len(chosen), size)
        dots = EllipseCollection(
            n,
            n,
            np.zeros(len(chosen)),
            units="xy",
            offsets=np.stack([chosen["x_A"], chosen["y_A"]], axis=1) / 10,
            transOffset=ax.transData,
            facecolors=colour,
            edgecolors="white" if label != "boundary" else "black",
            linewidths=0.3,
            zorder=3,
        )
        dots.set_gid(f"columns-{label}")
        ax.add_collection(dots, autolim=False)


@dataclass(frozen=True)
class _Stretch:
    """The columns of one named motif in one domain: where its label goes [nm]."""

    name: str
    x: float
    y: float


def _stretches(r: "MotifMap") -> list[_Stretch]:
    columns = r.columns
    notable = np.char.startswith(columns["motif"], "TD")
    for prefix in _NOTABLE[1:]:
        notable |= np.char.startswith(columns["motif"], prefix)
    chosen = columns[notable & ~np.isin(columns["label"], ["O3"])]
    found = []
    for motif, domain in Counter(
        zip(chosen["motif"].tolist(), chosen["domain"].tolist(), strict=True)
    ):
        part = chosen[(chosen["motif"] == motif) & (chosen["domain"] == domain)]
        left = part[part["x_A"] <= np.quantile(part["x_A"], 0.1)]
        found.append(_Stretch(motif, float(left["x_A"].min()) / 10, float(left["y_A"].mean()) / 10))
    return without_repeats(sorted(found, key=lambda s: s.y), r)


def _draw_names(ax: "Axes", stretches: list[_Stretch]) -> None:
    x0, x1 = sorted(ax.get_xlim())
    for stretch in stretches[:_MOST_NAMES]:
        beside = stretch.x - x0 > _NAME_SHARE * (x1 - x0)
        ax.text(
            max(stretch.x, x0) + (-0.015 if beside else 0.012) * (x1 - x0),
            stretch.y,
            motif_name(stretch.name),
            fontsize=7,
            ha="right" if beside else "left",
            va="center",
            zorder=7,
            clip_on=True,
            bbox={
                "boxstyle": "round,pad=0.18",
                "facecolor": "white",
                "edgecolor": "black",
                "linewidth": 0.5,
                "alpha": 0.9,
            },
        )


def _draw_barcode(ax: "Axes", r: "MotifMap", axes: Axes2D) -> None:
    from matplotlib.collections import PolyCollection

    numbers, inverse = np.unique(r.shifts["gap"], return_inverse=True)
    share = np.zeros((len(numbers), len(STATES)))
    for k, state in enumerate(STATES):
        share[:, k] = np.bincount(inverse, weights=r.shifts["state"] == state)
    counts = share.sum(axis=1)
    share /= counts[:, None]
    position = _along_c_nm(r, axes)
    middle = np.bincount(inverse, weights=position) / counts
    height = 1.03 * float(np.hypot(*axes.across)) / 10
    right = np.cumsum(share, axis=1)
    for k, state in enumerate(STATES):
        low, high = middle - height / 2, middle + height / 2
        start, end = right[:, k] - share[:, k], right[:, k]
        x = np.stack([start, end, end, start], axis=1)
        y = np.stack([low, low, high, high], axis=1)
        bars = PolyCollection(list(np.stack([x, y], axis=-1)), facecolors=STATE_COLOURS[state])
        bars.set_gid(f"bars-{state}")
        ax.add_collection(bars, autolim=False)
    half = _extent(r)[0] / 20
    ax.set_xlim(0, 1)
    ax.set_ylim(max(2 * half, middle.max() + height), min(0.0, middle.min() - height))
    ax.set_xticks([])
    ax.yaxis.tick_right()
    ax.tick_params(axis="y", labelsize=7, length=2)
    ticks = np.arange(0, len(numbers), max(1, -(-len(numbers) // 12)))
    ax.set_yticks(middle[ticks], [str(n) for n in numbers[ticks]])
    ax.yaxis.set_label_position("right")
    ax.set_ylabel("gap number; +c is up", fontsize=7)
    ax.set_title("stacking", fontsize=8)


def _along_c_nm(r: "MotifMap", axes: Axes2D) -> NDArray[np.float64]:
    """Height of each cell across the rows [nm]; equal to image y where rows are horizontal."""
    normal = axes.across / np.hypot(*axes.across)
    height_A, width_A = _extent(r)
    centre = np.array([height_A, width_A]) / 2
    middle = np.stack([r.shifts["y_A"], r.shifts["x_A"]], axis=1)
    return ((middle - centre) @ normal + height_A / 2) / 10


def _draw_reasons(ax: "Axes", r: "MotifMap") -> None:
    reasons = r.summary.get("reasons") or ["no lattice was found"]
    height_A, width_A = _extent(r)
    letters = max(20, int(_LETTERS_PER_IN * height_in(ax) * width_A / height_A))
    ax.text(
        0.5,
        0.97,
        fill("no motifs: " + "; ".join(str(reason) for reason in reasons)[:300], letters),
        transform=ax.transAxes,
        ha="center",
        va="top",
        fontsize=8,
        parse_math=False,
        bbox={"facecolor": "white", "alpha": 0.9, "edgecolor": "black", "linewidth": 0.5},
        zorder=9,
    )
