"""Tiles put together to an atlas; every tile and configuration is a task of its own."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import gap_height_A, n_periods, tile_grid
from stackmotif.imaging.atlas.model import Atlas
from stackmotif.imaging.atlas.recipe import AtlasRecipe
from stackmotif.imaging.atlas.tiles import COMPUTE, tile_settings
from stackmotif.imaging.engines.optics import aperture
from stackmotif.imaging.ensemble import turn
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.library.tasks import Progress, Task, load_part, run_tasks
from stackmotif.provenance import versions
from stackmotif.structures.lattices.lattice import get_lattice

_SECONDS_PER_POINT: Final = 7e-9
"""Cost of one probe, slice and grid point on one core [s], measured (order of magnitude)."""
_LEAST_PAIRS: Final = 2


def atlas_tasks(recipe: AtlasRecipe, *, device: str = "auto") -> list[Task]:
    """Return the tasks of an atlas, one configuration of every tile after the other.

    ``device`` is where they run, and no part of their keys. Fewer configurations of the same
    recipe are the first ones of more, so that an atlas can be refined later from where it is.
    """
    estimate = _task_estimate_s(recipe)
    return [
        Task(COMPUTE, tile_settings(recipe, neighbour, configuration), estimate, {"device": device})
        for configuration in recipe.configurations
        for neighbour in recipe.tiles
    ]


def estimate_s(recipe: AtlasRecipe) -> float:
    """Return the expected time of all tasks on one core [s], right within a factor of about two."""
    return sum(task.estimate_s for task in {one.key: one for one in atlas_tasks(recipe)}.values())


def build_atlas(
    recipe: AtlasRecipe,
    folder: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop_when: Callable[[], bool] | None = None,
) -> Atlas:
    """Simulate what is missing of an atlas in a folder of parts, and put it together.

    Parameters
    ----------
    recipe : AtlasRecipe
        What to build.
    folder : str or Path
        Where the parts are kept; a rerun goes on where an earlier one stopped.
    workers, scheduler, progress, stop_when
        See :func:`stackmotif.imaging.library.tasks.run_tasks`.
    device : str
        ``cpu``, ``cuda``, ``mps`` or ``auto``.

    Raises
    ------
    SimulationError
        If a task fails, or was left out by ``stop_when``.
    """
    run_tasks(
        atlas_tasks(recipe, device=device),
        folder,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
        stop_when=stop_when,
    )
    return assemble_atlas(recipe, folder)


def assemble_atlas(recipe: AtlasRecipe, folder: str | Path) -> Atlas:
    """Return the atlas of a recipe whose tasks are all done.

    Raises
    ------
    SimulationError
        If a part is missing or damaged.
    """
    lattice, neighbours = get_lattice(recipe.lattice), recipe.neighbours
    each = np.stack(
        [load_part(task, folder).arrays["samples"] for task in atlas_tasks(recipe)]
    ).astype(np.float64)
    each = each.reshape(len(recipe.configurations), len(recipe.tiles), *each.shape[1:])
    axes = (2, len(recipe.guests), recipe.n_shifts)
    periods = [n_periods(recipe, one) for one in recipe.thickness_A]
    grid = tile_grid(recipe, lattice, periods[-1])
    n_sets = len(grid.k_sets)
    mean = _mean_over_groups(each, n_sets=n_sets)
    noise = _standard_error(each / _levels(recipe, grid), n_sets=n_sets)
    usual, filled = np.split(mean.astype(np.float32), [len(neighbours)])
    return Atlas(
        samples=usual.reshape(*axes, *usual.shape[1:]),
        couplings=filled,
        noise=noise.astype(np.float32),
        recipe=recipe,
        thickness_A=np.asarray(periods) * lattice.a_A,
        pitch_A=lattice.column_pitch_A,
        slab_height_A=lattice.slab_height_A,
        gap_heights_A=np.array([gap_height_A(lattice, one) for one in neighbours]).reshape(axes),
        provenance={
            "versions": versions(),
            "engine": "torch",
            "configurations": recipe.phonons,
            "gpts": list(grid.gpts),
            "extent_A": list(grid.extent_A),
        },
    )


def _groups(n: int, n_sets: int) -> NDArray[np.int64]:
    """Return the group of each configuration: those of one surface and one set are alike."""
    return np.arange(n) // 2 % math.lcm(2, n_sets)


def _mean_over_groups(each: NDArray[np.float64], *, n_sets: int) -> NDArray[np.float64]:
    """Return the mean over configurations, first over those of a group.

    An ensemble that is no multiple of all groups then favours none of them.
    """
    groups = _groups(len(each), n_sets)
    return np.mean([each[groups == one].mean(axis=0) for one in np.unique(groups)], axis=0)


def _levels(recipe: AtlasRecipe, grid: Grid) -> NDArray[np.float64]:
    """Return the intensity of the probe in each configuration, to be broadcast over its samples.

    It is 1 in the mean over the sets of wave vectors; what they differ by is no noise.
    """
    if not recipe.phonons:
        return np.ones((1, 1, 1, 1, 1, 1))
    sums = [
        (np.abs(aperture(one, recipe.microscope, edges="area")) ** 2).sum() for one in grid.k_sets
    ]
    levels = np.array([sums[turn(number, len(sums))] for number in range(recipe.phonons)])
    return levels.reshape(-1, 1, 1, 1, 1, 1)


def _standard_error(each: NDArray[np.float64], *, n_sets: int) -> NDArray[np.float64]:
    """Return the RMS standard error (exit, channel) of the mean over configurations.

    The spread is that of pairs, whose noise is opposite in part, within groups of one surface and
    one set of wave vectors. Where groups have one pair each it is that of all pairs, a bound from
    above: what surfaces and sets differ by counts as noise.
    """
    n = len(each) // 2
    if n < _LEAST_PAIRS:
        return np.full(each.shape[2:4], np.nan if len(each) > 1 else 0.0)
    pairs = each[: 2 * n].reshape(n, 2, *each.shape[1:]).mean(axis=1)
    groups = _groups(2 * n, n_sets)[::2]
    parts = [pairs[groups == one] for one in np.unique(groups)]
    if min(len(part) for part in parts) < 2:
        parts = [pairs]
    variances = [part.var(axis=0, ddof=1) / len(part) for part in parts]
    return np.sqrt(np.mean(np.sum(variances, axis=0) / len(parts) ** 2, axis=(0, 3, 4)))


def _task_estimate_s(recipe: AtlasRecipe) -> float:
    lattice = get_lattice(recipe.lattice)
    grid = tile_grid(recipe, lattice, n_periods(recipe, recipe.thickness_A[-1]))
    runs = 1 if recipe.phonons else 2 * math.prod(recipe.k_points)
    probes = recipe.n_rows * recipe.n_columns * runs
    points = grid.gpts[0] * grid.gpts[1]
    return 2.0 + probes * grid.n_slices * points * _SECONDS_PER_POINT
