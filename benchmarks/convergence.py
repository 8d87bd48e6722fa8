"""Measure what each setting of the simulation costs in accuracy (docs/convergence.md).

O3 and O1 at 4 and 8 nm, 300 kV, 20 mrad; probes spread evenly over one pitch of one slab, at both
terminations. Errors are the RMS over the probes of the difference from the finest setting, in
percent of the contrast (largest minus smallest signal). Dashed lines and second rows show what is
commonly done instead.

Run: python benchmarks/convergence.py   (about 20 min on one core, then kept)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from studies import (
    COLOURS,
    NAMES,
    SIGMA_A,
    both_terminations,
    contrast,
    crystal,
    four_detectors,
    make_grid,
    rms,
    save_figure,
    signals,
    unit_cell_probes,
)

from stackmotif.imaging.ensemble import turn
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures.orientation import OrientedCell

THICKNESSES_A = (40.0, 80.0)
CRYSTALS = {"O3": "R+ R+ R+", "O1": "R0 R0 R0"}
STEPS = (64, 80, 96, 112, 126, 140, 160, 196)
"""Grid points along 4.87 Å; three times as many along 14.3 Å."""
FINEST = 240
SETS = (6, 3)
"""Sets of wave vectors of the cell of three slabs (4.87 × 14.3 Å)."""
SIZES = ((2, 1), (3, 1), (4, 1), (4, 2), (5, 2), (6, 2), (8, 4), (12, 4))
BEST_SIZE = (25, 10)
"""Copies of that cell; large cells are small ones with several sets of wave vectors."""
CONFIGURATIONS = 32
DEPTH_RUNS = 4
PROBES = 16
DENSE_PROBES = 128
"""For the noise of configurations: it is not the same on a column and on its flank."""


def static(
    cell: OrientedCell,
    *,
    step: int = 112,
    k_points: tuple[int, int] = SETS,
    slices_per_period: int = 2,
    edges: str = "area",
    slices: str = "transmission",
) -> NDArray[np.float64]:
    """Return signals (thickness, detector, probe) of the static crystal, mean of terminations."""
    grid = make_grid(
        cell,
        repeats=(1, 1),
        gpts=(step, 3 * step),
        slices_per_period=slices_per_period,
        thickness_A=THICKNESSES_A[-1],
        k_points=k_points,
    )
    here = unit_cell_probes(cell, 1, PROBES, rng=1)
    return both_terminations(
        signals(cell, grid, here, four_detectors(), THICKNESSES_A, edges=edges, slices=slices)
    )


def percent(found: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the RMS difference in percent of the contrast, shape (thickness, detector)."""
    return 100 * rms(found - reference) / contrast(reference)


