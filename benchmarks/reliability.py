"""Print whether probabilities mean what they say, from images of fields with faults and walls.

Column-sum images of O3 with full-width faults and closed inclusions, of a dose drawn evenly in its
logarithm, with any rotation, up to two degrees of shear, curvature and displaced rows. A cell is
right if its most likely state is the true one; a cell that pairs no true columns, or lies in a wall
that has not finished, counts as wrong unless it is called unknown. A domain is right if four fifths
of its cells are. The error is the expected calibration error in ten bins of equal width; its bound
is the 95 % quantile over fields drawn with replacement. Reporting seeds start at 85000 and are used
nowhere else in the repository.

    python benchmarks/reliability.py [--fields 160] [--figure docs/figures/reliability.png]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from motifs import picture
from numpy.typing import NDArray

import stackmotif as sm
from stackmotif.matching import judge_cells, match_columns
from stackmotif.matching.walls import score_walls
from stackmotif.stacking.columnset import ColumnSet, place_columns, stack_phases
from stackmotif.stacking.wallset import PlantedWall, wall_field

REPORTING = 85000
DOSES = (40.0, 1000.0)
WIDTHS = (1, 1, 2, 3, 4, 6, 8, 10)
SURE = 0.99
MOST = 0.8
"""Share of the cells of a domain that must be right for the domain to be right."""
KINDS = ("A", "narrow", "C")
Floats = NDArray[np.float64]
Pairs = list[Floats]


def random_field(seed: int) -> tuple[ColumnSet, list[PlantedWall], float]:
    rng = np.random.default_rng(seed)
    states = "".join(rng.choice(["+", "0", "-"], size=29, p=[0.8, 0.1, 0.1]))
    phases, walls = wall_field(rng=rng, n_rows=30, n_slots=80, n_inclusions=5, widths=WIDTHS)
    phases = phases + stack_phases(states, 80)
    truth = place_columns(
        phases,
        rng=rng,
        noise_A=0.03,
        rotation_deg=float(rng.uniform(-90, 90)),
        shear_deg=float(rng.uniform(-2, 2)),
        curvature_A=float(rng.uniform(0, 0.5)),
        row_jitter_A=float(rng.uniform(0, 0.08)),
    )
    return truth, walls, float(np.exp(rng.uniform(*np.log(DOSES))))


def cells_of(result: sm.MotifMap, truth: ColumnSet) -> tuple[Floats, Floats]:
    """Return (probability, right) of every cell, and of every domain, that is called a state."""
    real, thirds = judge_cells(result, match_columns(result, truth))
    cells = result.shifts
    p = np.stack([cells[name] for name in ("p_minus", "p_zero", "p_plus")], axis=1)
    told = cells["state"] != "x"
    right = real & (p.argmax(axis=1) - 1 == thirds)
    inside = told & (cells["domain"] >= 0)
    n, own = len(result.domains), cells["domain"][inside]
    share = np.bincount(own, right[inside], n) / np.maximum(np.bincount(own, minlength=n), 1)
    named = result.domains["kind"] != "other"
    return (
        np.stack([p.max(axis=1), right], axis=1)[told],
        np.stack([result.domains["p"], share >= MOST], axis=1)[named],
    )


def walls_of(
    result: sm.MotifMap, truth: ColumnSet, walls: list[PlantedWall]
) -> tuple[Floats, Floats, Floats]:
    """Return (probability, right) of walls, of their jumps, and of their three kinds."""
    score = score_walls(result, truth, walls)
    real = np.isin(np.arange(len(result.walls)), score.found)
    fits, lines = result.wall_fits[score.found], result.walls[score.found]
    true = [walls[n] for n in score.planted]
    jumps = lines["jump_thirds"] == [wall.jump_thirds for wall in true]
    kind = np.array([wall.kind for wall in true])
    shares = [
        np.stack([fits[name], kind == wanted], axis=1)
        for name, wanted in zip(("p_abrupt", "p_narrow", "p_continuous"), KINDS, strict=True)
    ]
    return (
        np.stack([result.wall_fits["p"], real], axis=1),
        np.stack([fits["p_jump"], jumps], axis=1),
        np.concatenate(shares),
    )


def expected_error(pairs: Floats) -> float:
    bins = np.minimum((pairs[:, 0] * 10).astype(int), 9)
    gap = np.abs(np.bincount(bins, pairs[:, 0], 10) - np.bincount(bins, pairs[:, 1], 10))
    return float(gap.sum() / len(pairs))


def wrong_when_sure(pairs: Floats) -> float:
    sure = pairs[pairs[:, 0] >= SURE]
    return float(1.0 - sure[:, 1].mean()) if len(sure) else float("nan")


def bound(fields: Pairs, measure: Callable[[Floats], float]) -> float:
    """Return the 95 % quantile of a measure over fields drawn with replacement."""
    rng = np.random.default_rng(REPORTING)
    values = [
        measure(np.concatenate([fields[k] for k in rng.integers(len(fields), size=len(fields))]))
        for _ in range(200)
    ]
    return float(np.nanquantile(values, 0.95))


def draw(told: dict[str, Pairs], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(told), 3.2), layout="constrained")
    for ax, (name, fields) in zip(
        np.ravel(figure.subplots(1, len(told))), told.items(), strict=True
    ):
        pairs = np.concatenate(fields)
        bins = np.minimum((pairs[:, 0] * 10).astype(int), 9)
        count = np.bincount(bins, minlength=10)
        full = count >= 5
        p = np.bincount(bins, pairs[:, 0], 10)[full] / count[full]
        right = np.bincount(bins, pairs[:, 1], 10)[full] / count[full]
        error = np.sqrt(np.maximum(right * (1 - right), 0.01) / count[full])
        ax.plot([0, 1], [0, 1], color="#999999", linewidth=1)
        ax.errorbar(p, right, error, fmt="o", color="#0072B2", markersize=5, capsize=2)
        for x, y, n in zip(p, right, count[full], strict=True):
            ax.annotate(str(n), (x, y), textcoords="offset points", xytext=(5, -10), fontsize=6)
        ax.set(title=name, xlabel="probability given", ylabel="share that is right", aspect="equal")
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    figure.savefig(path, dpi=150)


def print_errors(told: dict[str, Pairs]) -> None:
    """Print the table of calibration errors with their bounds, from pairs field by field."""
    print("| what | answers | calibration error | bound | wrong of those with p >= 0.99 | bound |")
    print("|---|---|---|---|---|---|")
    for name, fields in told.items():
        pairs = np.concatenate(fields)
        print(
            f"| {name} | {len(pairs)} | {expected_error(pairs):.4f} | "
            f"{bound(fields, expected_error):.4f} | {wrong_when_sure(pairs):.4f} | "
            f"{bound(fields, wrong_when_sure):.4f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=160)
    parser.add_argument("--figure", type=Path, default=None)
    asked = parser.parse_args()
    names = ("cells", "domains", "walls", "jumps of walls", "kinds of walls")
    told: dict[str, Pairs] = {name: [] for name in names}
    statuses: list[str] = []
    for k in range(asked.fields):
        truth, walls, dose = random_field(REPORTING + k)
        image, moved = picture(truth, dose=dose, rng=REPORTING + 500 + k)
        result = sm.identify(image, network="off", templates="off")
        statuses.append(result.status)
        if result.status == "failed":
            continue
        found = (*cells_of(result, moved), *walls_of(result, moved, walls))
        for name, pairs in zip(names, found, strict=True):
            told[name].append(pairs)
    print(f"### Probabilities, {asked.fields} images of {DOSES[0]:.0f} to {DOSES[1]:.0f} e/Å²\n")
    print("read:", {status: statuses.count(status) for status in sorted(set(statuses))}, "\n")
    print_errors(told)
    if asked.figure is not None:
        draw(told, asked.figure)


if __name__ == "__main__":
    main()
