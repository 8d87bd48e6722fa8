"""Print how long images from an atlas take: 12 slabs, 4 nm wide, four detectors, 0.2 Å/px.

The time does not depend on what is in the tiles: until an atlas is there, noise is stitched.

Run: python benchmarks/stitch.py [--threads 2]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from stackmotif.errors import SimulationError
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import Atlas, AtlasRecipe, default_atlas
from stackmotif.imaging.atlas.cell import gap_height_A, n_periods
from stackmotif.imaging.atlas.rows import flat_stacks, render_rows
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.stacking import Word
from stackmotif.structures import get_lattice

PIXEL_A, WIDTH_A, N_SLABS = 0.2, 40.0, 12
BATCHES = (1, 8, 64)


def noise_atlas(n_shifts: int = 3) -> Atlas:
    """Return an atlas of the default shape that holds noise."""
    recipe = AtlasRecipe(
        Microscope.preset("stem-300kV"), n_shifts=n_shifts, thickness_A=(40.0,), couplings=False
    )
    lattice = get_lattice(recipe.lattice)
    rings = len(recipe.bin_edges_mrad) + 1
    shape = (2, len(recipe.guests), n_shifts, 1, rings, recipe.n_rows, recipe.n_columns)
    heights = [gap_height_A(lattice, one) for one in recipe.neighbours]
    return Atlas(
        samples=np.random.default_rng(0).normal(size=shape).astype(np.float32),
        noise=np.zeros(shape[3:5], dtype=np.float32),
        recipe=recipe,
        thickness_A=np.array([n_periods(recipe, 40.0) * lattice.a_A]),
        pitch_A=lattice.column_pitch_A,
        slab_height_A=lattice.slab_height_A,
        gap_heights_A=np.array(heights).reshape(shape[:3]),
    )


def random_words(n: int) -> list[Word]:
    """Return random words of twelve slabs, gaps of kind p left empty."""
    rng = np.random.default_rng(0)
    words = []
    for _ in range(n):
        slabs = [f"{rng.choice(['R', 'L'])}{rng.choice(['+', '0', '-'])}" for _ in range(N_SLABS)]
        words.append(Word.parse(f"|{' '.join(slabs)}|"))
    return words


def shortest_ms(action: Callable[[], object], *, repeats: int) -> tuple[float, float]:
    """Return the shortest and the median time of an action [ms]."""
    action()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(1e3 * (time.perf_counter() - start))
    return min(taken), float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        atlas, what = default_atlas(), "default atlas"
    except SimulationError:
        atlas, what = noise_atlas(), "noise in place of tiles"
    thickness = float(atlas.thickness_A[0])

    def prepare() -> PreparedAtlas:
        return PreparedAtlas(atlas, "stem-300kV", thickness_A=thickness, device=options.device)

    prepared = prepare()
    words = random_words(max(BATCHES))
    height = N_SLABS * (atlas.slab_height_A + float(atlas.gap_heights_A.max()))
    field = (height, WIDTH_A)
    print(f"{what}; {options.threads} threads, {options.device}; shortest (median) of many runs\n")
    print("| what | ms | images/s |")
    print("|---|---|---|")
    quick, usual = shortest_ms(prepare, repeats=5)
    print(f"| prepare four detectors at one thickness | {quick:.0f} ({usual:.0f}) | |")
    for batch in BATCHES:
        some = words[:batch]
        quick, usual = shortest_ms(
            lambda some=some: prepared.image(some, pixel_size_A=PIXEL_A, field_A=field),
            repeats=max(5, 100 // batch),
        )
        print(f"| {batch} images | {quick:.2f} ({usual:.2f}) | {1e3 * batch / quick:.0f} |")
    stacks = prepared.stacks(words[0])
    shape = (int(height / PIXEL_A), int(WIDTH_A / PIXEL_A))

    def descent() -> None:
        shifts = torch.tensor(stacks.shifts, requires_grad=True)
        moved = stacks.with_shifts(shifts)
        prepared.render(moved, shape=shape, pixel_size_A=PIXEL_A).square().sum().backward()

    quick, usual = shortest_ms(descent, repeats=20)
    print(f"| an image and its gradient in twelve shifts | {quick:.1f} ({usual:.1f}) | |")
    fine = PreparedAtlas(noise_atlas(12), "stem-300kV", thickness_A=40.0, device=options.device)
    rows = flat_stacks(fine.stacks(words[0]), fine.tiles.usual_gap_A)
    places = np.tile([10.0, 25.0], (N_SLABS, 1))
    bent = np.tile([0.0, 1 / 3], (N_SLABS, 1)) * (np.arange(N_SLABS) == 5)[:, None]

    def wall() -> None:
        with torch.no_grad():
            render_rows(
                fine, rows, knots_A=places, displacements=bent, shape=shape, pixel_size_A=PIXEL_A
            )

    quick, usual = shortest_ms(wall, repeats=20)
    print(f"| a continuous wall, twelve shifts in the atlas | {quick:.1f} ({usual:.1f}) | |")


if __name__ == "__main__":
    main()
