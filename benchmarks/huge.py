"""Print what one large micrograph costs from file to report, and whether its tiles agree with it.

The image is a column sum of 4096 × 4096 pixels (see `images.py`) of a random stacking with closed
inclusions between lateral walls of one to ten columns, 500 e/Å². It is identified by the command in
a process of its own, then cut into n × n tiles that overlap by a tenth, each identified alone. What
a tile says more than three columns inside its outermost columns is compared with what the whole
says there. Reporting seeds start at 89000 and are used nowhere else in the repository.

Run: python benchmarks/huge.py [--size 4096] [--tiles 2 3]
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
from images import PITCH_A, PIXEL_A, ROW_A, Cost, picture, placed, whole_process

import stackmotif as sm
from stackmotif.matching import match_columns, score_cells
from stackmotif.matching.overlap import Agreement, compare_readings
from stackmotif.matching.walls import score_walls
from stackmotif.stacking.columnset import ColumnSet, stack_phases
from stackmotif.stacking.wallset import PlantedWall, wall_field

REPORTING = 89000
DOSE = 500.0
OVERLAP = 0.1
INCLUSIONS = 3.6e-6
"""Inclusions per pixel: sixty in 4096 × 4096."""
WIDTHS = (1, 1, 2, 3, 4, 6, 8, 10)


def walled_truth(size_px: int, rng: np.random.Generator) -> tuple[ColumnSet, list[PlantedWall]]:
    """Columns of a random stacking with inclusions, and the walls whose columns are all there."""
    field_A = size_px * PIXEL_A
    n_rows, n_slots = int(1.35 * field_A / ROW_A) + 1, int(1.35 * field_A / PITCH_A)
    states = "".join(rng.choice(["+", "0", "-"], size=n_rows - 1, p=[0.7, 0.15, 0.15]))
    moved, walls = wall_field(
        rng=rng,
        n_rows=n_rows,
        n_slots=n_slots,
        n_inclusions=round(INCLUSIONS * size_px**2),
        widths=WIDTHS,
        matrix="0",
    )
    truth = placed(stack_phases(states, n_slots) + moved, size_px, rng)
    there = np.zeros(truth.phases.shape, dtype=bool)
    there[truth.row, truth.slot] = True
    seen = [w for w in walls if there[w.row, w.start : w.start + w.width + 1].all()]
    return truth, seen


def tiles(size_px: int, n: int) -> Iterator[tuple[slice, slice]]:
    """Give the pixels (y, x) of n × n tiles that overlap by a tenth of their edge."""
    edge = int(np.ceil(size_px / (n - OVERLAP * (n - 1))))
    starts = [round(k * (size_px - edge) / (n - 1)) for k in range(n)]
    for y in starts:
        for x in starts:
            yield slice(y, y + edge), slice(x, x + edge)


def read_in_tiles(image: sm.Micrograph, whole: sm.MotifMap, n: int, **asked: str) -> Agreement:
    """Identify n × n tiles alone, and add up what they say of the whole."""
    counts = []
    for y, x in tiles(image.shape[0], n):
        part = sm.identify(sm.Micrograph(image.image[y, x].copy(), PIXEL_A), **asked)
        corner_A = (y.start * PIXEL_A, x.start * PIXEL_A)
        one = compare_readings(whole, part, corner_A=corner_A, margin_A=3 * PITCH_A)
        counts.append([getattr(one, field.name) for field in fields(one)])
    return Agreement(*(int(total) for total in np.sum(counts, axis=0)))


def tell_cost(size_px: int, cost: Cost) -> None:
    print(f"### From file to report, {size_px} x {size_px}, whole process\n")
    print("| seconds | limit | processor seconds | peak memory (GB) | limit |")
    print("|---|---|---|---|---|")
    print(f"| {cost.seconds:.1f} | 180 | {cost.processor_s:.1f} | {cost.peak_GB:.2f} | 6 |")


def tell_truth(whole: sm.MotifMap, truth: ColumnSet, walls: list[PlantedWall]) -> None:
    score, found = score_cells(whole, match_columns(whole, truth)), score_walls(whole, truth, walls)
    jump = whole.walls["jump_thirds"][found.found]
    right = np.mean(jump == [walls[k].jump_thirds for k in found.planted])
    print("\n| columns | cells right | outside O3 | walls | recall | precision | jump right |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {len(whole.columns)} | {score.overall:.4f} | {score.outside_o3:.4f} | "
        f"{found.n_planted} | {found.recall:.3f} | {found.precision:.3f} | {right:.3f} |"
    )


def tell_tiles(n: int, one: Agreement) -> None:
    rest = one.n_cells - one.n_states
    print(
        f"| {n} x {n} | {one.n_shared / one.n_columns:.5f} | {one.n_states / one.n_cells:.5f} of "
        f"{one.n_cells} | {one.n_unpaired} / {one.n_unknown} / "
        f"{rest - one.n_unpaired - one.n_unknown} | {one.n_labels / one.n_shared:.5f} | "
        f"{one.n_found} of {one.n_walls} | {one.n_same_kind} of {one.n_resolved} | {one.n_extra} | "
        f"{one.mirrored} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--tiles", type=int, nargs="*", default=[2, 3])
    parser.add_argument("--seed", type=int, default=REPORTING)
    asked = parser.parse_args()
    truth, walls = walled_truth(asked.size, np.random.default_rng(asked.seed))
    image = picture(truth, asked.size, DOSE, asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        tell_cost(asked.size, whole_process(image.image, Path(folder)))
        whole = sm.load(Path(folder) / "out" / "result.npz")
    tell_truth(whole, truth, walls)
    print(
        "\n| tiles | columns in both | same state | not paired / unknown in one / other | "
        "same label | walls: place and jump | resolved: same kind | in tiles alone | mirrored |"
    )
    print("|---" * 9 + "|")
    for n in asked.tiles:
        tell_tiles(n, read_in_tiles(image, whole, n))


if __name__ == "__main__":
    main()
