"""Wall tiles by multislice, as tasks of less than a minute, and put together."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import n_periods
from stackmotif.imaging.atlas.recipe import MOMENTS
from stackmotif.imaging.atlas.walls.multislice import LateralScene
from stackmotif.imaging.atlas.walls.recipe import (
    JUMPING,
    WallRecipe,
    WallTile,
    tile_from,
    tile_settings,
)
from stackmotif.imaging.grids import fast_gpts
from stackmotif.imaging.library.tasks import Progress, Task, load_part, run_tasks
from stackmotif.structures.lateral.rows import Jump
from stackmotif.structures.lattices.lattice import get_lattice

COMPUTE: Final = "stackmotif.imaging.atlas.walls.building:compute"
_SECONDS_PER_POINT: Final = 7e-9
"""Cost of one probe, slice and grid point on one core [s], measured (order of magnitude)."""
_LONGEST_S: Final = 45.0


@dataclass(frozen=True)
class WallAtlas:
    """Images of patches around abrupt walls.

    Parameters
    ----------
    samples : ndarray of float32, shape (jump, tilt, guest, shift, exit, channel, row, column)
        Signals around the middle of the opened cut, NaN where a tile was not built. Rows go
        downwards and are centred on the metals of the slab that jumps.
    recipe : WallRecipe
        How they were made.
    """

    samples: NDArray[np.float32]
    recipe: WallRecipe

    def has(self, tile: WallTile) -> bool:
        """Return whether a tile was built."""
        return not np.isnan(self.samples[self.recipe.index(tile)]).any()


def wall_tasks(
    recipe: WallRecipe, *, tiles: Iterable[WallTile] | None = None, device: str = "auto"
) -> list[Task]:
    """Return the tasks of some wall tiles, all of the recipe by default.

    A task is a few rows of probes of one tile and configuration.
    """
    wanted = recipe.tiles if tiles is None else tuple(tiles)
    chunks = _chunks(recipe)
    return [
        Task(
            COMPUTE,
            {
                **recipe.settings(),
                "tile": tile_settings(tile),
                "configuration": configuration,
                "rows": [start, stop],
            },
            _estimate_s(recipe, stop - start),
            {"device": device},
        )
        for configuration in recipe.atlas.configurations
        for tile in wanted
        for start, stop in chunks
    ]


def compute(settings: Mapping[str, Any], *, device: str = "auto") -> dict[str, NDArray[np.float32]]:
    """Return some rows of one tile and configuration, shape (exit, channel, row, column)."""
    recipe = WallRecipe.from_settings(settings)
    tile = tile_from(settings["tile"])
    start, stop = settings["rows"]
    column = (recipe.columns - 1) // 2
    scene = LateralScene.make(
        recipe.beam,
        tile.word,
        jumps=[Jump(JUMPING, column, tile.jump_thirds)],
        columns=recipe.columns,
    )
    centre = (scene.metal_A(JUMPING, column) + scene.metal_A(JUMPING, column + 1)) / 2
    y = recipe.step_A * (np.arange(start, stop) - recipe.n_rows // 2)
    x = recipe.step_A * (np.arange(recipe.n_columns) - recipe.n_columns // 2)
    rows, columns = np.meshgrid(y, x, indexing="ij")
    places = centre + np.stack([columns.ravel(), rows.ravel()], axis=1)
    found = scene.signals(places, configurations=(settings["configuration"],), device=device)
    shape = (*found.shape[:2], stop - start, recipe.n_columns)
    return {"samples": found.reshape(shape).astype(np.float32)}


def build_walls(
    recipe: WallRecipe,
    folder: str | Path,
    *,
    tiles: Iterable[WallTile] | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop_when: Callable[[], bool] | None = None,
) -> WallAtlas:
    """Simulate what is missing of some wall tiles in a folder of parts, and put them together.

    Parameters
    ----------
    recipe : WallRecipe
        What to build.
    folder : str or Path
        Where the parts are kept; a rerun goes on where an earlier one stopped.
    tiles : iterable of WallTile, optional
        Tiles of the recipe that are wanted, such as those that
        :func:`~stackmotif.imaging.atlas.walls.views.needed_tiles` names; all by default.
    workers, scheduler, progress, stop_when
        See :func:`stackmotif.imaging.library.tasks.run_tasks`.
    device : str
        ``cpu``, ``cuda``, ``mps`` or ``auto``.

    Raises
    ------
    SimulationError
        If a task fails, or was left out by ``stop_when``.
    """
    wanted = recipe.tiles if tiles is None else tuple(tiles)
    run_tasks(
        wall_tasks(recipe, tiles=wanted, device=device),
        folder,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
        stop_when=stop_when,
    )
    return assemble_walls(recipe, folder, tiles=wanted)


def assemble_walls(
    recipe: WallRecipe, folder: str | Path, *, tiles: Iterable[WallTile] | None = None
) -> WallAtlas:
    """Return the wall tiles whose tasks are all done.

    Raises
    ------
    SimulationError
        If a part is missing or damaged.
    """
    shape = (len(recipe.jumps), 2, len(recipe.guests), 3, *_tile_shape(recipe))
    samples = np.full(shape, np.nan, dtype=np.float32)
    n = len(recipe.atlas.configurations)
    for tile in recipe.tiles if tiles is None else tiles:
        parts = [
            load_part(task, folder).arrays["samples"] for task in wall_tasks(recipe, tiles=[tile])
        ]
        each = [np.concatenate(one, axis=2) for one in _grouped(parts, n)]
        samples[recipe.index(tile)] = np.mean(each, axis=0, dtype=np.float64)
    return WallAtlas(samples, recipe)


def _grouped(parts: list[Any], n: int) -> list[list[Any]]:
    size = len(parts) // n
    return [parts[k * size : (k + 1) * size] for k in range(n)]


def _tile_shape(recipe: WallRecipe) -> tuple[int, int, int, int]:
    channels = len(recipe.atlas.bin_edges_mrad) - 1 + len(MOMENTS)
    return len(recipe.atlas.thickness_A), channels, recipe.n_rows, recipe.n_columns


def _chunks(recipe: WallRecipe) -> list[tuple[int, int]]:
    """Return the rows (start, stop) of each task of a tile."""
    # Equal keys wherever they run: the cost is estimated, not measured.
    each = max(1, int(_LONGEST_S / _estimate_s(recipe, 1)))
    count = math.ceil(recipe.n_rows / each)
    edges = [round(recipe.n_rows * k / count) for k in range(count + 1)]
    return list(itertools.pairwise(edges))


def _estimate_s(recipe: WallRecipe, n_rows: int) -> float:
    lattice = get_lattice(recipe.atlas.lattice)
    edges = (
        (recipe.columns + 1) * lattice.column_pitch_A,
        len(recipe.tiles[0].word) * lattice.row_spacing_A("3"),
    )
    points = math.prod(fast_gpts(edges, recipe.atlas.sampling_A))
    slices = 2 * n_periods(recipe.atlas, recipe.atlas.thickness_A[-1])
    runs = 1 if recipe.atlas.phonons else 2 * math.prod(recipe.k_points)
    return n_rows * recipe.n_columns * runs * slices * points * _SECONDS_PER_POINT
