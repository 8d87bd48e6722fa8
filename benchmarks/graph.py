"""The graph of columns: units at abrupt walls, found and made up; and what a graph costs.

Run: python benchmarks/graph.py [--fields 20] [--images]
Prints Markdown tables. Reporting seeds start at 7 000 000; tests and development
used seeds below 10 000. Takes about three minutes on one core; ``--images`` adds micrographs
(Gaussian column sums), two more.
"""

import argparse
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import stackmotif as sm
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching import match_columns
from stackmotif.matching.graph import find_motif, motif_counts
from stackmotif.stacking.columnset import ColumnSet, place_columns, stack_phases

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from planted_walls import Planted, plant_walls, read

FIRST_SEED = 7_000_000
DISTORTIONS = {
    "walls, 0.05 Å, 1 % missing": {},
    "the same, sheared by 2°": {"shear_deg": 2.0},
    "the same, bent by 1 Å": {"curvature_A": 1.0},
    "the same, rows displaced by 0.1 Å": {"row_jitter_A": 0.1},
    "the same, pitch 2.55 Å, rows 4.5 Å apart": {"pitch_A": 2.55, "row_spacing_A": 4.5},
}
KINDS = {"abrupt": (1,), "2 or 3 columns": (2, 3), "4 to 8 columns": (4, 5, 6, 8)}


def tally(result: sm.MotifMap, truth: ColumnSet, planted: list[Planted]) -> Counter[str]:
    """Count units planted, found resolved or not, and made up."""
    whole = {
        (p.row - (side == 0), p.row, p.slot, unit)
        for p in planted
        if p.length == 1
        for side, unit in enumerate(p.wall.units)
    }
    found = {True: set(), False: set()}
    for unit in result.graph().graph["units"]:
        bond = list(unit.bond)
        gap = int(truth.row[list(unit.columns)].min())
        place = (gap, int(truth.row[bond[0]]), int(truth.slot[bond].min()), unit.name)
        found[unit.resolved].add(place)
    return Counter(
        planted=len(whole),
        cells=2 * len(planted),
        right=len(whole & found[True]),
        candidates=len(whole & (found[True] | found[False])),
        false=len(found[True] - whole),
        false_candidates=len((found[True] | found[False]) - whole),
    )


def measure(
    n_fields: int, *, noise_A: float, missing: float, lengths: tuple[int, ...]
) -> Counter[str]:
    """Add up the counts over fields with their own seeds."""
    total = Counter()
    for k in range(n_fields):
        rng = np.random.default_rng(FIRST_SEED + k)
        phases, planted = plant_walls(rng, lengths=lengths)
        truth = place_columns(
            phases, rng=rng, noise_A=noise_A, missing=missing, false=missing / 4,
            rotation_deg=rng.uniform(-90, 90),
        )  # fmt: skip
        total += tally(read(truth, noise_A), truth, planted)
    return total


def columns_table(n_fields: int) -> None:
    print(
        "| noise (Å) | missing | walls | units planted | resolved, right | best guess right "
        "| made up, resolved | made up, guess |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for noise_A, missing in (
        (0.03, 0.0),
        (0.05, 0.0),
        (0.05, 0.03),
        (0.1, 0.0),
        (0.1, 0.03),
        (0.15, 0.0),
    ):
        for kind, lengths in KINDS.items():
            n = measure(n_fields, noise_A=noise_A, missing=missing, lengths=lengths)
            share = (
                (lambda key, n=n: f"{n[key] / n['planted']:.3f}")
                if n["planted"]
                else (lambda _: "-")
            )
            print(
                f"| {noise_A} | {missing:.0%} | {kind} | {n['planted']} of {n['cells']} | "
                f"{share('right')} | {share('candidates')} | {n['false']} "
                f"| {n['false_candidates']} |",
                flush=True,
            )


