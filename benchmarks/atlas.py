"""The atlas against full multislice of whole words, and how fast it makes images.

Everything expensive is a task keyed by its settings: a rerun goes on where an earlier one stopped.

    python benchmarks/atlas.py static   # 40 random words at 2 to 8 nm, 12 of them to 12 nm
    python benchmarks/atlas.py thick    # these 12 at 20 nm, on a coarser grid, without and with
                                        # tiles for what fillings do to each other
    python benchmarks/atlas.py thicker  # the same to 40 nm, with fewer sets of wave vectors
    python benchmarks/atlas.py cells    # a tile of O3 in cells of several sizes, to 40 nm
    python benchmarks/atlas.py phonons  # the shipped atlas against ensembles of its own size
    python benchmarks/atlas.py stretch  # one atlas for crystals of other lengths
    python benchmarks/atlas.py build    # the shipped atlas anew, with the time it takes
    python benchmarks/atlas.py speed    # 12 slabs, 4 nm wide, four detectors, against abTEM

``--store`` writes the errors of the static comparison into the atlas that ships with the package.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import AtlasRecipe, build_atlas, default_atlas, save_atlas
from stackmotif.imaging.atlas.cell import tile_cell
from stackmotif.imaging.atlas.errors import stretch_of
from stackmotif.imaging.atlas.measuring import Reference, compare, make_references, signals_at
from stackmotif.imaging.atlas.recipe import filled_otherwise
from stackmotif.imaging.atlas.references import random_words, reference_task
from stackmotif.imaging.atlas.rings import ring_signals
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.store import default_atlas_path, with_errors
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.library.tasks import load_part, run_tasks
from stackmotif.imaging.plan import Plan, make_plan
from stackmotif.imaging.potential import abtem_slices
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.stacking import Word
from stackmotif.structures.lattices.lattice import get_lattice

SCOPE = Microscope.preset("stem-300kV")
CACHE = Path(__file__).parent / "_cache" / "atlas"
STATIC = AtlasRecipe(
    SCOPE,
    phonons=0,
    thickness_A=(20.0, 40.0, 80.0, 120.0),
    couplings=default_atlas().recipe.couplings,
)
"""The static twin of the atlas that ships."""
THIN = replace(STATIC, thickness_A=(20.0, 40.0, 80.0))
COARSE = replace(STATIC, thickness_A=(40.0, 80.0, 200.0, 400.0), sampling_A=0.0435, couplings=True)
"""Thick crystals; benchmarks/walls.py takes its tiles at 4 and 8 nm."""
THICK = replace(COARSE, thickness_A=(200.0,), k_points=(2, 3))
THICK_WORDS = replace(THICK, k_points=(2, 2))
"""What words are simulated with: their cells of six slabs are as high with fewer sets."""
THICKER = replace(COARSE, thickness_A=(200.0, 400.0))
SETS = ((2, 2), (2, 3), (2, 4), (4, 2), (4, 4))
"""Sets of wave vectors (x, y) that are compared with the last ones."""
REPORTING = 52000
"""Seed of words and places; other ones were used while developing."""
N_WORDS, N_THICK, POINTS, POINTS_THICKER = 40, 12, 64, 32
N_ENSEMBLE_WORDS = 12


def tell(done: int, total: int, left_s: float) -> None:
    """Print how far the references are."""
    print(f"  {done} of {total}, about {left_s:.0f} s left", flush=True)


def static(workers: int) -> list[dict[str, object]]:
    """Compare the static atlas with static multislice."""
    settings = {"workers": workers, "progress": tell}
    atlas = build_atlas(STATIC, CACHE, device="cpu", **settings)
    words = random_words(N_WORDS, rng=REPORTING)
    references = make_references(STATIC, words[:N_THICK], CACHE, rng=REPORTING, **settings)
    references += make_references(THIN, words[N_THICK:], CACHE, rng=REPORTING + N_THICK, **settings)
    return told(compare(atlas, references, detectors=SCOPE.detectors))


def thick(
    workers: int,
    recipe: AtlasRecipe = THICK,
    measured: AtlasRecipe = THICK_WORDS,
    points: int = POINTS,
) -> list[dict[str, object]]:
    """Compare thick crystals with an atlas without and with tiles of fillings."""
    settings = {"workers": workers, "progress": tell}
    words = random_words(N_WORDS, rng=REPORTING)[:N_THICK]
    references = make_references(measured, words, CACHE, rng=REPORTING, points=points, **settings)
    rows = {}
    for couplings in (False, True):
        chosen = replace(recipe, couplings=couplings)
        atlas = build_atlas(chosen, CACHE, device="cpu", **settings)
        print(f"\n{'with' if couplings else 'without'} tiles of fillings")
        rows[couplings] = told(compare(atlas, references, detectors=SCOPE.detectors))
    return rows[STATIC.couplings]


def cells() -> None:
    """Show a tile of O3 in cells of several sizes, against the largest one."""
    tile = filled_otherwise({})
    generator = np.random.default_rng(REPORTING)
    lattice = get_lattice(COARSE.lattice)
    away = (generator.random((16, 2)) - (0.0, 0.5)) * (
        lattice.column_pitch_A,
        lattice.row_spacing_A("3"),
    )
    recipe = replace(COARSE, thickness_A=(80.0, 120.0, 200.0, 400.0))
    found = {}
    for sets in SETS:
        own = replace(recipe, k_points=sets)
        cell = tile_cell(own, tile)
        signals = ring_signals(
            own, cell.specimen, np.array(cell.origin_A) + away, configuration=-1, device="cpu"
        )
        reference = Reference(Word.parse("|R+[Li]|"), own.thickness_A, away, signals)
        found[sets] = [
            [reference.seen_by(d, own, t) for d in SCOPE.detectors] for t in own.thickness_A
        ]
    best = np.array(found[SETS[-1]])
    height, width = cell.specimen.grid.extent_A[::-1]
    print("\n| thickness (nm) | cell (Å) | " + " | ".join(d.name for d in SCOPE.detectors) + " |")
    print("|---|---|" + "---|" * len(SCOPE.detectors))
    for k, thickness in enumerate(recipe.thickness_A):
        for x, y in SETS[:-1]:
            off = np.sqrt(np.square(found[x, y][k] - best[k]).mean(axis=1)) / np.ptp(
                best[k], axis=1
            )
            shown = " | ".join(f"{one:.2%}" for one in off)
            print(f"| {thickness / 10:g} | {x * width:.0f} × {y * height:.0f} | {shown} |")


def told(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Print rows of errors."""
    print("\n| thickness (nm) | words | detector | RMS / contrast, mean (worst) | correlation |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['thickness_A'] / 10:g} | {row['words']} | {row['detector']} | "
            f"{row['mean_rms_of_contrast']:.2%} ({row['rms_of_contrast']:.2%}) | "
            f"{row['least_correlation']:.6f} |"
        )
    return rows


