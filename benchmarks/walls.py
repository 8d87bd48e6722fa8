"""Walls put together from the atlas and wall tiles, against multislice of whole wall models.

Static lattice, both terminations of the foil, random places around the wall: within 7 Å of its
middle along both axes, and further along the row where it is wide. Tiles are tasks keyed by their
settings: a rerun goes on where an earlier one stopped.

    python benchmarks/walls.py abrupt      # A-type: random words of six slabs, jumps of 1/3 and 2/3
    python benchmarks/walls.py continuous  # C-type: four to ten columns wide
    python benchmarks/walls.py speed       # a field with a wall, and a batch of them
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from atlas import COARSE, SCOPE
from numpy.typing import NDArray

from stackmotif.imaging.atlas import Atlas, AtlasRecipe, build_atlas
from stackmotif.imaging.atlas.references import random_words
from stackmotif.imaging.atlas.walls import (
    LateralField,
    PreparedWalls,
    WallAtlas,
    WallRecipe,
    build_walls,
    needed_tiles,
)
from stackmotif.imaging.atlas.walls.blending import BlendedWords
from stackmotif.imaging.atlas.walls.canvas import Canvas
from stackmotif.imaging.atlas.walls.multislice import LateralScene
from stackmotif.stacking import Word
from stackmotif.structures import Jump

CACHE = Path(__file__).parent / "_cache" / "atlas"
THICKNESS_A = (40.0, 80.0)
REPORTING = 54000
"""Seed of fields and places; other ones were used while developing."""
N_FIELDS, POINTS = 16, 64
COLUMNS, COLUMN = 21, 10
"""Columns of the models, and the one at the middle of the wall."""
WIDTHS = (4, 6, 10)
PIXEL_A = 0.05


@dataclass(frozen=True)
class Study:
    """How thick the crystals are, how many fields are compared, and on how many processes."""

    thickness_A: tuple[float, ...]
    n_fields: int
    workers: int

    @property
    def words(self) -> AtlasRecipe:
        """Tiles of words."""
        return replace(COARSE, thickness_A=self.thickness_A, guests=("", "Li"))

    @property
    def walls(self) -> WallRecipe:
        """Tiles of walls."""
        return WallRecipe(self.words)


def abrupt_fields(n: int, *, rng: int) -> list[tuple[Word, list[Jump]]]:
    """Return random words without guests, each with one abrupt wall in a random row."""
    generator = np.random.default_rng([rng, 1])
    return [
        (word, [Jump(int(generator.integers(len(word))), COLUMN, int(generator.integers(1, 3)))])
        for word in random_words(n, rng=rng, guests=("",))
    ]


def continuous_fields(n: int, *, rng: int) -> list[tuple[Word, list[Jump]]]:
    """Return random filled words, each with one continuous wall of either sense."""
    generator = np.random.default_rng([rng, 2])
    fields = []
    for k, word in enumerate(random_words(n, rng=rng, guests=("Li",))):
        slab, thirds = int(generator.integers(len(word))), int(generator.choice([1, -1]))
        width = WIDTHS[k % len(WIDTHS)]
        fields.append((word, [Jump(slab, COLUMN - width // 2, thirds, width=width)]))
    return fields


def places_near(scene: LateralScene, jump: Jump, *, rng: int) -> NDArray[np.float64]:
    """Return places (x, y) in the cell around a wall [Å]."""
    middle = jump.column + (jump.width - 1) // 2
    centre = (scene.metal_A(jump.slab, middle) + scene.metal_A(jump.slab, middle + 1)) / 2
    generator = np.random.default_rng([rng, 3])
    return centre + generator.uniform(-1, 1, (POINTS, 2)) * (6.0 + 1.2 * jump.width, 7.2)


def at_detectors(signals: NDArray[np.float64], plane: int) -> NDArray[np.float64]:
    edges = np.asarray(COARSE.bin_edges_mrad)
    rings = [
        (edges[:-1] >= one.inner_mrad) & (edges[1:] <= one.outer_mrad) for one in SCOPE.detectors
    ]
    return np.stack([signals[plane, : len(ring)][ring].sum(axis=0) for ring in rings])


def sampled(image: NDArray[np.float64], at_A: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an image (detector, y, x) at places (x, y) from the centre of its first pixel."""
    from scipy.ndimage import map_coordinates

    return np.stack([map_coordinates(one, at_A[:, ::-1].T / PIXEL_A, order=5) for one in image])


def stitched(
    prepared: PreparedWalls, field: LateralField, at_A: NDArray[np.float64], *, blend: bool = False
) -> NDArray[np.float64]:
    """Return the signals (detector, place) at places (x, y) from the metal of slab 0, column 0."""
    import torch

    low = at_A.min(axis=0) - 1.0
    shape = tuple(int(n) for n in np.ceil((np.ptp(at_A, axis=0)[::-1] + 2.0) / PIXEL_A))
    with torch.no_grad():
        if blend:
            start = torch.tensor(low[::-1].copy(), dtype=torch.float64)
            canvas = Canvas(start, torch.full((2,), PIXEL_A, dtype=torch.float64), shape)
            image = BlendedWords(prepared.words).images([field], canvas)[0]
        else:
            image = prepared.render(
                [field],
                shape=shape,
                pixel_size_A=PIXEL_A,
                position_A=tuple(-low[::-1]),
                blur_sigma_A=0.0,
            )[0]
    return sampled(image.numpy().astype(np.float64), at_A - low)