def sampling_errors(
    cell: OrientedCell, slices: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return wave samplings [Å] and errors (sampling, thickness, detector)."""
    best = static(cell, step=FINEST)
    errors = [percent(static(cell, step=step, slices=slices), best) for step in STEPS]
    return float(cell.extent_A[0]) / np.array(STEPS), np.array(errors)


def width_errors(cell: OrientedCell, edges: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return square roots of supercell areas [Å] and errors (cell, thickness, detector)."""
    best = static(cell, k_points=BEST_SIZE)
    errors = [percent(_of_size(cell, size, edges), best) for size in SIZES]
    return np.array([np.sqrt(np.prod(cell.extent_A[:2] * size)) for size in SIZES]), np.array(
        errors
    )


def _of_size(cell: OrientedCell, size: tuple[int, int], edges: str) -> NDArray[np.float64]:
    """Return the signals of a supercell, by sets of wave vectors; abTEM's rule has one set."""
    if edges == "area":
        return static(cell, k_points=size)
    grid = make_grid(
        cell,
        repeats=size,
        gpts=(112 * size[0], 336 * size[1]),
        slices_per_period=2,
        thickness_A=THICKNESSES_A[-1],
    )
    here = unit_cell_probes(cell, 1, PROBES, rng=1)
    return both_terminations(
        signals(cell, grid, here, four_detectors(), THICKNESSES_A, edges=edges)
    )


def slice_errors(cell: OrientedCell) -> dict[str, NDArray[np.float64]]:
    """Return errors (thickness, detector) of slices against atoms spread over slices of a/14.

    Planes of atoms stay in the middle of a slice, hence an odd number of slices for each.
    """
    thin = _in_depth(cell, 14)
    rows = {
        f"spread over slices of a/{parts}": percent(_in_depth(cell, parts), thin)
        for parts in (10, 6, 2)
    }
    for name, parts in (("one plane per slice (a/2)", 2), ("two planes per slice (a)", 1)):
        flat = static(cell, slices_per_period=parts, slices="potential")
        rows[f"flat, {name}"] = percent(flat, thin)
    flat = ensemble(cell, DEPTH_RUNS, slices="potential").mean(axis=0)
    spread = ensemble(cell, DEPTH_RUNS, slices="in depth").mean(axis=0)
    rows["the same with phonons: flat against spread, a/2"] = percent(flat, spread)
    return rows


def _in_depth(cell: OrientedCell, parts: int) -> NDArray[np.float64]:
    return static(cell, slices_per_period=parts, slices="in depth")


def ensemble(
    cell: OrientedCell,
    count: int = CONFIGURATIONS,
    *,
    slices: str = "transmission",
    probes: int = PROBES,
) -> NDArray[np.float64]:
    """Return signals (configuration, thickness, detector, probe); pairs share a termination."""
    grid = make_grid(
        cell, repeats=(3, 1), gpts=(336, 360), slices_per_period=2, thickness_A=THICKNESSES_A[-1]
    )
    specimen = make_specimen(cell, grid)
    here = unit_cell_probes(cell, 1, probes, rng=1)
    halves = here[:probes], here[probes:]
    return np.array(
        [
            signals(
                cell,
                grid,
                halves[turn(number, 2)],
                four_detectors(),
                THICKNESSES_A,
                moved_A=displacements_A(specimen, seed=11, configuration=number, sigma_A=SIGMA_A),
                slices=slices,
            )
            for number in range(count)
        ]
    )


def standard_errors(
    runs: NDArray[np.float64], counts: tuple[int, ...], *, paired: bool
) -> NDArray[np.float64]:
    """Return the expected error of a mean of N configurations in percent of contrast.

    From the spread of configurations, or of pairs of opposite ones, separately for the two
    terminations, so that what the termination itself changes does not count: shape (count,
    thickness, detector).
    """
    pairs = runs.reshape(-1, 2, *runs.shape[1:])
    means, size = (pairs.mean(axis=1), 2) if paired else (pairs[:, 0], 1)
    variance = (means[0::2].var(axis=0, ddof=1) + means[1::2].var(axis=0, ddof=1)) / 2
    one = 100 * np.sqrt(variance.mean(axis=-1)) / contrast(runs.mean(axis=0))
    return np.array([one / np.sqrt(count / size) for count in counts])


def named_rows(
    counts: tuple[int, ...], errors: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    return {str(count): row for count, row in zip(counts, errors, strict=True)}


def table(title: str, rows: dict[str, NDArray[np.float64]]) -> None:
    """Print rows of (thickness, detector) errors."""
    print(f"\n### {title}, error in % of contrast (4 nm / 8 nm)\n")
    print(f"| | {' | '.join(NAMES)} |")
    print("|---" * (len(NAMES) + 1) + "|")
    for name, values in rows.items():
        cells = " | ".join(f"{thin:.2g} / {thick:.2g}" for thin, thick in values.T)
        print(f"| {name} | {cells} |")


def draw(results: dict[str, Any]) -> None:
    """Draw O3 at 8 nm: sampling, supercell and configurations, and what is commonly done."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11.0, 4.2), sharey=True)
    studies = (
        ("transmission", 0, "-"), ("potential", 0, "--"), ("area", 1, "-"), ("abtem", 1, "--"),
        ("pairs", 2, "-"), ("single", 2, "--"),
    )  # fmt: skip
    for study, panel, style in studies:
        x, errors = results[study]
        for number, detector in enumerate(NAMES):
            look = {"color": COLOURS[number], "ls": style, "marker": "os^D"[number], "ms": 4}
            name = detector if style == "-" else None
            axes[panel].plot(x, errors[:, -1, number], label=name, **look)
    labels = ("wave sampling (Å)", "supercell: square root of its area (Å)", "configurations")
    titles = (
        "solid: finer transmission functions\ndashed: potential cut to the band",
        "solid: whole pixels by area\ndashed: pixels as in abTEM",
        "solid: opposite pairs\ndashed: independent",
    )
    for axis, label, title, default in zip(axes, labels, titles, (0.035, 23.6, 8), strict=True):
        axis.set_xlabel(label)
        axis.set_title(title, fontsize=9)
        axis.axvline(default, color="0.6", lw=1, zorder=0)
        axis.set_yscale("log")
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[2].set_xscale("log", base=2)
    axes[2].xaxis.set_major_formatter("{x:.0f}")
    axes[0].set_ylabel("RMS error at 8 nm (% of contrast)")
    handles, names = axes[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    save_figure(figure, "convergence")
    plt.close(figure)


def main() -> None:
    results: dict[str, Any] = {}
    for name, word in CRYSTALS.items():
        cell = crystal(word)
        kept = results.setdefault(name, {})
        for slices in ("transmission", "potential"):
            step, errors = kept[slices] = sampling_errors(cell, slices)
            table(
                f"{name}: wave sampling, {slices}, against {cell.extent_A[0] / FINEST:.4f} Å",
                {f"{one:.4f} Å": row for one, row in zip(step, errors, strict=True)},
            )
        for edges in ("area", "abtem"):
            _, errors = kept[edges] = width_errors(cell, edges)
            sizes = [np.round(cell.extent_A[:2] * size, 1) for size in SIZES]
            rows = zip(sizes, errors, strict=True)
            table(
                f"{name}: supercell, edges by {edges}",
                {f"{size[0]} × {size[1]} Å": row for size, row in rows},
            )
        counts = (2, 4, 8, 16, 32)
        runs = ensemble(cell, probes=DENSE_PROBES)
        for kind in ("single", "pairs"):
            errors = standard_errors(runs, counts, paired=kind == "pairs")
            kept[kind] = np.array(counts), errors
            table(f"{name}: configurations, {kind}", named_rows(counts, errors))
        gain = (kept["single"][1][0] / kept["pairs"][1][0]) ** 2
        table(f"{name}: what a pair is worth", {"independent configurations": 2 * gain})
        table(f"{name}: slices", slice_errors(cell))
    draw(results["O3"])


if __name__ == "__main__":
    main()
