"""What the channels of an atlas see of a crystal: the rings, and the moments, by multislice."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.ensemble import turn

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.recipe import AtlasRecipe
    from stackmotif.imaging.grids import Grid
    from stackmotif.imaging.specimen import Specimen


def ring_signals(
    recipe: "AtlasRecipe",
    specimen: "Specimen",
    places_A: NDArray[np.float64],
    *,
    configuration: int,
    moved_A: NDArray[np.float64] | None = None,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Return the signals (exit, channel, place) of one configuration.

    Parameters
    ----------
    recipe : AtlasRecipe
        Beam, thicknesses, rings and sets of wave vectors.
    specimen : Specimen
        Atoms on a grid with two slices per period.
    places_A : ndarray, shape (n, 2)
        Places of the probe (x, y) in the cell [Å].
    configuration : int
        Number of the frozen-phonon configuration, which sees one termination of the foil and one
        set of wave vectors; -1 is the static lattice, the mean over both and all.
    moved_A : ndarray, shape (n, 3), optional
        Displacements of the configuration [Å].
    device : str
        Where it runs.
    """
    from stackmotif.imaging.engines.devices import choose_device
    from stackmotif.imaging.engines.torch_multislice import detect
    from stackmotif.imaging.transmission import exact_transmission

    static = configuration < 0
    grid = replace(specimen.grid, k_points=recipe.k_points)
    sets = grid.k_sets if static else (grid.k_sets[turn(configuration, len(grid.k_sets))],)
    starts = (0, 1) if static else (turn(configuration, 2),)
    where = choose_device(device)
    slices = exact_transmission(specimen, moved_A, microscope=recipe.microscope, device=where)
    parts = []
    for one in sets:
        weights = weights_of(recipe, one)
        # Half a period deeper begins the other termination.
        for start in starts:
            parts.append(
                detect(
                    np.roll(slices, -grid.slices_per_period // 2, axis=0) if start else slices,
                    places_A,
                    grid=one,
                    microscope=recipe.microscope,
                    exit_slices=exit_slices(recipe, grid),
                    weights=weights,
                    edges="area",
                    device=where,
                )
            )
    return np.asarray(np.mean(parts, axis=0))


def exit_slices(recipe: "AtlasRecipe", grid: "Grid") -> list[int]:
    """Return after how many slices the waves leave at each thickness."""
    from stackmotif.imaging.atlas.cell import n_periods

    return [grid.slices_per_period * n_periods(recipe, one) for one in recipe.thickness_A]


def weights_of(recipe: "AtlasRecipe", grid: "Grid") -> NDArray[np.float32]:
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
