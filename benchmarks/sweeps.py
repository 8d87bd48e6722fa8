"""Print how many electrons and how sharp an image the stacking needs, beside three simple readers.

Multislice images from the shipped atlas (300 kV, HAADF, 4 nm thick, eight phonon configurations) of
O3 stacks with lateral walls and two faults that run the full width, one O1 and one twin domain,
with shot noise. Every method reads the same images; the simple ones (`simple_readers.py`) get the
columns that stackmotif finds. Reporting seeds start at 88000 and are used nowhere else in the
repository.

    python benchmarks/sweeps.py [--fields 24] [--figure]   # about ten minutes
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from micrographs import PIXEL_A, ROWS, field_of, micrograph, prepared
from numpy.typing import NDArray
from simple_readers import (
    NARROW,
    UNREAD,
    WIDE,
    Grid,
    Template,
    by_environment,
    by_template,
    by_threshold,
    patches,
)

import stackmotif as sm
from stackmotif.imaging.atlas import default_atlas
from stackmotif.matching import match_columns
from stackmotif.matching.scoring import true_pairs
from stackmotif.stacking.columnset import ColumnSet, unfinished_slots
from stackmotif.structures import get_lattice

REPORTING = 88000
DOSES = (3000.0, 1000.0, 500.0, 300.0, 200.0, 150.0, 100.0, 70.0, 50.0)
BLURS_A = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BLUR_DOSE = 500.0
THICKNESS_A, DETECTOR = 40.0, "HAADF"
MATCHED_A = 1.2
"""A column that was found is the true one nearest to it, up to half a pitch away."""
MARGIN_A = 1.2
"""Columns nearer to the edge of the image are not seen whole: their cells do not count."""
ENOUGH = 0.95
NO_STATE = 8
"""Stands for the state of a cell inside a wall that has not finished."""
TEMPLATES = {"templates, 2 pitches": NARROW, "templates, 10 pitches": WIDE}
METHODS = ("stackmotif", "thresholds", "environments", *TEMPLATES)
GROUPS = {"all": (0, 1), "outside O3": (1,), "inside walls": (2,)}
States = NDArray[np.int64]
Counts = dict[str, NDArray[np.int64]]
"""Cells by method, shape (field, group, outcome): O3, other, none; right, wrong, unread."""


def grid() -> Grid:
    lattice = get_lattice(default_atlas().recipe.lattice)
    return Grid(lattice.column_pitch_A, lattice.row_spacing_A("3"))


def faulted_word(seed: int) -> str:
    """Return a closed stack of O3 with an O1 and a flipped twin domain of one or two gaps each."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 3, size=2)
    kinds = rng.permutation([0, -1])
    first = int(rng.integers(1, 4))
    second = int(rng.integers(first + lengths[0] + 1, ROWS - 1 - lengths[1]))
    shifts = np.ones(ROWS, dtype=np.int64)
    for start, length, kind in zip((first, second), lengths, kinds, strict=True):
        shifts[start : start + length] = kind
    shifts[-1] = (1 - shifts[:-1].sum()) % 3 - 1
    slabs = [
        ("L" if shifts[k - 1] == -1 else "R") + {1: "+", 0: "0", -1: "-"}[int(shifts[k])]
        for k in range(ROWS)
    ]
    return f"|{' '.join(slabs)}|"


def blur_of(extra_A: float) -> float:
    """Return the sigma of the source with the microscope's own and another blur [Å]."""
    return float(np.hypot(prepared(THICKNESS_A, DETECTOR).words.source_sigma_A, extra_A))


def image_of(seed: int, *, extra_A: float) -> tuple[NDArray[np.float32], ColumnSet]:
    """Return an image without noise and where its metals are."""
    moved, walls = field_of(seed)
    return micrograph(
        walls,
        moved,
        thickness_A=THICKNESS_A,
        detector=DETECTOR,
        word=faulted_word(seed),
        blur_sigma_A=blur_of(extra_A),
    )


def noisy(pixels: NDArray[np.float32], *, dose: float, rng: int) -> sm.Micrograph:
    counts = np.random.default_rng(rng).poisson(np.maximum(pixels, 0) * dose * PIXEL_A**2)
    return sm.Micrograph(counts.astype(np.float32), PIXEL_A)


def states_of(result: sm.MotifMap) -> States:
    """Return what stackmotif says of the gap below every column, for columns in its order."""
    columns, cells = result.columns, result.shifts
    at = {(int(c["row"]), int(c["slot"])): k for k, c in enumerate(columns) if c["row"] >= 0}
    states = np.full(len(columns), UNREAD)
    for cell in cells:
        states[at[int(cell["gap"]), int(cell["slot"])]] = {"+": 1, "0": 0, "-": -1}.get(
            str(cell["state"]), UNREAD
        )
    return states


