"""Choices that follow from the crystal and the microscope: repeats, slices, grid."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.microscope import Microscope
from stackmotif.structures.orientation import OrientedCell

MIN_CELL_A: Final = 20.0
"""Smallest lateral edge of the simulated cell [Å]; 5 % less is accepted."""
COARSEST_SAMPLING_A: Final = 0.06
"""Coarsest wave grid [Å], whatever the detectors ask for."""
BELOW_BAND: Final = 0.8
"""Largest angle of a detector over the band limit: nearer to it, light is lost."""
_SLICE_A: Final = 1.5
_BAND: Final = 2.0 / 3.0
_COUNTS: Final = 24
_WORTH: Final = 1.35
"""How much larger a faster size can be and still be faster."""


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
    k_points : tuple of int
        How many sets of wave vectors (x, y) are averaged over. One set has the steps 1 / extent;
        all of them together are those of a supercell so many times larger.
    k_point : tuple of int
        Which of the sets this grid is.
    """

    repeats: tuple[int, int, int]
    gpts: tuple[int, int]
    extent_A: tuple[float, float]
    slices_per_period: int
    period_A: float
    k_points: tuple[int, int] = (1, 1)
    k_point: tuple[int, int] = (0, 0)

    @property
    def sampling_A(self) -> tuple[float, float]:
        """Grid steps (x, y) [Å]."""
        return self.extent_A[0] / self.gpts[0], self.extent_A[1] / self.gpts[1]

    @property
    def k_per_A(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wave vectors (kx, ky) of this set, in the order of the FFT [1/Å]."""
        kx, ky = (
            np.asarray(np.fft.fftfreq(n, step) + number / (sets * edge), dtype=np.float64)
            for n, step, edge, number, sets in zip(
                self.gpts, self.sampling_A, self.extent_A, self.k_point, self.k_points, strict=True
            )
        )
        return kx, ky

    @property
    def one_set(self) -> "Grid":
        """The grid whose wave vectors are those of the supercell alone."""
        return replace(self, k_points=(1, 1), k_point=(0, 0))

    def check_one_set(self, purpose: str) -> None:
        """Refuse several sets of wave vectors where one is expected.

        Raises
        ------
        SimulationError
            If the grid is one of several sets.
        """
        if self.k_points != (1, 1):
            raise SimulationError(
                f"the grid is one of {len(self.k_sets)} sets of wave vectors, which {purpose} does "
                "not know; expected k_points=(1, 1)"
            )

    @property
    def k_step_per_A(self) -> tuple[float, float]:
        """Distance (x, y) of the wave vectors of all sets together [1/Å]."""
        return (
            1 / (self.k_points[0] * self.extent_A[0]),
            1 / (self.k_points[1] * self.extent_A[1]),
        )

    @property
    def k_sets(self) -> "tuple[Grid, ...]":
        """The grids of all sets of wave vectors.

        In the order of a ploughed field: of 2 x 2 sets, the first and third together hold both
        offsets of either axis, and so do the second and fourth.
        """
        n_x, n_y = self.k_points
        return tuple(
            replace(self, k_point=(i, j if i % 2 == 0 else n_y - 1 - j))
            for i in range(n_x)
            for j in range(n_y)
        )

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
    """Return the coarsest wave grid that carries every detector well [Å], at most 0.06 Å."""
    return min(sampling_for_angle(microscope.outer_mrad, microscope), COARSEST_SAMPLING_A)


def sampling_for_angle(outer_mrad: float, microscope: Microscope) -> float:
    """Return the coarsest wave grid on which an angle lies well below the band limit [Å]."""
    return 1e3 * BELOW_BAND * _BAND * microscope.wavelength_A / (2 * outer_mrad)


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
        gpts=fast_gpts(extent, step, multiples_of=(counts[0], counts[1])),
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
        for parts_of in range(1, _COUNTS + 1):
            scaled = candidates * parts_of
            if _is_smooth(parts_of) and np.abs(scaled - np.round(scaled)).max() < 1e-3 * parts_of:
                return parts_of
    return 1


def fast_gpts(
    extent_A: tuple[float, float], step_A: float, *, multiples_of: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Return the grid (x, y) not coarser than a step whose transform takes the least time.

    Numbers are even, without prime factors above 7, and multiples of given ones if these have none
    either. y is the inner axis, along which points are neighbours in memory: rows of 64 (2 n + 1)
    bytes are the fastest, others meet in the same lines of a cache (`python benchmarks/engines.py
    sizes`).

    Parameters
    ----------
    extent_A : tuple of float
        Edges (x, y) [Å].
    step_A : float
        Coarsest step [Å].
    multiples_of : tuple of int
        What the numbers are multiples of.
    """
    x, y = (
        _smooth_from(edge / step_A, base) for edge, base in zip(extent_A, multiples_of, strict=True)
    )
    fewest = next(y)
    rows = [fewest, *takewhile(lambda n: n <= _WORTH * fewest, y)]
    return next(x), min(rows, key=lambda n: n * _row_cost(n))


def _smooth_from(least: float, multiple_of: int) -> Iterator[int]:
    """Return the even 7-smooth multiples of a number from ``least`` on."""
    base = multiple_of if _is_smooth(multiple_of) else 1
    base *= 1 + base % 2
    return (n for n in count(base * math.ceil(least / base - 1e-9), base) if _is_smooth(n))


def _row_cost(points: int) -> float:
    """Return the time of a transform per point, over that of the fastest rows (measured)."""
    if points % 8:
        return 1.35
    return 1.0 if points % 16 else 1.15


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