def phonons(workers: int) -> None:
    """Compare the shipped atlas with two ensembles of its own size."""
    atlas = default_atlas()
    recipe, size = atlas.recipe, atlas.recipe.phonons
    words = random_words(N_ENSEMBLE_WORDS, rng=REPORTING + 500)
    short = replace(recipe, thickness_A=(40.0, 80.0))
    ensembles = [range(100, 100 + size), range(200, 200 + size)]
    tasks = [
        [
            reference_task(
                short, word, points=POINTS, rng=REPORTING + 500 + k, configurations=e, device="cpu"
            )
            for e in ensembles
        ]
        for k, word in enumerate(words)
    ]
    run_tasks([one for pair in tasks for one in pair], CACHE, workers=workers, progress=tell)
    print("\n| thickness (nm) | detector | two ensembles apart | atlas from each | words nearer |")
    print("|---|---|---|---|---|")
    for thickness in short.thickness_A:
        apart, near = [], []
        for word, pair in zip(words, tasks, strict=True):
            parts = [load_part(one, CACHE).arrays for one in pair]
            references = [Reference(word, short.thickness_A, **part) for part in parts]
            one, other = (
                np.stack([each.seen_by(d, short, thickness) for d in SCOPE.detectors])
                for each in references
            )
            mine = signals_at(
                atlas, word, parts[0]["places_A"], SCOPE.detectors, thickness_A=thickness
            )
            span = np.ptp((one + other) / 2, axis=1)
            apart.append(np.square(one - other).mean(axis=1) / span**2)
            near.append([np.square(mine - each).mean(axis=1) / span**2 for each in (one, other)])
        apart_rms, near_rms = np.sqrt(np.mean(apart, axis=0)), np.sqrt(np.mean(near, axis=(0, 1)))
        for d, detector in enumerate(SCOPE.detectors):
            nearer = np.mean(np.mean(near, axis=1)[:, d] < np.array(apart)[:, d])
            print(
                f"| {thickness / 10:g} | {detector.name} | {apart_rms[d]:.2%} | {near_rms[d]:.2%} "
                f"| {nearer:.0%} |"
            )


