"""The simulated supercell: atoms, slices and thermal displacements."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.ensemble import drawn
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.thermal import thermal_sigma_A
from stackmotif.structures.orientation import OrientedCell, repeat


@dataclass(frozen=True)
class Specimen:
    """A supercell cut into slices.

    Parameters
    ----------
    atoms : OrientedCell
        The supercell; z runs along the beam from the entrance surface.
    slice_of : ndarray of int, shape (n,)
        Slice that holds each atom, by its undisplaced position.
    grid : Grid
        The wave grid and slices.
    """

    atoms: OrientedCell
    slice_of: NDArray[np.int64]
    grid: Grid


def make_specimen(cell: OrientedCell, grid: Grid) -> Specimen:
    """Repeat a cell to the size of the grid, with atomic planes in the middle of slices."""
    step = grid.slice_A
    phase = np.angle(np.exp(2j * np.pi * cell.positions_A[:, 2] / step).sum())
    depth = cell.positions_A[:, 2] - phase * step / (2 * np.pi) + step / 2
    positions = cell.positions_A.copy()
    positions[:, 2] = np.mod(depth, grid.period_A)
    atoms = repeat(replace(cell, positions_A=positions), grid.repeats)
    slices = np.floor(atoms.positions_A[:, 2] / step).astype(np.int64)
    return Specimen(atoms=atoms, slice_of=np.clip(slices, 0, grid.n_slices - 1), grid=grid)


def displacements_A(
    specimen: Specimen,
    *,
    seed: int,
    configuration: int,
    sigma_A: Mapping[str, float] | None = None,
) -> NDArray[np.float64]:
    """Draw the thermal displacements of one frozen-phonon configuration (Einstein model).

    The draw depends on the seed and on the number of the configuration alone: neither on batches,
    threads, engine or potential, nor on the configurations drawn before. Configurations 2n and
    2n + 1 are opposite, see :mod:`stackmotif.imaging.ensemble`.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Displacements [Å], independent and Gaussian on each axis.
    """
    atoms = specimen.atoms
    kinds, labels = np.unique(atoms.symbols, return_inverse=True)
    sigmas = np.array([thermal_sigma_A(str(kind), sigma_A) for kind in kinds])[labels]
    return drawn(seed, configuration, (len(atoms), 3)) * sigmas[:, None]
