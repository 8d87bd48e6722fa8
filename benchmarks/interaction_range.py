"""Measure how far along c a probe feels the stacking, and draw it (docs/interaction_range.md).

A slab of O3 (or everything beyond a gap) is stacked otherwise, and the change of a detector's
signal is set against the distance along c from the probe to the nearest moved atom, in percent of
the contrast (largest minus smallest signal of O3 for the same beam and thickness). Then: how
well the changes that a lower and an upper neighbour make add up, what the slabs beyond do, and
how well what empty gaps do adds up.

All crystals of one comparison are equally high and share one grid of scattering angles.

Run: python benchmarks/interaction_range.py   (about 25 min on one core, then kept)
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from studies import (
    COLOURS,
    NAMES,
    SIGMA_A,
    both_terminations,
    contrast,
    crystal,
    four_detectors,
    make_grid,
    metal_x_A,
    metal_y_A,
    rms,
    save_figure,
    signals,
    sobol,
    unit_cell_probes,
)

from stackmotif.imaging.grids import Grid
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures.orientation import OrientedCell

O3 = "R+ R+ R+ R+ R+ R+ R+ R+ R+"
GLIDED = "R+ R+ R+ R0 R- R+ R+ R+ R+"
FLIPPED = "R+ R+ R+ R- L- L- L+ R+ R+"
CHUNK = "R+ R+ R+ R0 R0 R0 R+ R+ R+"
"""Of nine slabs, slab 4 (or all from 4 on) differs from O3; probes stand at slabs 0 to 3."""
TOP_A = 16.7
"""Height above slab 0 of the guests below slab 4 [Å]: the nearest atoms that move."""
THICKNESSES_A = (20.0, 40.0, 80.0, 120.0, 200.0, 300.0, 400.0)
TO_20_NM = THICKNESSES_A[:5]
CONFIGURATIONS = 2
BINS_A = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.7)


@dataclass(frozen=True)
class Run:
    """One beam on nine or on six slabs."""

    semiangle_mrad: float = 20.0
    tilt_mrad: tuple[float, float] = (0.0, 0.0)
    phonons: bool = False
    thicknesses_A: tuple[float, ...] = THICKNESSES_A
    probes: int = 32
    gpts: tuple[int, int] = (336, 1008)
    outer_mrad: float = 150.0

    def grid(self, cell: OrientedCell) -> Grid:
        """Return the supercell and wave grid."""
        return make_grid(
            cell,
            repeats=(3, 1),
            gpts=self.gpts,
            slices_per_period=2,
            thickness_A=self.thicknesses_A[-1],
        )

    def measure(
        self,
        cell: OrientedCell,
        positions_A: NDArray[np.float64],
        *,
        like: OrientedCell | None = None,
    ) -> NDArray[np.float64]:
        """Return signals; atoms that ``like`` holds too vibrate as they do there."""
        grid = self.grid(cell)
        microscope = four_detectors(self.semiangle_mrad, outer_mrad=self.outer_mrad)
        if any(self.tilt_mrad):
            microscope = microscope.with_(tilt_mrad=self.tilt_mrad)
        if not self.phonons:
            return signals(cell, grid, positions_A, microscope, self.thicknesses_A)
        found = [
            signals(
                cell,
                grid,
                positions_A,
                microscope,
                self.thicknesses_A,
                moved_A=common_displacements_A(cell, like or cell, grid, number),
            )
            for number in range(CONFIGURATIONS)
        ]
        return np.mean(found, axis=0)


def partners(cell: OrientedCell, like: OrientedCell) -> NDArray[np.int64]:
    """Return for every atom the same atom of another cell, or -1 where there is none."""
    found = np.full(len(cell), -1)
    for symbol in np.unique(cell.symbols):
        mine, theirs = (np.flatnonzero(one.symbols == symbol) for one in (cell, like))
        tree = cKDTree(np.mod(like.positions_A[theirs], like.extent_A), boxsize=like.extent_A)
        far, index = tree.query(np.mod(cell.positions_A[mine], cell.extent_A))
        found[mine] = np.where(far < 0.05, theirs[index], -1)
    return found


def common_displacements_A(
    cell: OrientedCell, like: OrientedCell, grid: Grid, configuration: int
) -> NDArray[np.float64]:
    """Return displacements in which the atoms that two crystals share are displaced alike."""
    drawn = displacements_A(
        make_specimen(like, grid), seed=7, configuration=configuration, sigma_A=SIGMA_A
    ).reshape(-1, len(like), 3)
    partner = partners(cell, like)
    for symbol in np.unique(cell.symbols):
        lone = np.flatnonzero((partner < 0) & (cell.symbols == symbol))
        free = np.setdiff1d(np.flatnonzero(like.symbols == symbol), partner)
        partner[lone] = free[: len(lone)]
    return drawn[:, partner].reshape(-1, 3)


def moved_y_A(cell: OrientedCell, like: OrientedCell) -> NDArray[np.float64]:
    """Return the heights y of all atoms that only one of two crystals holds [Å]."""
    return np.concatenate(
        [
            cell.positions_A[partners(cell, like) < 0, 1],
            like.positions_A[partners(like, cell) < 0, 1],
        ]
    )


def distances_A(
    positions_A: NDArray[np.float64], cell: OrientedCell, like: OrientedCell
) -> NDArray[np.float64]:
    """Return the distance along c from every probe to the nearest moved atom [Å]."""
    edge = cell.extent_A[1]
    away = np.mod(positions_A[:, None, 1] - moved_y_A(cell, like) + edge / 2, edge) - edge / 2
    return np.abs(away).min(axis=1)


def probes_between(cell: OrientedCell, top_A: float, count: int) -> NDArray[np.float64]:
    """Return probes spread over the width of the cell and from slab 0 upwards to a height."""
    spread = sobol(64, rng=3)[:count]
    heights = (np.arange(count) + spread[:, 1]) / count * top_A
    x = metal_x_A(cell, 0) + spread[:, 0] * cell.extent_A[0]
    return np.stack([x, metal_y_A(cell, 0) - heights], axis=1)


def special_probes(cell: OrientedCell) -> NDArray[np.float64]:
    """Return probes on the columns of slab 0 and midway between them: where extremes lie."""
    near = np.abs(cell.positions_A[:, 1] - metal_y_A(cell, 0)) < 3.0
    columns = cell.positions_A[near & (cell.positions_A[:, 2] < 0.1), :2]
    between = columns + np.array([cell.extent_A[0] / 4, 0.0])
    return np.concatenate([columns, between])


def change_with_distance(
    run: Run, word: str, *, top_A: float = TOP_A
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances [Å] and the change (thickness, detector, probe) in percent of contrast."""
    reference, other = crystal(O3), crystal(word)
    here = probes_between(reference, top_A, run.probes)
    extremes = special_probes(reference)
    full = run.measure(reference, np.concatenate([here, extremes]))
    changed = run.measure(other, here, like=reference)
    scale = contrast(full)[..., None]
    return distances_A(here, other, reference), 100 * (changed - full[..., : len(here)]) / scale


