"""What the outermost rings lose to the band limit of the wave grid, and its correction.

Scattering beyond the band is cut off, and with it what would be scattered back inside: the outer
rings are too dark, nearly by the same factor all over the image. It is found by simulating a few
probes on a finer grid as well.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import n_periods, tile_grid
from stackmotif.imaging.atlas.recipe import REFERENCE, AtlasRecipe
from stackmotif.imaging.atlas.tiles import COMPUTE, tile_settings
from stackmotif.imaging.library.tasks import Task, load_part
from stackmotif.structures.lattices.lattice import get_lattice

FINER: Final = 1.25
"""How many times finer the grid is that is compared with."""
_TOUCHED: Final = 0.7
"""From where on rings are corrected, over the band limit; below, they change by less than 2 %."""
_CONFIGURATIONS: Final = 2
_BAND: Final = 2.0 / 3.0


def band_tasks(recipe: AtlasRecipe, *, device: str = "auto") -> list[Task]:
    """Return the tasks of the comparison: few probes, on the grid of the recipe, then finer."""
    few = replace(recipe, n_rows=9, n_columns=5, row_step_A=0.6)
    finer = replace(few, sampling_A=recipe.sampling_A / FINER)
    return [
        Task(COMPUTE, tile_settings(one, REFERENCE, number), 10.0, {"device": device})
        for one in (few, finer)
        for number in recipe.configurations[:_CONFIGURATIONS]
    ]


def band_factors(recipe: AtlasRecipe, folder: str | Path) -> NDArray[np.float64]:
    """Return the factor of every channel and exit plane, shape (exit, channel).

    It is 1 for rings far from the band limit and for the moments.

    Raises
    ------
    SimulationError
        If a task of the comparison is not done.
    """
    parts = [load_part(task, folder).arrays["samples"] for task in band_tasks(recipe)]
    coarse, fine = np.asarray(parts, dtype=np.float64).reshape(2, -1, *parts[0].shape).mean(axis=1)
    ratio = fine.mean(axis=(-2, -1)) / coarse.mean(axis=(-2, -1))
    return np.where(touched(recipe), ratio, 1.0)


def touched(recipe: AtlasRecipe) -> NDArray[np.bool_]:
    """Return which channels are rings near the band limit, shape (channel,)."""
    lattice = get_lattice(recipe.lattice)
    grid = tile_grid(recipe, lattice, n_periods(recipe, recipe.thickness_A[-1]))
    limit = 1e3 * _BAND * recipe.microscope.wavelength_A / (2 * max(grid.sampling_A))
    outer = np.asarray(recipe.bin_edges_mrad[1:])
    return np.concatenate([outer > _TOUCHED * limit, [False, False]])
