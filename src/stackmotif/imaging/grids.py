"""Choices that follow from the crystal and the microscope: repeats, slices, grid."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.microscope import Microscope
from stackmotif.structures.orientation import OrientedCell

MIN_CELL_A: Final = 20.0
"""Smallest lateral edge of the simulated cell [Å]; 5 % less is accepted."""
COARSEST_SAMPLING_A: Final = 0.08
"""Coarsest wave grid [Å], whatever the detectors ask for."""
_SLICE_A: Final = 1.5
_BAND: Final = 2.0 / 3.0
_COUNTS: Final = 24


@dataclass(frozen=True)
class Grid:
    """The supercell, its wave grid and its slices.

    Parameters
    ----------
    repeats : tuple of int
        Copies of the orthogonal cell along (x, y, z).
    gpts : tuple of int
        Grid points along (x, y).
    extent_A : tuple of float
        Lateral edges (x, y) [Å].
    slices_per_period : int
        Slices in one period along the beam.
    period_A : float
        Period along the beam [Å].
    """

    repeats: tuple[int, int, int]
    gpts: tuple[int, int]
    extent_A: tuple[float, float]
    slices_per_period: int
    period_A: float

    @property
    def sampling_A(self) -> tuple[float, float]:
        """Grid steps (x, y) [Å]."""
        return self.extent_A[0] / self.gpts[0], self.extent_A[1] / self.gpts[1]

    @property
    def slice_A(self) -> float:
        """Slice thickness [Å]."""
        return self.period_A / self.slices_per_period

    @property
    def n_slices(self) -> int:
        """Number of slices of the whole thickness."""
        return self.repeats[2] * self.slices_per_period

    @property
    def thickness_A(self) -> float:
        """Thickness of whole periods [Å]."""
        return self.repeats[2] * self.period_A


def band_limit_mrad(sampling_A: float, wavelength_A: float) -> float:
    """Return the largest angle that a wave grid carries without aliasing, (2/3) λ / 2s [mrad]."""
    return 1e3 * _BAND * wavelength_A / (2 * sampling_A)


def sampling_for(microscope: Microscope) -> float:
    """Return the coarsest wave grid that carries every detector [Å], at most 0.08 Å."""
    finest = 1e3 * _BAND * microscope.wavelength_A / (2.02 * microscope.outer_mrad)
    return min(finest, COARSEST_SAMPLING_A)


def check_band(grid: Grid, microscope: Microscope) -> None:
    """Refuse detectors that reach beyond the band limit of the grid.

    Raises
    ------
    SimulationError
        With the angle, the limit and the sampling that would carry it.
    """
    limit = band_limit_mrad(max(grid.sampling_A), microscope.wavelength_A)
    for detector in microscope.detectors:
        if detector.reach_mrad > limit:
            raise SimulationError(
                f"detector {detector.name!r} reaches {detector.reach_mrad:g} mrad, beyond the band "
                f"limit of {limit:.1f} mrad of a {max(grid.sampling_A):.4f} Å grid; expected a "
                f"sampling of {sampling_for(microscope):.4f} Å or finer: leave sampling_A out"
            )


def choose_grid(
    cell: OrientedCell,
    translations_A: NDArray[np.float64],
    microscope: Microscope,
    *,
    thickness_A: float,
    sampling_A: float | None = None,
    least_A: float = 0.95 * MIN_CELL_A,
) -> Grid:
    """Choose repeats, slices and a commensurate 7-smooth grid for a crystal.

    Parameters
    ----------
    cell : OrientedCell
        One orthogonal cell.
    translations_A : ndarray, shape (n, 3)
        Its symmetry translations [Å]: equivalent columns then fall on equivalent grid points.
    microscope : Microscope
        Its widest detector decides the sampling.
    thickness_A : float
        Thickness asked for [Å], rounded to whole periods.
    sampling_A : float, optional
        Coarsest grid step [Å] in place of the automatic one.
    least_A : float
        Smallest lateral edge of the supercell [Å].

    Raises
    ------
    SimulationError
        If the thickness or the sampling is not positive, or a detector lies beyond the band limit.
    """
    if not (math.isfinite(thickness_A) and 0 < thickness_A <= 5000):
        raise SimulationError(
            f"thickness is {thickness_A} Å; expected a number from one period to 5000 Å"
        )
    step = sampling_for(microscope) if sampling_A is None else sampling_A
    if not (math.isfinite(step) and 0.005 <= step <= 1.0):
        raise SimulationError(f"wave sampling is {step} Å; expected a number from 0.005 to 1 Å")
    edges = cell.extent_A
    repeats = tuple(max(1, math.ceil(least_A / edge - 1e-9)) for edge in edges[:2])
    counts = [_commensurate(translations_A, cell, axis) * repeats[axis] for axis in (0, 1)]
    extent = (float(edges[0]) * repeats[0], float(edges[1]) * repeats[1])
    grid = Grid(
        repeats=(repeats[0], repeats[1], max(1, round(thickness_A / edges[2]))),
        gpts=(_smooth(extent[0] / step, counts[0]), _smooth(extent[1] / step, counts[1])),
        extent_A=extent,
        slices_per_period=max(1, round(edges[2] / _SLICE_A)),
        period_A=float(edges[2]),
    )
    check_band(grid, microscope)
    return grid


def _commensurate(translations_A: NDArray[np.float64], cell: OrientedCell, axis: int) -> int:
    """Return the number of equal parts of an edge that hold every translation (and column)."""
    edge = cell.extent_A[axis]
    parts = np.mod(translations_A[:, axis] / edge, 1.0)
    if axis == 0:
        columns = cell.positions_A[:, 0] / edge
        parts = np.concatenate([parts, columns - columns[0]])
    for candidates in (parts, parts[: len(translations_A)]):
        for count in range(1, _COUNTS + 1):
            scaled = candidates * count
            if _is_smooth(count) and np.abs(scaled - np.round(scaled)).max() < 1e-3 * count:
                return count
    return 1


def _smooth(least: float, multiple_of: int) -> int:
    """Return the smallest 7-smooth even number that is a multiple and not below ``least``."""
    base = multiple_of if _is_smooth(multiple_of) else 1
    base *= 1 + base % 2
    count = base * math.ceil(least / base - 1e-9)
    while not _is_smooth(count):
        count += base
    return count


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