def true_cells(truth: ColumnSet, shape: tuple[int, ...]) -> tuple[States, States]:
    """Return the number of the upper column, and the state, of every cell that counts.

    Cells inside walls, which have no state, come last.
    """
    upper, lower, thirds = true_pairs(truth)
    high = np.array(shape) * PIXEL_A - MARGIN_A
    whole = np.all((truth.positions_A > MARGIN_A) & (truth.positions_A < high), axis=1)
    counted = whole[upper] & whole[lower]
    inside = unfinished_slots(truth.phases)[truth.row, truth.slot] & whole & (truth.row < ROWS - 1)
    none = np.flatnonzero(inside)
    return (
        np.concatenate([upper[counted], none]),
        np.concatenate([thirds[counted], np.full(len(none), NO_STATE)]),
    )


def read_all(
    image: sm.Micrograph, truth: ColumnSet, templates: dict[str, list[Template]]
) -> tuple[dict[str, States], States]:
    """Return what each method says of every true cell, and the truth.

    ``found`` is the truth where the upper column was found at all.
    """
    result = sm.identify(image, network="off", templates="off")
    positions = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)
    upper, thirds = true_cells(truth, image.shape)
    if not len(positions):
        return dict.fromkeys((*METHODS, "found"), np.full(len(upper), UNREAD)), thirds
    known = grid()
    told = {
        "stackmotif": states_of(result),
        "thresholds": by_threshold(positions, known),
        "environments": by_environment(positions, known),
    }
    for name, patch in templates.items():
        told[name] = by_template(image.image, positions, known, patch, pixel_size_A=PIXEL_A)
    column = found_columns(match_columns(result, truth, within_A=MATCHED_A), truth)[upper]
    states = {name: np.where(column < 0, UNREAD, one[column]) for name, one in told.items()}
    return states | {"found": np.where(column < 0, UNREAD, thirds)}, thirds


def found_columns(matched: ColumnSet, truth: ColumnSet) -> NDArray[np.int64]:
    """Return the number of the column found for every true one; -1 where there is none."""
    at = np.full(truth.phases.shape, -1)
    hit = np.flatnonzero(matched.row >= 0)
    at[matched.row[hit], matched.slot[hit]] = hit
    return at[truth.row, truth.slot]


def outcomes(told: States, thirds: States) -> NDArray[np.int64]:
    """Return the cells of each group that are right, wrong or unread, shape (3, 3)."""
    groups = (thirds == 1, np.isin(thirds, (0, -1)), thirds == NO_STATE)
    right, unread = told == thirds, told == UNREAD
    told_as = (right, ~right & ~unread, unread)
    return np.array([[int((group & one).sum()) for one in told_as] for group in groups])


def sweep(n_fields: int, seed: int, *, doses: Sequence[float], extra_A: float) -> list[Counts]:
    """Read every field at every dose."""
    images = [image_of(seed + k, extra_A=extra_A) for k in range(n_fields)]
    templates = {
        name: patches(
            prepared(THICKNESS_A, DETECTOR),
            grid(),
            half_width=half_width,
            pixel_size_A=PIXEL_A,
            blur_sigma_A=blur_of(extra_A),
        )
        for name, half_width in TEMPLATES.items()
    }
    points = []
    for dose in doses:
        fields: list[dict[str, NDArray[np.int64]]] = []
        for k, (pixels, truth) in enumerate(images):
            image = noisy(pixels, dose=dose, rng=seed + 500 + k)
            told, thirds = read_all(image, truth, templates)
            fields.append({name: outcomes(states, thirds) for name, states in told.items()})
        points.append({name: np.stack([one[name] for one in fields]) for name in fields[0]})
    return points


def shares(counts: NDArray[np.int64], group: str) -> NDArray[np.float64]:
    """Return the shares right, wrong and unread of a group, over all fields."""
    cells = counts[:, GROUPS[group]].sum(axis=(0, 1))
    return cells / max(int(cells.sum()), 1)


def crossing(x: Sequence[float], right: Sequence[float]) -> float:
    """Return where the share right falls under `ENOUGH`, going from the easy end of x.

    Between two points by a straight line; NaN if it is under it from the start, infinite if it
    never is.
    """
    under = np.flatnonzero(np.asarray(right) < ENOUGH)
    if not len(under):
        return float("inf")
    k = int(under[0])
    if k == 0:
        return float("nan")
    part = (right[k - 1] - ENOUGH) / (right[k - 1] - right[k])
    return float(x[k - 1] + part * (x[k] - x[k - 1]))