def images_table(n_fields: int) -> None:
    print(
        "| dose (e/Å²) | column error (Å) | units planted | resolved, right | best guess right "
        "| made up, resolved |"
    )
    print("|---|---|---|---|---|---|")
    for dose in (500, 1000, 3000):
        total, errors = Counter(), []
        for k in range(n_fields):
            rng = np.random.default_rng(FIRST_SEED + 1000 + k)
            phases, planted = plant_walls(rng, n_rows=24, n_slots=50, n_walls=6)
            truth = place_columns(phases, rng=rng, noise_A=0.0)
            at = truth.positions_A - truth.positions_A.min(axis=0) + 4.0
            shape = tuple(int(edge / 0.2) for edge in at.max(axis=0) + 4.0)
            image = column_sum_image(at, shape=shape, pixel_size_A=0.2, dose_e_per_A2=dose, rng=rng)
            result = sm.identify(sm.Micrograph(image, 0.2))
            matched = match_columns(result, replace(truth, positions_A=at))
            total += tally(result, matched, planted)
            errors.append(result.summary["lattice"]["column_sigma_A"])
        share = {key: total[key] / total["planted"] for key in ("right", "candidates")}
        print(
            f"| {dose} | {np.mean(errors):.3f} | {total['planted']} | {share['right']:.3f} | "
            f"{share['candidates']:.3f} | {total['false']} |",
            flush=True,
        )


def distorted_table(n_fields: int) -> None:
    print("| field | columns | units planted | resolved, right | made up, resolved or not |")
    print("|---|---|---|---|---|")
    total, columns = Counter(), 0
    for k in range(n_fields):
        rng = np.random.default_rng(FIRST_SEED + 5000 + k)
        flat = stack_phases("+" * 40, 60)
        truth = place_columns(flat, rng=rng, noise_A=0.2, missing=0.05, false=0.02)
        total += tally(read(truth, 0.2), truth, [])
        columns += len(truth.positions_A)
    print(f"| O3 alone, 0.2 Å, 5 % missing | {columns} | 0 | - | {total['false_candidates']} |")
    for name, change in DISTORTIONS.items():
        total, columns = Counter(), 0
        for k in range(n_fields):
            rng = np.random.default_rng(FIRST_SEED + 6000 + k)
            phases, planted = plant_walls(rng)
            truth = place_columns(phases, rng=rng, noise_A=0.05, missing=0.01, **change)
            total += tally(read(truth, 0.05), truth, planted)
            columns += len(truth.positions_A)
        share = f"{total['right'] / total['planted']:.3f}"
        print(
            f"| {name} | {columns} | {total['planted']} | {share} | {total['false_candidates']} |",
            flush=True,
        )


def cost_table() -> None:
    print(
        "| columns | edges | graph (s) | MB | all words and names (s) | TD(2) by VF2 (s) "
        "| wall by VF2 (s) |"
    )
    print("|---|---|---|---|---|---|---|")
    catalog = sm.load_catalog()
    for n_rows, n_slots in ((40, 60), (100, 100), (200, 200)):
        rng = np.random.default_rng(FIRST_SEED)
        phases, _ = plant_walls(rng, n_rows=n_rows, n_slots=n_slots, n_walls=n_rows // 4)
        result = read(place_columns(phases, rng=rng, noise_A=0.05, missing=0.02), 0.05)
        result.graph()
        seconds, graph = timed(result.graph)
        tracemalloc.start()
        kept = result.graph()
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        del kept
        rest = [
            timed(lambda g=graph: motif_counts(g))[0],
            timed(lambda g=graph: find_motif(g, catalog["td-2-glided"]))[0],
            timed(lambda g=graph: find_motif(g, catalog["wall-asu-tsu-o3"]))[0],
        ]
        print(
            f"| {len(graph)} | {graph.number_of_edges()} | {seconds:.2f} | {megabytes:.0f} | "
            + " | ".join(f"{s:.2f}" for s in rest) + " |",
            flush=True,
        )  # fmt: skip


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    made = job()
    return time.process_time() - start, made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=20)
    parser.add_argument("--images", action="store_true")
    arguments = parser.parse_args()
    cost_table()
    print()
    columns_table(arguments.fields)
    print()
    distorted_table(arguments.fields // 2)
    if arguments.images:
        print()
        images_table(arguments.fields)