def compare(
    study: Study,
    fields: list[tuple[Word, list[Jump]]],
    prepared: dict[float, PreparedWalls],
    *,
    rng: int,
    blend: bool,
) -> dict[tuple[float, str], NDArray[np.float64]]:
    """Return RMS error over contrast (field, detector) by thickness and by what was compared."""
    rows: dict[tuple[float, str], list[NDArray[np.float64]]] = {}
    for k, (word, jumps) in enumerate(fields):
        started = time.monotonic()
        scene = LateralScene.make(study.walls.beam, word, jumps=jumps, columns=COLUMNS)
        places = places_near(scene, jumps[0], rng=rng + k)
        signals = scene.signals(places)
        field = LateralField.make(word, jumps)
        for plane, thickness in enumerate(study.thickness_A):
            true = at_detectors(signals, plane)
            for name, alone in (("wall", False), ("blend alone", True))[: 1 + blend]:
                found = stitched(prepared[thickness], field, places - scene.origin_A, blend=alone)
                rms = np.sqrt(np.square(found - true).mean(axis=1)) / np.ptp(true, axis=1)
                rows.setdefault((thickness, name), []).append(rms)
        print(f"  {k + 1} of {len(fields)}: {word} {jumps[0]}, {time.monotonic() - started:.0f} s",
              flush=True)  # fmt: skip
    return {key: np.array(value) for key, value in rows.items()}


def table(found: dict[tuple[float, str], NDArray[np.float64]]) -> None:
    names = [one.name for one in SCOPE.detectors]
    print(f"\n| thickness (nm) | | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    for (thickness, name), rms in found.items():
        cells = (f"{m:.2%} ({w:.2%})" for m, w in zip(rms.mean(0), rms.max(0), strict=True))
        print(f"| {thickness / 10:g} | {name}, mean (worst) | {' | '.join(cells)} |")


def tell(done: int, total: int, left_s: float) -> None:
    print(f"  {done} of {total} tasks, about {left_s:.0f} s left", flush=True)


def words_atlas(study: Study) -> Atlas:
    """Return the coarse atlas of benchmarks/atlas.py at the thicknesses of the walls."""
    settings = {"workers": study.workers, "progress": tell}
    deep = build_atlas(
        replace(COARSE, guests=study.words.guests, couplings=False), CACHE, **settings
    )
    planes = [COARSE.thickness_A.index(one) for one in study.thickness_A]
    return replace(
        deep,
        recipe=study.words,
        samples=deep.samples[:, :, :, planes],
        noise=deep.noise[planes],
        thickness_A=deep.thickness_A[planes],
    )


def tiles_for(study: Study, fields: list[tuple[Word, list[Jump]]]) -> WallAtlas:
    needed = dict.fromkeys(tile for word, jumps in fields for tile in needed_tiles(word, jumps))
    return build_walls(study.walls, CACHE, tiles=needed, workers=study.workers, progress=tell)


def abrupt(study: Study) -> None:
    fields = abrupt_fields(study.n_fields, rng=REPORTING)
    atlas = words_atlas(study)
    walls = tiles_for(study, fields)
    prepared = {
        one: PreparedWalls(atlas, SCOPE, thickness_A=one, walls=walls, dtype="float64")
        for one in study.thickness_A
    }
    table(compare(study, fields, prepared, rng=REPORTING, blend=True))


def continuous(study: Study) -> None:
    fields = continuous_fields(study.n_fields, rng=REPORTING)
    recipe = replace(study.words, guests=("Li", "Li@u"), n_shifts=12)
    atlas = build_atlas(recipe, CACHE, workers=study.workers, progress=tell)
    prepared = {
        one: PreparedWalls(atlas, SCOPE, thickness_A=one, dtype="float64")
        for one in study.thickness_A
    }
    for width in WIDTHS:
        chosen = [one for one in fields if one[1][0].width == width]
        print(f"\n{width} columns wide")
        table(compare(study, chosen, prepared, rng=REPORTING + width, blend=False))


def speed(study: Study) -> None:
    fields = [one for one in abrupt_fields(study.n_fields // 2, rng=REPORTING) if len(one[0]) == 6]
    atlas, walls = words_atlas(study), tiles_for(study, fields)
    prepared = PreparedWalls(atlas, SCOPE, thickness_A=study.thickness_A[-1], walls=walls)
    made = [LateralField.make(word, jumps) for word, jumps in fields]
    settings = {"shape": (150, 200), "pixel_size_A": 0.2, "position_A": (28.0, 0.0)}
    print("| field of 30 x 40 Å, four detectors, 0.2 Å/px | ms |\n|---|---|")
    for count in (1, len(made)):
        prepared.render(made[:count], **settings)
        times = []
        for _ in range(9):
            started = time.perf_counter()
            prepared.render(made[:count], **settings)
            times.append(time.perf_counter() - started)
        print(f"| each of {count} | {1e3 * np.median(times) / count:.1f} |")


def main() -> None:
    """Run one comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("abrupt", "continuous", "speed"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fields", type=int, default=N_FIELDS, help="the first so many of them")
    parser.add_argument("--thickness-A", type=float, nargs="+", default=THICKNESS_A)
    given = parser.parse_args()
    study = Study(tuple(given.thickness_A), given.fields, given.workers)
    {"abrupt": abrupt, "continuous": continuous, "speed": speed}[given.what](study)


if __name__ == "__main__":
    main()