def print_table(title: str, unit: str, x: Sequence[float], points: list[Counts]) -> None:
    for group in ("all", "outside O3"):
        n = int(points[0]["found"][:, GROUPS[group]].sum())
        print(f"\n### {title}, cells: {group} ({n}): right / wrong\n")
        print(f"| {unit} | columns found | " + " | ".join(METHODS) + " |")
        print("|---" * (2 + len(METHODS)) + "|")
        for value, counts in zip(x, points, strict=True):
            told = [shares(counts[name], group) for name in METHODS]
            print(
                f"| {value:g} | {shares(counts['found'], group)[0]:.3f} | "
                + " | ".join(f"{right:.3f} / {wrong:.3f}" for right, wrong, _ in told)
                + " |"
            )
    print(f"\n### {title}, cells inside walls: named\n")
    print(f"| {unit} | " + " | ".join(METHODS) + " |")
    print("|---" * (1 + len(METHODS)) + "|")
    for value, counts in zip(x, points, strict=True):
        named = [shares(counts[name], "inside walls")[1] for name in METHODS]
        print(f"| {value:g} | " + " | ".join(f"{one:.3f}" for one in named) + " |")


def print_crossings(by_dose: list[Counts], by_blur: list[Counts]) -> None:
    """Print where each method falls under `ENOUGH`, with 95 % of fields drawn anew."""
    print(f"\n### Where the share right falls under {ENOUGH}\n")
    print("| method | dose, all (e/Å²) | outside O3 | blur added, all (Å) | outside O3 |")
    print("|---|---|---|---|---|")
    for name in METHODS:
        cells = []
        for points, x, shown in (
            (by_dose, np.log(DOSES), lambda v: f"{np.exp(v):.0f}"),
            (by_blur, BLURS_A, lambda v: f"{v:.2f}"),
        ):
            for group in ("all", "outside O3"):
                cells.append(told_crossing([one[name] for one in points], group, x, shown))
        print(f"| {name} | " + " | ".join(cells) + " |")


def told_crossing(
    points: list[NDArray[np.int64]], group: str, x: Sequence[float], shown: Any
) -> str:
    rng = np.random.default_rng(REPORTING)
    n = len(points[0])
    drawn = [np.arange(n), *rng.integers(n, size=(400, n))]
    found = [crossing(x, [shares(one[k], group)[0] for one in points]) for k in drawn]
    if np.isnan(found[0]):
        return "never reached"
    if np.isinf(found[0]):
        return f"beyond {shown(x[-1])}"
    low, high = np.quantile([one for one in found if np.isfinite(one)], (0.025, 0.975))
    return f"{shown(found[0])} ({shown(low)}–{shown(high)})"


def draw(by_dose: list[Counts], by_blur: list[Counts]) -> None:
    from matplotlib.figure import Figure
    from studies import save_figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharey="row", sharex="col")
    colours = ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00")
    for column, (points, x) in enumerate(((by_dose, DOSES), (by_blur, BLURS_A))):
        for row, outcome in enumerate(("right", "wrong")):
            ax = axes[row, column]
            for name, colour in zip(METHODS, colours, strict=True):
                y = [shares(counts[name], "outside O3")[row] for counts in points]
                ax.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.2, label=name)
            if row == 0:
                found = [shares(counts["found"], "outside O3")[0] for counts in points]
                ax.plot(x, found, ":", color="#777777", label="columns found")
                ax.axhline(ENOUGH, color="#BBBBBB", linewidth=0.8)
            ax.set(ylabel=f"share {outcome}, outside O3" if column == 0 else None)
    axes[0, 0].set(xscale="log")
    axes[1, 0].set(xlabel="dose (e/Å²)")
    axes[1, 1].set(xlabel=f"blur added (Å), {BLUR_DOSE:g} e/Å²")
    axes[0, 0].legend(fontsize=8)
    save_figure(figure, "sweeps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=24)
    parser.add_argument("--seed", type=int, default=REPORTING)
    parser.add_argument("--figure", action="store_true", help="draw docs/figures/sweeps.svg")
    asked = parser.parse_args()
    by_dose = sweep(asked.fields, asked.seed, doses=DOSES, extra_A=BLURS_A[0])
    sharp = by_dose[DOSES.index(BLUR_DOSE)]
    by_blur = [sharp] + [
        sweep(asked.fields, asked.seed, doses=[BLUR_DOSE], extra_A=extra_A)[0]
        for extra_A in BLURS_A[1:]
    ]
    print(f"{asked.fields} fields")
    print_table("Dose", "dose (e/Å²)", DOSES, by_dose)
    print_table(f"Blur at {BLUR_DOSE:g} e/Å²", "blur added (Å)", BLURS_A, by_blur)
    print_crossings(by_dose, by_blur)
    if asked.figure:
        draw(by_dose, by_blur)


if __name__ == "__main__":
    main()
