"""Decisions before the first wave."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines.prism import MIN_WINDOW_A
from stackmotif.imaging.grids import MIN_CELL_A, Grid, choose_grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.scan import ScanUnit, scan_unit, terminations_A
from stackmotif.structures.orientation import OrientedCell, orient, translations_A

_LEAST_A: Final = 0.95 * MIN_CELL_A
_SMALL_STATIC_A: Final = 9.5
"""Smallest edge of a static supercell whose wave vectors come in several sets [Å]."""
_SECONDS_PER_POINT: Final[Mapping[str, float]] = {"torch": 0.7e-8, "abtem": 1.6e-8}
"""Cost of one probe, slice and grid point on one core [s], measured (order of magnitude)."""


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first wave: cell, grid, scanned unit.

    Parameters
    ----------
    cell : OrientedCell
        One orthogonal cell of the crystal in image axes.
    grid : Grid
        Supercell, wave grid and slices.
    unit : ScanUnit
        The period that is scanned.
    microscope : Microscope
        Beam and detectors.
    phonons : int
        Frozen-phonon configurations; 0 is the static lattice.
    terminations_A : tuple of (float, float)
        Steps (x, y) to the same column under every other entrance surface [Å].
    """

    cell: OrientedCell
    grid: Grid
    unit: ScanUnit
    microscope: Microscope
    phonons: int
    terminations_A: tuple[tuple[float, float], ...] = ((0.0, 0.0),)

    @property
    def n_probes(self) -> int:
        """Probe positions over all configurations and foci.

        A static lattice begins anywhere, and is seen with every set of wave vectors.
        """
        every = len(self.terminations_A) * len(self.grid.k_sets)
        runs = (self.phonons or every) * len(self.microscope.defocus_series())
        return self.unit.n_x * self.unit.n_y * runs

    @property
    def field_A(self) -> tuple[float, float]:
        """Height and width of whole cells, 19 Å or more each [Å]."""
        width, height = (
            edge * math.ceil(_LEAST_A / edge - 1e-9) for edge in self.cell.extent_A[:2].tolist()
        )
        return height, width

    def estimate_s(self, *, engine: str = "torch") -> float:
        """Return the expected run time on this machine's cores [s], right within a factor of two.

        An accelerator is many times faster.
        """
        points = self.grid.gpts[0] * self.grid.gpts[1]
        work = self.n_probes * self.grid.n_slices * points * _SECONDS_PER_POINT[engine]
        return 1.0 + work / (os.cpu_count() or 1)


def make_plan(
    structure: Any,
    *,
    microscope: Microscope,
    thickness_A: float,
    phonons: int,
    sampling_A: float | None = None,
    prism: int | None = None,
    k_sets: bool = False,
) -> Plan:
    """Decide cell, grid and scan for a pymatgen Structure seen along its a axis.

    Parameters
    ----------
    structure : pymatgen Structure
        The crystal.
    microscope : Microscope
        Beam and detectors.
    thickness_A : float
        Thickness [Å], rounded to whole periods along the beam.
    phonons : int
        Frozen-phonon configurations; 0 is the static lattice.
    sampling_A : float, optional
        Step of the wave grid [Å].
    prism : int, optional
        Interpolation factor; the supercell is large enough for its windows.
    k_sets : bool
        Whether a static lattice may have a small supercell with several sets of wave vectors, which
        is as good as a large one; the engine torch with the potential ``exact`` can do that. With
        phonons the supercell is large, and the same for all engines, so that they move the same
        atoms.

    Raises
    ------
    SimulationError
        If a setting cannot give a right image.
    """
    if not (isinstance(phonons, int | np.integer) and 0 <= phonons <= 10_000):
        raise SimulationError(
            f"phonons is {phonons!r}; expected a whole number of configurations, 0 for the "
            "static lattice"
        )
    if prism is not None and not (isinstance(prism, int | np.integer) and 1 <= prism <= 16):
        raise SimulationError(
            f"prism is {prism!r}; expected a whole factor from 1 to 16, or None for multislice"
        )
    cell = orient(structure)
    shifts = translations_A(cell)
    several = k_sets and phonons == 0 and not prism
    least_A = _SMALL_STATIC_A if several else max(_LEAST_A, MIN_WINDOW_A * (prism or 0))
    grid = choose_grid(
        cell,
        shifts,
        microscope,
        thickness_A=thickness_A,
        sampling_A=sampling_A,
        least_A=least_A,
    )
    if several:
        x, y = (math.ceil(_LEAST_A / edge - 1e-9) for edge in grid.extent_A)
        grid = replace(grid, k_points=(x, y))
    return Plan(
        cell=cell,
        grid=grid,
        unit=scan_unit(shifts, cell.extent_A, step_A=microscope.nyquist_step_A),
        microscope=microscope,
        phonons=int(phonons),
        terminations_A=terminations_A(shifts, cell.extent_A),
    )
