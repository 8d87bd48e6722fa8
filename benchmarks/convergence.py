"""Measure what each setting of the simulation costs in accuracy (docs/convergence.md).

O3 and O1 at 4 and 8 nm, 300 kV, 20 mrad; probes spread evenly over one pitch of one slab, at both
terminations. Errors are the RMS over the probes of the difference from the finest setting, in
percent of the contrast (largest minus smallest signal).

Run: python benchmarks/convergence.py   (about 6 min on one core, then kept)
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

from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures.orientation import OrientedCell

THICKNESSES_A = (40.0, 80.0)
CRYSTALS = {"O3": "R+ R+ R+", "O1": "R0 R0 R0"}
POINTS = (240, 288, 336, 360, 432, 480, 588, 720)
SIZES = ((2, 1), (3, 1), (4, 1), (4, 2), (5, 2), (6, 2), (8, 3))
"""Copies of the cell of three slabs (4.87 × 14.3 Å); the last is the reference."""
CONFIGURATIONS = 32
DEPTH_RUNS = 3
PROBES = 16


def static(
    cell: OrientedCell,
    *,
    repeats: tuple[int, int] = (3, 1),
    gpts: tuple[int, int] = (336, 336),
    slices_per_period: int = 2,
    edges: str = "area",
) -> NDArray[np.float64]:
    """Return signals (thickness, detector, probe) of the static crystal, mean of terminations."""
    grid = make_grid(
        cell,
        repeats=repeats,
        gpts=gpts,
        slices_per_period=slices_per_period,
        thickness_A=THICKNESSES_A[-1],
    )
    here = unit_cell_probes(cell, 1, PROBES, rng=1)
    return both_terminations(
        signals(cell, grid, here, four_detectors(), THICKNESSES_A, edges=edges)
    )


def percent(found: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the RMS difference in percent of the contrast, shape (thickness, detector)."""
    return 100 * rms(found - reference) / contrast(reference)


def sampling_errors(cell: OrientedCell) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return wave samplings [Å] and errors (sampling, thickness, detector)."""
    runs = [static(cell, gpts=(count, count)) for count in POINTS]
    step = cell.extent_A[0] * 3 / np.array(POINTS[:-1])
    return step, np.array([percent(run, runs[-1]) for run in runs[:-1]])


def width_errors(name: str, edges: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return square roots of supercell areas [Å] and errors (cell, thickness, detector)."""
    cell = crystal(CRYSTALS[name])
    best = _of_size(cell, SIZES[-1], edges)
    errors = [percent(_of_size(cell, size, edges), best) for size in SIZES[:-1]]
    return np.array([np.sqrt(np.prod(cell.extent_A[:2] * size)) for size in SIZES[:-1]]), np.array(
        errors
    )


def _of_size(cell: OrientedCell, size: tuple[int, int], edges: str) -> NDArray[np.float64]:
    return static(cell, repeats=size, gpts=(112 * size[0], 336 * size[1]), edges=edges)


def slice_errors(cell: OrientedCell) -> dict[str, NDArray[np.float64]]:
    """Return errors (thickness, detector) of slices against atoms spread over slices of a/14.

    Planes of atoms stay in the middle of a slice, hence an odd number of slices for each.
    """
    thin = _in_depth(cell, 14)
    rows = {
        f"spread over slices of a/{parts}": percent(_in_depth(cell, parts), thin)
        for parts in (10, 6, 2)
    }
    rows["flat, one plane per slice (a/2)"] = percent(static(cell), thin)
    rows["flat, two planes per slice (a)"] = percent(static(cell, slices_per_period=1), thin)
    flat = ensemble(cell, DEPTH_RUNS).mean(axis=0)
    spread = ensemble(cell, DEPTH_RUNS, in_depth=True).mean(axis=0)
    rows["the same with phonons: flat against spread, a/2"] = percent(flat, spread)
    return rows


def _in_depth(cell: OrientedCell, parts: int) -> NDArray[np.float64]:
    grid = make_grid(
        cell, repeats=(3, 1), gpts=(336, 336), slices_per_period=parts, thickness_A=80.0
    )
    here = unit_cell_probes(cell, 1, PROBES, rng=1)
    return both_terminations(
        signals(cell, grid, here, four_detectors(), THICKNESSES_A, in_depth=True)
    )


