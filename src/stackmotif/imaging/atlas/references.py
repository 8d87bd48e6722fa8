"""Full multislice of whole words at scattered points: what an atlas is measured against.

The crystal comes from the structure builder and stands in a higher cell than the tiles do: nothing
but the wave equation is shared with the atlas.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import n_periods
from stackmotif.imaging.atlas.recipe import AtlasRecipe
from stackmotif.imaging.atlas.rings import ring_signals
from stackmotif.imaging.grids import Grid, fast_gpts
from stackmotif.imaging.library.tasks import Task
from stackmotif.stacking import Word
from stackmotif.structures.lattices.lattice import get_lattice

if TYPE_CHECKING:
    from stackmotif.structures.orientation import OrientedCell

COMPUTE: Final = "stackmotif.imaging.atlas.references:compute"
_SECONDS_PER_WAVE: Final = 1.5e-3
"""Cost of one probe and slice on one core [s], measured (order of magnitude)."""
_TEXTS: Final = ("+", "0", "-")


def random_words(
    n: int, *, rng: int, n_slabs: int = 6, guests: Sequence[str] = ("", "Li")
) -> list[Word]:
    """Return periodic words of mixed tilts, shifts and fillings whose shifts sum to whole pitches.

    One in four is O3 with a glided or flipped domain, one in four holds a chunk of O1, one in four
    alternates as H1-3 does; the rest is random.

    Parameters
    ----------
    n : int
        How many.
    rng : int
        Seed.
    n_slabs : int
        Slabs of each word, at least four.
    guests : sequence of str
        What gaps may hold; an empty text is an empty gap.
    """
    generator = np.random.default_rng(rng)
    makers = (_random, _domain, _chunk, _alternating)
    words: list[Word] = []
    while len(words) < n:
        tilts, shifts = makers[len(words) % len(makers)](generator, n_slabs)
        # The last gap closes the ring.
        shifts[-1] = (-int(shifts[:-1].sum()) + 1) % 3 - 1
        filled = generator.integers(len(guests), size=n_slabs)
        words.append(_word(tilts, shifts, [guests[k] for k in filled]))
    return words


def _random(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return rng.choice([1, -1], size=n), rng.integers(-1, 2, size=n)


def _domain(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tilts, shifts = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    length = int(rng.integers(1, n - 2))
    shifts[:length] = -1
    if rng.random() < 0.5:
        tilts[1 : length + 1] = -1
    return tilts, shifts


def _chunk(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tilts, shifts = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    shifts[: int(rng.integers(1, n - 1))] = 0
    return tilts, shifts


def _alternating(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tilts, shifts = np.ones(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    shifts[int(rng.integers(2)) :: 2] = 0
    return tilts, shifts


def _word(tilts: NDArray[np.int64], shifts: NDArray[np.int64], guests: list[str]) -> Word:
    slabs = [
        ("R" if tilt > 0 else "L") + _TEXTS[1 - shift] + (f"[{guest}]" if guest else "")
        for tilt, shift, guest in zip(tilts, shifts, guests, strict=True)
    ]
    return Word.parse(f"|{' '.join(slabs)}|")


def reference_task(
    recipe: AtlasRecipe,
    word: Word,
    *,
    points: int,
    rng: int,
    pitches: int = 6,
    configurations: Sequence[int] = (-1,),
    on_metals: bool = False,
    device: str = "auto",
) -> Task:
    """Return the task of one word's reference signals.

    Parameters
    ----------
    recipe : AtlasRecipe
        Beam, lattice, thicknesses, detectors and sampling to compare with.
    word : Word
        Periodic, its shifts summing to whole pitches.
    points : int
        Random places in one pitch of the whole stack.
    rng : int
        Seed of the places and of the displacements.
    pitches : int
        Width of the cell in columns, even; with the sets of wave vectors of the recipe it is wider.
    configurations : sequence of int
        Numbers of the frozen-phonon configurations that are averaged; (-1,) is the static lattice.
    on_metals : bool
        Whether the places are a metal column of every slab, from the bottom, instead.
    device : str
        Where it runs; no part of the key.
    """
    settings = recipe.settings()
    for name in ("phonons", "guests", "n_shifts", "pitches", "slabs", "rng", "couplings"):
        del settings[name]
    for name in ("row_step_A", "n_rows", "n_columns"):
        del settings[name]
    settings |= {
        "word": word.format(),
        "points": points,
        "rng": rng,
        "pitches": pitches,
        "configurations": [int(one) for one in configurations],
    }
    if on_metals:
        settings |= {"points": len(word), "on_metals": True}
    slices = 2 * n_periods(recipe, recipe.thickness_A[-1])
    static = tuple(configurations) == (-1,)
    runs = 2 * math.prod(recipe.k_points) if static else len(configurations)
    waves = settings["points"] * slices * runs
    return Task(COMPUTE, settings, waves * _SECONDS_PER_WAVE, {"device": device})


def compute(settings: Mapping[str, Any], *, device: str = "auto") -> dict[str, NDArray[np.float64]]:
    """Return places (x, y) from the metal of the lowest slab [Å] and signals there.

    Signals have the shape (exit, channel, place) and are the mean over both terminations.
    """
    from stackmotif.imaging.specimen import displacements_A, make_specimen
    from stackmotif.structures import build
    from stackmotif.structures.orientation import orient

    values = dict(settings)
    word, points, seed = values.pop("word"), values.pop("points"), values.pop("rng")
    pitches, configurations = values.pop("pitches"), values.pop("configurations")
    on_metals = values.pop("on_metals", False)
    recipe = AtlasRecipe.from_settings(values)
    cell = orient(build(Word.parse(word), lattice=recipe.lattice))
    specimen = make_specimen(cell, _grid(recipe, cell.extent_A, pitches))
    # The builder puts the metal of the lowest slab at the origin; y of the image is down.
    pitch, height = float(cell.extent_A[0]) / 2, float(cell.extent_A[1])
    if on_metals:
        places = _metals_A(cell, tuple(get_lattice(recipe.lattice).host), pitch)
    else:
        places = np.random.default_rng(seed).random((points, 2)) * (pitch, -height)
    columns = 2 * (np.arange(points) % (pitches // 2))
    total: Any = 0.0
    for number in configurations:
        moved = None
        if number >= 0:
            moved = displacements_A(
                specimen, seed=seed, configuration=number, sigma_A=recipe.sigma_A
            )
        # Phonons differ from column to column: the probes are spread over the cell.
        across = pitch * (0 if number < 0 else columns)
        total = total + ring_signals(
            recipe,
            specimen,
            np.stack([places[:, 0] + across, places[:, 1]], axis=1),
            configuration=number,
            moved_A=moved,
            device=device,
        )
    return {"places_A": places, "signals": total / len(configurations)}


def _metals_A(cell: "OrientedCell", host: tuple[str, ...], pitch_A: float) -> NDArray[np.float64]:
    """Return (x, y) of one metal column of every slab, from the bottom; y from 0 up to -height."""
    height = float(cell.extent_A[1])
    of_host = cell.positions_A[np.isin(cell.symbols, host), :2]
    x, y = np.mod(of_host[:, 0], pitch_A), -np.mod(-of_host[:, 1] + 1e-6, height) + 1e-6
    _, first = np.unique(np.round(-y, 3), return_index=True)
    return np.stack([x[first], y[first]], axis=1)


def _grid(recipe: AtlasRecipe, extent_A: NDArray[np.float64], pitches: int) -> Grid:
    extent = float(extent_A[0]) / 2 * pitches, float(extent_A[1])
    return Grid(
        repeats=(pitches // 2, 1, n_periods(recipe, recipe.thickness_A[-1])),
        gpts=fast_gpts(extent, recipe.sampling_A),
        extent_A=extent,
        slices_per_period=2,
        period_A=float(extent_A[2]),
    )
