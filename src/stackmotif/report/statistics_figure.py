"""Run lengths and pair correlation of gap states beside what random order would give."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stackmotif.report.figure import new_figure
from stackmotif.report.palette import STATE_NAMES
from stackmotif.stacking.palette import BLACK, STATE_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE_IN: Final = (9.6, 3.0)
_RUNS: Final = (("O1", "0"), ("O3", "+"))
_BAND: Final = "#D9D9D9"
_DASH: Final = "#8C8C8C"


def statistics_figure(told: Mapping[str, Any] | None) -> "Figure | None":
    """Draw ``summary["statistics"]`` or the content of ``statistics.json``; None without a test.

    Bars are what was found, black points the mean over random orders of the same gaps with the
    range of 95 % of them, dotted lines the law of an endless random stacking. For pairs the grey
    band holds 95 % of random orders at each distance, dashed lines 95 % of them at all distances.
    """
    if not told or told["order"]["p_value"] is None:
        return None
    figure = new_figure(*_SIZE_IN)
    for k, (name, state) in enumerate(_RUNS):
        lines = [line for line in told["run_lengths"] if line["state"] == name]
        ax = figure.add_axes((0.055 + 0.30 * k, 0.17, 0.245, 0.69))
        _draw_runs(ax, lines, name, STATE_COLOURS[state])
    _draw_pairs(figure.add_axes((0.67, 0.17, 0.32, 0.69)), told["pair_correlation"])
    return figure


def _draw_runs(ax: "Axes", lines: Sequence[Mapping[str, Any]], name: str, colour: str) -> None:
    """Draw one histogram of run lengths."""
    from matplotlib.ticker import MaxNLocator

    length, found, expected, geometric, low, high = (
        [line[key] for line in lines]
        for key in ("length", "observed", "expected", "geometric", "low", "high")
    )
    ax.bar(length, found, width=0.7, color=colour, alpha=0.75, label="found")
    reach = [
        [max(e - at, 0.0) for e, at in zip(expected, low, strict=True)],
        [max(at - e, 0.0) for e, at in zip(expected, high, strict=True)],
    ]
    ax.errorbar(
        length, expected, yerr=reach, fmt="o", color=BLACK, ms=3, lw=0.9, capsize=2.5,
        label="random order, 95 %",
    )  # fmt: skip
    ax.plot(length, geometric, ":", color=BLACK, lw=1.0, label="geometric law")
    ax.set_xticks(length, [f"{n}+" if n == max(length) else str(n) for n in length])
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    _dress(ax, f"runs of {name} gaps", "gaps in a row", "complete runs")


def _draw_pairs(ax: "Axes", lines: Sequence[Mapping[str, Any]]) -> None:
    """Draw the pair correlation of O1 gaps."""
    lines = [line for line in lines if line["observed"] is not None]
    distance = [line["distance"] for line in lines]
    low, high = ([line[key] for line in lines] for key in ("low", "high"))
    label = "95 % of random orders"
    ax.fill_between(distance, low, high, color=_BAND, lw=0, label=label, zorder=0)
    for key, label in (("low_all", "_"), ("high_all", "95 %, at all distances")):
        ax.plot(distance, [line[key] for line in lines], "--", color=_DASH, lw=1.0, label=label)
    ax.axhline(1.0, color=BLACK, lw=0.8)
    found = [line["observed"] for line in lines]
    ax.plot(distance, found, "o-", color=STATE_COLOURS["0"], ms=4, lw=1.0, label="found")
    ax.set_ylim(bottom=0, top=1.4 * max([2.0, *found, *(line["high_all"] for line in lines)]))
    _dress(ax, f"pairs of {STATE_NAMES['0']} gaps", "distance in gaps", "pairs / random order")


def _dress(ax: "Axes", title: str, x: str, y: str) -> None:
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(x, fontsize=8)
    ax.set_ylabel(y, fontsize=8)
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=6.5, frameon=False, loc="upper right")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