SIX = "R+ R+ R+ R+ R+ R+"
FAR = "R+ R- L- L- L+ R+"
"""Six slabs: O3, and slabs 2 to 4 reversed, so that slab 0 keeps both its neighbours."""


def rigid(upper: str, lower: str) -> str:
    """Return six slabs whose slab 0 has the gap ``upper`` above and ``lower`` below.

    Slabs 1 and 2 follow the upper gap and 4 and 5 the lower one; slab 3 stays where it is.
    """
    step = {"+": 1, "0": 0, "-": -1}
    close_up, close_low = ("0+-"[(2 - step[shift]) % 3] for shift in (upper, lower))
    return f"R{upper} R+ R{close_up} R{close_low} R+ R{lower}"


def additivity(run: Run, upper: str, lower: str) -> dict[str, NDArray[np.float64]]:
    """Return RMS values (thickness, detector) over one slab, in percent of the contrast.

    ``sum``: error of adding the changes that both neighbours make. ``far``: change when both
    neighbours stay and the slabs beyond are reversed. ``near``: change by the neighbours.
    """
    words = [SIX, rigid(upper, "+"), rigid("+", lower), rigid(upper, lower), FAR]
    cells = [crystal(word) for word in words]
    here = unit_cell_probes(cells[0], 0, run.probes, rng=5)
    ref, up, low, both, far = (
        both_terminations(run.measure(cell, here, like=cells[0])) for cell in cells
    )
    scale = contrast(ref)
    errors = {"sum": up + low - ref - both, "far": far - ref, "near": both - ref}
    return {name: 100 * rms(error) / scale for name, error in errors.items()}


