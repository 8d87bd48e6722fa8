"""One tile of an atlas, by multislice: a task that depends on its settings alone."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import TileCell, displacements_A, tile_cell
from stackmotif.imaging.atlas.model import row_offsets_A
from stackmotif.imaging.atlas.recipe import FORMAT, REFERENCE, AtlasRecipe, Neighbour
from stackmotif.imaging.atlas.rings import ring_signals

COMPUTE: Final = "stackmotif.imaging.atlas.tiles:compute"


def tile_settings(recipe: AtlasRecipe, neighbour: Neighbour, configuration: int) -> dict[str, Any]:
    """Return what the samples of one tile and configuration follow from, as plain values.

    The number of configurations is left out: a larger ensemble keeps what a smaller one has. So
    are the other neighbours.
    """
    settings = recipe.settings()
    for name in ("phonons", "guests", "n_shifts", "couplings"):
        del settings[name]
    return {
        "format": FORMAT,
        **settings,
        "neighbour": _plain(neighbour),
        "configuration": configuration,
    }


def compute(settings: Mapping[str, Any], *, device: str = "auto") -> dict[str, NDArray[np.float32]]:
    """Return the samples of one tile and configuration, shape (exit, channel, row, column)."""
    recipe, neighbour, configuration = _unpacked(settings)
    cell = tile_cell(recipe, neighbour)
    moved = None if configuration < 0 else displacements_A(cell, recipe, configuration)
    signals = ring_signals(
        recipe,
        cell.specimen,
        probe_positions_A(recipe, cell),
        configuration=configuration,
        moved_A=moved,
        device=device,
    )
    shape = (*signals.shape[:2], recipe.n_rows, recipe.n_columns)
    return {"samples": signals.reshape(shape).astype(np.float32)}


def probe_positions_A(recipe: AtlasRecipe, cell: TileCell) -> NDArray[np.float64]:
    """Return the probes (x, y) of a tile [Å], row by row."""
    pitch = cell.specimen.grid.extent_A[0] / recipe.pitches
    x = cell.origin_A[0] + pitch * np.arange(recipe.n_columns) / recipe.n_columns
    y = cell.origin_A[1] + row_offsets_A(recipe)
    rows, columns = np.meshgrid(y, x, indexing="ij")
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def _plain(neighbour: Neighbour) -> list[Any]:
    """Return a neighbour as plain values; usual gaps around it are left out, so that keys last."""
    around = [neighbour.below, neighbour.beyond, neighbour.uppermost]
    usual = [REFERENCE.below, REFERENCE.beyond, REFERENCE.uppermost]
    own = [neighbour.tilt, neighbour.simulated.guest, str(neighbour.shift)]
    return own + (around if around != usual else [])


def _unpacked(settings: Mapping[str, Any]) -> tuple[AtlasRecipe, Neighbour, int]:
    values = dict(settings)
    tilt, guest, shift, *other = values.pop("neighbour")
    configuration = int(values.pop("configuration"))
    del values["format"]
    return (
        AtlasRecipe.from_settings(values),
        Neighbour(int(tilt), str(guest), Fraction(shift), *map(str, other)),
        configuration,
    )
