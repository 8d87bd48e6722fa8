"""Print how right lateral walls are read from images with planted walls, and what pure O3 gives.

Images are column sums (one Gaussian per column) of O3 with closed inclusions of one to three rows
(`stackmotif.stacking.wallset.wall_field`): stretched and squeezed walls of a third and of two
thirds of the pitch, one to ten columns wide, any rotation, up to a degree of shear. No multislice:
the figures are of the geometry, at the shot noise of the dose. Reporting seeds start at 81000 and
are used nowhere else in the repository.

    python benchmarks/motifs.py walls [--fields 24]   # dose by dose
    python benchmarks/motifs.py null [--fields 12]    # pure O3 at 300 e/Å²
"""

import argparse
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

import stackmotif as sm
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.walls import score_walls
from stackmotif.stacking.columnset import ColumnSet, place_columns, stack_phases
from stackmotif.stacking.wallset import PlantedWall, wall_field

REPORTING = 81000
DOSES = (3000, 500, 200, 100, 50)
PIXEL_A = 0.16
WIDTHS = (1, 1, 2, 3, 4, 6, 8, 10)
KINDS = ("A", "narrow", "C")
UNDEFINED = "undefined"


@dataclass
class Tally:
    """What became of the planted walls of one dose."""

    planted: int = 0
    found: int = 0
    hit: int = 0
    jump: list[tuple[float, bool]] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    shares: list[tuple[float, bool]] = field(default_factory=list)
    pulls: list[float] = field(default_factory=list)
    units: Counter[str] = field(default_factory=Counter)


def picture(truth: ColumnSet, *, dose: float, rng: int) -> tuple[sm.Micrograph, ColumnSet]:
    """Return the image of a column set, and the set in its axes."""
    low = truth.positions_A.min(axis=0) - 6.0
    moved = truth.keep(truth.row >= 0)
    moved.positions_A[:] -= low
    shape = tuple(np.ceil((moved.positions_A.max(axis=0) + 6.0) / PIXEL_A).astype(int))
    pixels = column_sum_image(
        moved.positions_A, shape=shape, pixel_size_A=PIXEL_A, dose_e_per_A2=dose, rng=rng
    )
    return sm.Micrograph(pixels, PIXEL_A), moved


def planted_field(seed: int) -> tuple[ColumnSet, list[PlantedWall]]:
    rng = np.random.default_rng(seed)
    phases, walls = wall_field(rng=rng, n_rows=30, n_slots=90, n_inclusions=8, widths=WIDTHS)
    truth = place_columns(
        phases,
        rng=rng,
        noise_A=0.0,
        rotation_deg=float(rng.uniform(-90, 90)),
        shear_deg=float(rng.uniform(-1, 1)),
    )
    return truth, walls


def add(tally: Tally, result: sm.MotifMap, truth: ColumnSet, walls: list[PlantedWall]) -> None:
    score = score_walls(result, truth, walls)
    tally.planted += score.n_planted
    tally.found += score.n_found
    tally.hit += len(score.found)
    for k, n in zip(score.found, score.planted, strict=True):
        line, fit, wall = result.walls[k], result.wall_fits[k], walls[n]
        tally.jump.append((float(fit["p_jump"]), bool(line["jump_thirds"] == wall.jump_thirds)))
        tally.kinds[wall.kind, str(line["kind"])] += 1
        shares = [float(fit[name]) for name in ("p_abrupt", "p_narrow", "p_continuous")]
        tally.shares += [(p, kind == wall.kind) for p, kind in zip(shares, KINDS, strict=True)]
        sigma = max(float(line["width_sigma"]), 0.3)
        tally.pulls.append((float(line["width_columns"]) - wall.width) / sigma)
    add_units(tally, result, truth, walls, dict(zip(score.planted, score.found, strict=True)))


def add_units(
    tally: Tally,
    result: sm.MotifMap,
    truth: ColumnSet,
    walls: list[PlantedWall],
    found: dict[int, int],
) -> None:
    """Count structural units in the strips above and below every wall that was found.

    A unit is right if it is named and is the one that was planted: ASU, TSU, or a wide one. Walls
    beside an unfinished one of the next row do not count: their strip has no state there.
    """
    for n, wall in enumerate(walls):
        expected = [true_unit(truth, walls, wall, step) for step in (-1, 1)]
        if n not in found or UNDEFINED in expected:
            continue
        fit = result.wall_fits[found[n]]
        told = Counter(str(fit[name]) for name in ("unit_above", "unit_below"))
        planted = Counter(expected)
        for one in (told, planted):
            one.pop("none", None)
        hit = (told & planted).total()
        tally.units.update(hit=hit, false=told.total() - hit, planted=planted.total())