def additivity_of_fillings(run: Run) -> dict[str, NDArray[np.float64]]:
    """Return RMS errors (thickness, detector) of adding what two empty gaps of O3 do to slab 0.

    In percent of the contrast, by where the gaps are.
    """
    pairs = {"above and below": 5, "above and next above": 1, "above and next below": 4}
    here = unit_cell_probes(crystal(SIX), 0, run.probes, rng=5)

    def image(*empty: int) -> NDArray[np.float64]:
        return both_terminations(run.measure(crystal(SIX, empty=empty), here))

    filled, above = image(), image(0)
    return {
        name: 100 * rms(above + image(other) - filled - image(0, other)) / contrast(filled)
        for name, other in pairs.items()
    }


def binned(distance_A: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the RMS in every bin of distance, NaN where a bin holds no probe."""
    number = np.digitize(distance_A, BINS_A) - 1
    out = np.full((*values.shape[:-1], len(BINS_A) - 1), np.nan)
    for one in np.unique(number[number < len(BINS_A) - 1]):
        out[..., one] = rms(values[..., number == one])
    return out


def reach_A(
    distance_A: NDArray[np.float64], values: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """Return the largest distance [Å] at which a probe changes by more than a tolerance."""
    return np.where(np.abs(values) > tolerance, distance_A, 0.0).max(axis=-1)


COARSE: dict[str, Any] = {"gpts": (224, 672), "outer_mrad": 98.0, "thicknesses_A": TO_20_NM}
"""HAADF to 98 mrad on a grid that is three times cheaper."""
COARSE_SIX = COARSE | {"gpts": (224, 448), "probes": 16}


def beams() -> dict[str, Run]:
    """Return the beams whose reach is compared, by convergence semi-angle."""
    angles = {
        f"{angle:.0f} mrad": Run(semiangle_mrad=angle, thicknesses_A=TO_20_NM)
        for angle in (17.0, 25.0, 30.0)
    }
    return {"20 mrad": Run(), **angles}


def tilts() -> dict[str, Run]:
    """Return the tilts that are compared: a positive y leads down, away from the changed slab."""
    named = {
        "no tilt": (0.0, 0.0),
        "5 mrad away from it": (0.0, 5.0),
        "15 mrad away from it": (0.0, 15.0),
        "30 mrad away from it": (0.0, 30.0),
        "30 mrad towards it": (0.0, -30.0),
        "30 mrad across c": (30.0, 0.0),
    }
    tilted = {name: Run(tilt_mrad=tilt, **COARSE) for name, tilt in named.items()}
    return tilted | {"no tilt, phonons": Run(phonons=True, **COARSE)}


def six_slabs() -> dict[str, Run]:
    """Return the beams for which neighbours are added up."""
    return {
        "20 mrad": Run(gpts=(336, 672), probes=16),
        "17 mrad": Run(semiangle_mrad=17.0, **COARSE_SIX),
        "25 mrad": Run(semiangle_mrad=25.0, **COARSE_SIX),
        "30 mrad": Run(semiangle_mrad=30.0, **COARSE_SIX),
        "20 mrad, tilt 5 mrad along c": Run(tilt_mrad=(0.0, 5.0), **COARSE_SIX),
        "20 mrad, tilt 15 mrad along c": Run(tilt_mrad=(0.0, 15.0), **COARSE_SIX),
        "20 mrad, tilt 15 mrad across c": Run(tilt_mrad=(15.0, 0.0), **COARSE_SIX),
    }


def four_panels(curves: dict[str, Any], *, x_label: str, y_label: str, name: str) -> None:
    """Draw one panel per detector; a curve is (x, values of shape (detector, x))."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8.6, 6.6), sharex=True, sharey=True)
    for number, axis in enumerate(axes.flat):
        for order, (label, (x, values)) in enumerate(curves.items()):
            style = {"color": COLOURS[order], "marker": "os^Dv<>"[order], "ms": 4, "lw": 1.3}
            axis.plot(x, values[number], label=label, **style)
        axis.set_title(NAMES[number], fontsize=10)
        axis.grid(alpha=0.3)
        if y_label.endswith("(% of contrast)"):
            axis.set_yscale("log")
            axis.minorticks_off()
    figure.supxlabel(x_label, fontsize=10, y=0.1)
    figure.supylabel(y_label, fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    save_figure(figure, name)
    plt.close(figure)


def draw_decay(distance_A: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Draw the change against the distance, a curve per thickness."""
    centres = (np.array(BINS_A[:-1]) + BINS_A[1:]) / 2
    rows = binned(distance_A, values)
    chosen = (0, 1, 2, 3, 4, 6)
    curves = {f"{THICKNESSES_A[one] / 10:.0f} nm": (centres, rows[one]) for one in chosen}
    four_panels(
        curves,
        x_label="distance along c from the probe to the nearest moved atom (Å)",
        y_label="RMS change of the signal (% of contrast)",
        name="interaction_range",
    )


def draw_reach(runs: dict[str, Run], tolerance: float, name: str) -> None:
    """Draw and print the distance beyond which no probe changes by more than a tolerance."""
    curves = {}
    for label, run in runs.items():
        distance, values = change_with_distance(run, GLIDED)
        reach = reach_A(distance, values, tolerance)
        curves[label] = np.array(run.thicknesses_A) / 10, reach.T
        print_table(f"{label}: reach at {tolerance:g} % (Å)", run, reach, "{:.1f}")
    four_panels(
        curves,
        x_label="thickness (nm)",
        y_label=f"distance beyond which no probe changes by {tolerance:g} % (Å)".replace(
            " %", " %"
        ),
        name=name,
    )


def print_table(title: str, run: Run, values: NDArray[np.float64], form: str = "{:.2g}") -> None:
    """Print values of shape (thickness, detector)."""
    print(f"\n### {title}\n\n| thickness (nm) | {' | '.join(NAMES)} |")
    print("|---" * (len(NAMES) + 1) + "|")
    for thickness, row in zip(run.thicknesses_A, values, strict=True):
        print(f"| {thickness / 10:.0f} | {' | '.join(form.format(value) for value in row)} |")


def compare_stackings() -> None:
    """Print the change in bins of distance for three kinds of change, and draw the first."""
    run = Run()
    for word in (GLIDED, FLIPPED, CHUNK):
        distance, values = change_with_distance(run, word)
        rows = binned(distance, values)
        for number, detector in enumerate(NAMES):
            print(f"\n### {detector}, O3 against `{word}`: RMS change (% of contrast)\n")
            bins = [f"{low:g}–{high:g} Å" for low, high in pairwise(BINS_A)]
            print(f"| thickness (nm) | {' | '.join(bins)} |\n" + "|---" * len(BINS_A) + "|")
            for thickness, row in zip(run.thicknesses_A, rows[:, number], strict=True):
                print(f"| {thickness / 10:.0f} | {' | '.join(f'{one:.2g}' for one in row)} |")
        if word == GLIDED:
            draw_decay(distance, values)


NAMES_OF_CHANGES = {
    "near": "both neighbours changed",
    "far": "only slabs beyond them changed",
    "sum": "error of adding both neighbours' changes",
}


def draw_neighbours(run: Run, found: dict[str, NDArray[np.float64]]) -> None:
    thickness_nm = np.array(run.thicknesses_A) / 10
    four_panels(
        {text: (thickness_nm, found[name].T) for name, text in NAMES_OF_CHANGES.items()},
        x_label="thickness (nm)",
        y_label="RMS over one slab (% of contrast)",
        name="neighbours",
    )


def compare_neighbours() -> None:
    """Print how well neighbours add up and what lies beyond them; draw it for 20 mrad."""
    for label, run in six_slabs().items():
        found = additivity(run, "0", "-")
        for name, text in NAMES_OF_CHANGES.items():
            print_table(f"{label}: {text} (% of contrast)", run, found[name])
        if label == "20 mrad":
            draw_neighbours(run, found)


def compare_fillings() -> None:
    """Print how well what empty gaps do adds up."""
    run = Run(gpts=(336, 672), probes=16)
    for name, error in additivity_of_fillings(run).items():
        print_table(f"empty gaps {name}: error of adding them (% of contrast)", run, error)


def main() -> None:
    compare_fillings()
    compare_stackings()
    draw_reach(beams(), 0.1, "interaction_range_angle")
    draw_reach(tilts(), 0.1, "interaction_range_tilt")
    compare_neighbours()


if __name__ == "__main__":
    main()