def stretch(workers: int) -> None:
    """Show crystals of other lengths with the static atlas."""
    atlas = build_atlas(STATIC, CACHE, workers=workers, device="cpu")
    words = [Word.parse("|R+[Li]3|"), Word.parse("|R+[Li] R0 R+ R0[Li] R+ R0|")]
    print("\n| lattice | largest difference of a length | thickness (nm) |")
    print("|---|---|---|---|")
    for lattice in ("LiNiO2:1", "LiNiO2:0.6666666666666666", "LiNiO2:0.3333333333333333"):
        own = replace(THIN, lattice=lattice)
        references = make_references(own, words, CACHE, rng=REPORTING + 900, workers=workers)
        rows = compare(atlas, references, detectors=SCOPE.detectors, lattice=lattice)
        length = stretch_of(get_lattice(atlas.recipe.lattice), get_lattice(lattice))
        for thickness in own.thickness_A:
            told = ", ".join(
                f"{row['detector']} {row['rms_of_contrast']:.1%}"
                for row in rows
                if row["thickness_A"] == thickness
            )
            print(f"| {lattice[:13]} | {length:.1%} | {thickness / 10:g} | {told} |")


def speed() -> None:
    """Time images of twelve slabs and single probes of abTEM in one run."""
    import torch

    from stackmotif.structures import build

    torch.set_num_threads(os.cpu_count() or 1)
    word, field = "|R+[Li]5 R0 R0 R- R+[Li]4|", (12 * 4.75, 40.0)
    prepared = PreparedAtlas(default_atlas(), SCOPE, thickness_A=80.0)
    settings = {"pixel_size_A": 0.2, "field_A": field}
    prepared.image(word, **settings)
    single = median_s(lambda: prepared.image(word, **settings), 40)
    batch = [word] * 32
    many = median_s(lambda: prepared.image(batch, **settings), 5) / len(batch)
    plan = make_plan(
        build(word, lattice="LiNiO2:0.5"), microscope=SCOPE, thickness_A=80.0, phonons=1
    )
    probe = abtem_probe_s(plan)
    step = SCOPE.nyquist_step_A
    scans = {
        "the whole field": (field[0] / step) * (field[1] / step),
        "one pitch of the stack (what a careful user would scan)": plan.n_probes,
    }
    configurations = default_atlas().recipe.phonons
    print("| image of 12 slabs, 4 nm wide, four detectors, 0.2 Å/px | seconds |\n|---|---|")
    print(f"| atlas, one image | {single:.4f} |\n| atlas, in a batch of 32 | {many:.4f} |")
    for what, count in scans.items():
        seconds = probe * count * configurations
        ratio = f"{seconds:.0f} ({seconds / single:.0f} times the atlas)"
        print(f"| abTEM over {what}, {configurations} phonons, {probe:.2f} s a probe | {ratio} |")


def abtem_probe_s(plan: Plan) -> float:
    """Return what one more probe costs abTEM [s], its start-up and the potential left out."""
    specimen = make_specimen(plan.cell, plan.grid)
    slices = abtem_slices(specimen, displacements_A(specimen, seed=0, configuration=0))
    points = np.random.default_rng(0).random((24, 2)) * plan.grid.extent_A
    settings = {"grid": plan.grid, "microscope": SCOPE, "exit_slices": [plan.grid.n_slices]}
    times = []
    for count in (2, 8, len(points)):
        start = time.perf_counter()
        scan_signals(slices, points[:count], advance=lambda _: None, **settings)
        times.append(time.perf_counter() - start)
    return (times[2] - times[1]) / (len(points) - 8)


def build(workers: int, device: str) -> None:
    """Build the default atlas in a folder of its own and tell how long it took."""
    recipe = default_atlas().recipe
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        atlas = build_atlas(recipe, folder, workers=workers, device=device, progress=tell)
        minutes = (time.perf_counter() - start) / 60
    apart = np.abs(atlas.samples - default_atlas().samples).max()
    print(f"| default atlas on {device}, {workers} processes | {minutes:.1f} min |")
    print(f"| largest difference from the one that ships | {apart:.1e} |")


def median_s(action: object, repeats: int) -> float:
    """Return the median time of an action [s]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Run one comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=tuple(CHOICES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu", help="where 'build' computes")
    parser.add_argument(
        "--store", action="store_true", help="keep the errors with the shipped atlas"
    )
    given = parser.parse_args()
    rows = CHOICES[given.what](given)
    if rows and given.store:
        own = {row["thickness_A"] for row in rows}
        kept = [one for one in default_atlas().errors if one["thickness_A"] not in own]
        save_atlas(
            with_errors(default_atlas(), [*kept, *rows]), default_atlas_path(), overwrite=True
        )


CHOICES: dict[str, Callable[[argparse.Namespace], list[dict[str, object]] | None]] = {
    "static": lambda given: static(given.workers),
    "thick": lambda given: thick(given.workers),
    "thicker": lambda given: thick(given.workers, COARSE, THICKER, POINTS_THICKER),
    "cells": lambda _: cells(),
    "phonons": lambda given: phonons(given.workers),
    "stretch": lambda given: stretch(given.workers),
    "build": lambda given: build(given.workers, given.device),
    "speed": lambda _: speed(),
}


if __name__ == "__main__":
    main()
