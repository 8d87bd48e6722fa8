"""The simulated supercell: atoms, slices and thermal displacements."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.grids import Grid
from stackmotif.structures.orientation import OrientedCell, repeat

SIGMA_A: Final = {"Ni": 0.065, "Li": 0.10, "O": 0.08}
"""Thermal displacement per axis [Å] near room temperature. Guesses (unverified), not refined
values: replace them by sqrt(B / 8 pi^2) of a refinement of your own crystal."""


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


def thermal_sigma_A(symbol: str, table: Mapping[str, float] | None = None) -> float:
    """Return the thermal displacement per axis of an element [Å].

    Elements that neither table lists follow ``0.065 (58.69 / M)^0.2``, which passes through the
    three values of :data:`SIGMA_A` (unverified).

    Examples
    --------
    >>> round(thermal_sigma_A("Co"), 3)
    0.065
    """
    from ase.data import atomic_masses, atomic_numbers

    for known in (table or {}, SIGMA_A):
        if symbol in known:
            return float(known[symbol])
    return float(0.065 * (58.69 / atomic_masses[atomic_numbers[symbol]]) ** 0.2)


def displacements_A(
    specimen: Specimen,
    *,
    seed: int,
    configuration: int,
    sigma_A: Mapping[str, float] | None = None,
) -> NDArray[np.float64]:
    """Draw the thermal displacements of one frozen-phonon configuration (Einstein model).

    The draw depends on the seed and on the number of the configuration alone: neither on batches,
    threads, engine or potential, nor on the configurations drawn before.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Displacements [Å], independent and Gaussian on each axis.
    """
    atoms = specimen.atoms
    kinds, labels = np.unique(atoms.symbols, return_inverse=True)
    sigmas = np.array([thermal_sigma_A(str(kind), sigma_A) for kind in kinds])[labels]
    rng = np.random.default_rng(np.random.SeedSequence([seed, configuration]))
    return rng.standard_normal((len(atoms), 3)) * sigmas[:, None]
