"""Print how right and how fast the stacking is read from columns with known truth.

Fields are 250 rows x 400 slots of O3 with 60 closed lenses three gaps high (`lens_field`), every
cell scored, cells at the abrupt walls included. Reporting seeds start at 41000 and are used nowhere
else in the repository.

Run: python benchmarks/reading.py [--large]
"""

import argparse
import resource
import time

import numpy as np

import stackmotif as sm
from stackmotif.matching import CellScore, score_cells
from stackmotif.stacking.columnset import ColumnSet, lens_field, place_columns, stack_phases

REPORTING_SEED = 41000
FIELDS = 5
DEFECTS = {"rotation_deg": 3.0, "shear_deg": 1.0}
ACCURACY = [
    (0.02, 0.005, 0.2, None),
    (0.10, 0.02, 0.1, None),
    (0.10, 0.02, 0.2, (0.998, 0.985)),
    (0.10, 0.02, 0.3, (0.995, 0.96)),
    (0.20, 0.02, 0.3, None),
    (0.10, 0.02, 0.4, None),
]


def read(truth: ColumnSet, noise_A: float) -> sm.MotifMap:
    return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=noise_A))


def lens_scores(missing: float, false: float, noise_A: float) -> list[CellScore]:
    scores = []
    for k in range(FIELDS):
        truth = place_columns(
            lens_field(rng=REPORTING_SEED + k),
            rng=REPORTING_SEED + 100 + k,
            noise_A=noise_A,
            missing=missing,
            false=false,
            **DEFECTS,
        )
        scores.append(score_cells(read(truth, noise_A), truth))
    return scores


def accuracy_table() -> None:
    print(f"### Cells right: O3 with 60 closed lenses, {FIELDS} fields, 3° rotation, 1° shear\n")
    print("| missing / false | noise (Å) | all cells (min) | outside O3 (min) | bar | unknown |")
    print("|---|---|---|---|---|---|")
    for missing, false, noise_A, bar in ACCURACY:
        scores = lens_scores(missing, false, noise_A)
        overall = [s.overall for s in scores]
        outside = [s.outside_o3 for s in scores]
        asked = f">= {bar[0]} / {bar[1]}" if bar else "-"
        print(
            f"| {missing:.0%} / {false:.1%} | {noise_A} | {np.mean(overall):.4f} "
            f"({min(overall):.4f}) | {np.mean(outside):.4f} ({min(outside):.4f}) | {asked} | "
            f"{sum(s.n_unknown for s in scores)} |"
        )


def full_width_table() -> None:
    print("\n### Cells right: random full-width stackings, 60 gaps x 60 columns, 20 fields\n")
    print("| noise (Å) | all cells | words entirely right | wrong words called `ok` |")
    print("|---|---|---|---|")
    for noise_A in (0.1, 0.2, 0.3):
        rng = np.random.default_rng(REPORTING_SEED + 500)
        overall, right, wrong_ok = [], 0, 0
        for _ in range(20):
            states = "".join(rng.choice(["+", "0", "-"], size=60, p=[0.7, 0.15, 0.15]))
            truth = place_columns(
                stack_phases(states, 60),
                rng=rng,
                noise_A=noise_A,
                missing=0.1,
                false=0.02,
                curvature_A=0.5,
                row_jitter_A=0.05,
                rotation_deg=float(rng.uniform(-90, 90)),
                shear_deg=float(rng.uniform(-2, 2)),
            )
            result = read(truth, noise_A)
            overall.append(score_cells(result, truth).overall)
            fits = agrees(result.word, states)
            right += fits and "x" not in result.word
            wrong_ok += (not fits) and result.status == "ok"
        print(f"| {noise_A} | {np.mean(overall):.4f} | {right} / 20 | {wrong_ok} |")


def agrees(word: str, states: str) -> bool:
    """Whether a word read upwards fits states given downwards, from either side; `x` fits all."""
    swap = str.maketrans("+-", "-+")
    up = states[::-1]
    variants = (up, up.translate(swap), states, states.translate(swap))
    return any(
        len(word) == len(variant) and all(w in ("x", v) for w, v in zip(word, variant, strict=True))
        for variant in variants
    )


def speed_table(large: bool) -> None:
    print("\n### Columns to labelled words, two cores\n")
    print("| columns | seconds | limit | peak memory (GB, whole process) |")
    print("|---|---|---|---|")
    sizes = [(270, 410, 60, 2.0)] + ([(830, 1340, 600, 30.0)] if large else [])
    for n_rows, n_slots, lenses, limit in sizes:
        truth = place_columns(
            lens_field(rng=REPORTING_SEED, n_rows=n_rows, n_slots=n_slots, n_lenses=lenses),
            rng=REPORTING_SEED + 1,
            noise_A=0.2,
            missing=0.1,
            false=0.02,
            **DEFECTS,
        )
        columns = sm.Columns.from_positions(truth.positions_A, sigma_A=0.2)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            sm.identify(columns)
            seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"| {len(columns)} | {np.median(seconds):.2f} | {limit:.0f} | {peak:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="also time a million columns")
    large = parser.parse_args().large
    accuracy_table()
    full_width_table()
    speed_table(large)


if __name__ == "__main__":
    main()