def ensemble(
    cell: OrientedCell, count: int = CONFIGURATIONS, *, in_depth: bool = False
) -> NDArray[np.float64]:
    """Return signals (configuration, thickness, detector, probe), each at one termination."""
    grid = make_grid(
        cell, repeats=(3, 1), gpts=(336, 336), slices_per_period=2, thickness_A=THICKNESSES_A[-1]
    )
    specimen = make_specimen(cell, grid)
    here = unit_cell_probes(cell, 1, PROBES, rng=1)
    halves = here[:PROBES], here[PROBES:]
    return np.array(
        [
            signals(
                cell,
                grid,
                halves[number % 2],
                four_detectors(),
                THICKNESSES_A,
                moved_A=displacements_A(specimen, seed=11, configuration=number, sigma_A=SIGMA_A),
                in_depth=in_depth,
            )
            for number in range(count)
        ]
    )


def standard_errors(runs: NDArray[np.float64], counts: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the expected error of a mean of N configurations in percent of contrast.

    From the spread of single configurations, separately for the two terminations, so that what the
    termination itself changes does not count: shape (count, thickness, detector).
    """
    variance = (runs[0::2].var(axis=0, ddof=1) + runs[1::2].var(axis=0, ddof=1)) / 2
    one = 100 * np.sqrt(variance.mean(axis=-1)) / contrast(runs.mean(axis=0))
    return np.array([one / np.sqrt(count) for count in counts])


def split_errors(runs: NDArray[np.float64], counts: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the same from disjoint means of N: RMS difference over the square root of two."""
    scale = contrast(runs.mean(axis=0))
    rows = []
    for count in counts:
        means = runs[: len(runs) // count * count].reshape(-1, count, *runs.shape[1:]).mean(axis=1)
        spread = means[: len(means) // 2 * 2].reshape(-1, 2, *runs.shape[1:])
        away = spread[:, 0] - spread[:, 1]
        rows.append(100 * np.sqrt((away**2).mean(axis=(0, -1)) / 2) / scale)
    return np.array(rows)


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
    """Draw O3 at 8 nm: sampling, supercell with either rule for edges, and configurations."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11.0, 4.2), sharey=True)
    studies = (("sampling", 0, "-"), ("area", 1, "-"), ("abtem", 1, "--"), ("phonons", 2, "-"))
    for study, panel, style in studies:
        x, errors = results[study]
        for number, detector in enumerate(NAMES):
            look = {"color": COLOURS[number], "ls": style, "marker": "os^D"[number], "ms": 4}
            name = f"{detector}, pixels counted whole" if style == "--" else detector
            axes[panel].plot(x, errors[:, -1, number], label=name, **look)
    labels = ("wave sampling (Å)", "supercell: square root of its area (Å)", "configurations")
    for axis, label, default in zip(axes, labels, (0.0433, 23.6, 8), strict=True):
        axis.set_xlabel(label)
        axis.axvline(default, color="0.6", lw=1, zorder=0)
        axis.set_yscale("log")
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[2].set_xscale("log", base=2)
    axes[2].xaxis.set_major_formatter("{x:.0f}")
    axes[0].set_ylabel("RMS error at 8 nm (% of contrast)")
    handles, names = axes[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    save_figure(figure, "convergence")
    plt.close(figure)


def main() -> None:
    results: dict[str, Any] = {}
    for name, word in CRYSTALS.items():
        cell = crystal(word)
        kept = results.setdefault(name, {})
        step, errors = kept["sampling"] = sampling_errors(cell)
        table(
            f"{name}: wave sampling against {cell.extent_A[0] * 3 / POINTS[-1]:.4f} Å",
            {f"{one:.4f} Å": row for one, row in zip(step, errors, strict=True)},
        )
        table(f"{name}: slices", slice_errors(cell))
        for edges in ("area", "abtem"):
            _, errors = kept[edges] = width_errors(name, edges)
            sizes = [np.round(cell.extent_A[:2] * size, 1) for size in SIZES[:-1]]
            rows = zip(sizes, errors, strict=True)
            table(
                f"{name}: supercell, edges by {edges}",
                {f"{size[0]} × {size[1]} Å": row for size, row in rows},
            )
        counts = (1, 2, 4, 8, 16, 32)
        runs = ensemble(cell)
        kept["phonons"] = np.array(counts), standard_errors(runs, counts)
        table(
            f"{name}: configurations, from the spread of one",
            named_rows(counts, standard_errors(runs, counts)),
        )
        table(
            f"{name}: configurations, from disjoint means",
            {
                str(n): row
                for n, row in zip(counts[1:5], split_errors(runs, counts[1:5]), strict=True)
            },
        )
    draw(results["O3"])


if __name__ == "__main__":
    main()
