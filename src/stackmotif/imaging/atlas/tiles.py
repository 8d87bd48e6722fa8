"""One tile of an atlas, by multislice: a task that depends on its settings alone."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import TileCell, displacements_A, n_periods, tile_cell
from stackmotif.imaging.atlas.model import row_offsets_A
from stackmotif.imaging.atlas.recipe import FORMAT, AtlasRecipe, Neighbour
from stackmotif.imaging.grids import Grid

COMPUTE: Final = "stackmotif.imaging.atlas.tiles:compute"


def tile_settings(recipe: AtlasRecipe, neighbour: Neighbour, configuration: int) -> dict[str, Any]:
    """Return what the samples of one tile and configuration follow from, as plain values.

    The number of configurations is left out: a larger ensemble keeps what a smaller one has. So
    are the other neighbours.
    """
    settings = recipe.settings()
    for name in ("phonons", "guests", "n_shifts"):
        del settings[name]
    return {
        "format": FORMAT,
        **settings,
        "neighbour": [neighbour.tilt, neighbour.simulated.guest, str(neighbour.shift)],
        "configuration": configuration,
    }


def compute(settings: Mapping[str, Any], *, device: str = "auto") -> dict[str, NDArray[np.float32]]:
    """Return the samples of one tile and configuration, shape (exit, channel, row, column).

    A configuration sees one termination of the foil, even ones the first and odd ones the second;
    the static lattice (configuration -1) is the mean of both.
    """
    from stackmotif.imaging.engines.torch_multislice import detect
    from stackmotif.imaging.potential import exact_slices

    recipe, neighbour, configuration = _unpacked(settings)
    cell = tile_cell(recipe, neighbour)
    moved = None if configuration < 0 else displacements_A(cell, recipe, configuration)
    grid = cell.specimen.grid
    starts = (0, 1) if configuration < 0 else (configuration % 2,)
    positions = np.concatenate([probe_positions_A(recipe, cell, start) for start in starts])
    signals = detect(
        exact_slices(cell.specimen, moved)[: None if moved is not None else grid.slices_per_period],
        positions,
        grid=grid,
        microscope=recipe.microscope,
        exit_slices=[2 * n_periods(recipe, one) for one in recipe.thickness_A],
        weights=weights_of(recipe, grid),
        edges="area",
        device=device,
    )
    shape = (*signals.shape[:2], len(starts), recipe.n_rows, recipe.n_columns)
    return {"samples": signals.reshape(shape).mean(axis=2).astype(np.float32)}


def probe_positions_A(recipe: AtlasRecipe, cell: TileCell, start: int) -> NDArray[np.float64]:
    """Return the probes (x, y) of a tile [Å], row by row, from the column ``start`` pitches on."""
    pitch = cell.specimen.grid.extent_A[0] / recipe.pitches
    x = cell.origin_A[0] + pitch * (start + np.arange(recipe.n_columns) / recipe.n_columns)
    y = cell.origin_A[1] + row_offsets_A(recipe)
    rows, columns = np.meshgrid(y, x, indexing="ij")
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def weights_of(recipe: AtlasRecipe, grid: Grid) -> NDArray[np.float32]:
    """Return the weight of every wave vector in each channel, shape (channel, kx, ky)."""
    from stackmotif.imaging.engines.detection import bins, centre_of_mass

    scope = recipe.microscope
    rings = bins(
        grid,
        scope.wavelength_A,
        recipe.bin_edges_mrad,
        semiangle_mrad=scope.semiangle_mrad,
        edges="area",
    )
    moments = centre_of_mass(grid, scope.wavelength_A)
    return np.concatenate([rings, moments]).astype(np.float32)


def _unpacked(settings: Mapping[str, Any]) -> tuple[AtlasRecipe, Neighbour, int]:
    values = dict(settings)
    tilt, guest, shift = values.pop("neighbour")
    configuration = int(values.pop("configuration"))
    del values["format"]
    return (
        AtlasRecipe.from_settings(values),
        Neighbour(int(tilt), str(guest), Fraction(shift)),
        configuration,
    )