def true_unit(truth: ColumnSet, walls: list[PlantedWall], wall: PlantedWall, step: int) -> str:
    """Return the unit between a wall's row and the one above (-1) or below (1) it.

    Two rows that are cut between the same columns share one strip cell, which changes by the
    difference of their jumps. Columns are the same that stand less than half a pitch apart.
    """
    other = wall.row + step
    aside = truth.phases[wall.row, wall.start] - truth.phases[other, wall.start]
    start = wall.start + round(aside / 3.0)
    near = [w for w in walls if w.row == other and w.start < start + wall.width]
    near = [w for w in near if start < w.start + w.width]
    if any(w.width > 1 for w in near):
        return UNDEFINED
    if wall.width > 1:
        return UNDEFINED if near else "none"
    own, beside = (
        truth.phases[row, [first, first + 1]]
        for row, first in ((wall.row, wall.start), (other, start))
    )
    left, right = np.rint(step * (own - beside)).astype(int) % 3
    change = abs(wall.jump_thirds - sum(w.jump_thirds for w in near))
    if change not in (1, 2) or left == right:
        return "none"
    return ("wide-" if change == 2 else "") + ("ASU" if 0 in (left, right) else "TSU")


def calibration_error(pairs: list[tuple[float, bool]]) -> float:
    """Return the expected calibration error in ten bins of equal width."""
    p, right = np.array(pairs, dtype=float).T
    bins = np.minimum((p * 10).astype(int), 9)
    count = np.bincount(bins, minlength=10)
    gap = np.abs(np.bincount(bins, p, 10) - np.bincount(bins, right, 10))
    return float(gap.sum() / count.sum())


def walls_table(n_fields: int) -> None:
    print(f"### Walls, {n_fields} images per dose\n")
    print(
        "| dose (e/Å²) | planted | recall | precision | jump right | A or C: resolved | right | "
        "2-3 columns called A or C | units F1 | width within 2σ | error of p(jump) | of p(kind) |"
    )
    print("|---" * 12 + "|")
    for dose in DOSES:
        tally = Tally()
        for k in range(n_fields):
            truth, walls = planted_field(REPORTING + k)
            image, moved = picture(truth, dose=dose, rng=REPORTING + 500 + k)
            add(tally, sm.identify(image, network="off", templates="off"), moved, walls)
        wide = {k: n for k, n in tally.kinds.items() if k[0] != "narrow"}
        resolved = sum(n for k, n in wide.items() if k[1] != "unresolved")
        right = sum(n for k, n in wide.items() if k[0] == k[1])
        narrow = sum(n for k, n in tally.kinds.items() if k[0] == "narrow")
        named = sum(n for k, n in tally.kinds.items() if k[0] == "narrow" and k[1] != "unresolved")
        jumps = np.mean([ok for _, ok in tally.jump])
        hit, false, planted = (tally.units[name] for name in ("hit", "false", "planted"))
        f1 = 2 * hit / max(hit + false + planted, 1)
        print(
            f"| {dose} | {tally.planted} | {tally.hit / tally.planted:.3f} | "
            f"{tally.hit / max(tally.found, 1):.3f} | {jumps:.3f} | "
            f"{resolved / max(sum(wide.values()), 1):.3f} | {right / max(resolved, 1):.3f} | "
            f"{named} of {narrow} | {f1:.3f} | {np.mean(np.abs(tally.pulls) < 2):.3f} | "
            f"{calibration_error(tally.jump):.3f} | {calibration_error(tally.shares):.3f} |",
            flush=True,
        )


def null_table(n_fields: int) -> None:
    print(f"\n### Pure O3, {n_fields} images of 300 e/Å²\n")
    print(
        "| columns | rows | false walls per 1000 columns | false faults per 50 rows | cells read |"
    )
    print("|---|---|---|---|---|")
    columns = rows = walls = faults = cells = unread = 0
    for k in range(n_fields):
        rng = np.random.default_rng(REPORTING + 1000 + k)
        truth = place_columns(
            stack_phases("+" * 49, 60),
            rng=rng,
            noise_A=0.03,
            curvature_A=0.5,
            rotation_deg=float(rng.uniform(-90, 90)),
            shear_deg=float(rng.uniform(-2, 2)),
        )
        result = sm.identify(
            picture(truth, dose=300, rng=REPORTING + 1500 + k)[0], network="off", templates="off"
        )
        columns, rows = columns + len(result.columns), rows + int(result.summary["n_rows"])
        walls += len(result.walls)
        faults += int(np.isin(result.domains["kind"], ("TD", "O1", "O3r", "H1-3")).sum())
        cells += len(result.shifts)
        unread += int((result.shifts["state"] == "x").sum())
    print(
        f"| {columns} | {rows} | {1000 * walls / columns:.3f} | {50 * faults / rows:.3f} | "
        f"{1 - unread / cells:.4f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=("walls", "null"))
    parser.add_argument("--fields", type=int, default=None)
    asked = parser.parse_args()
    if asked.table == "walls":
        walls_table(asked.fields or 24)
    else:
        null_table(asked.fields or 12)


if __name__ == "__main__":
    main()
