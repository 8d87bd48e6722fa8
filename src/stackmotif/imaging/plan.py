"""Decisions before the first wave, and the run over all configurations."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.grids import Grid, choose_grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.scan import ScanUnit, scan_unit
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.structures.orientation import OrientedCell, orient, translations_A

POTENTIALS: Final[Mapping[str, Callable[..., NDArray[np.float32]]]] = {
    "exact": exact_slices,
    "abtem": abtem_slices,
}
Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)``, counted in probes."""
_SECONDS_PER_POINT: Final = 1.6e-8
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
    """

    cell: OrientedCell
    grid: Grid
    unit: ScanUnit
    microscope: Microscope
    phonons: int

    @property
    def n_probes(self) -> int:
        """Probe positions over all configurations."""
        return self.unit.n_x * self.unit.n_y * max(1, self.phonons)

    @property
    def estimate_s(self) -> float:
        """Expected run time on this machine's cores [s], right within a factor of about two."""
        points = self.grid.gpts[0] * self.grid.gpts[1]
        work = self.n_probes * self.grid.n_slices * points * _SECONDS_PER_POINT
        return 1.0 + work / (os.cpu_count() or 1)


def make_plan(
    structure: Any,
    *,
    microscope: Microscope,
    thickness_A: float,
    phonons: int,
    sampling_A: float | None = None,
) -> Plan:
    """Decide cell, grid and scan for a pymatgen Structure seen along its a axis.

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
    cell = orient(structure)
    shifts = translations_A(cell)
    return Plan(
        cell=cell,
        grid=choose_grid(cell, shifts, microscope, thickness_A=thickness_A, sampling_A=sampling_A),
        unit=scan_unit(shifts, cell.extent_A, step_A=microscope.nyquist_step_A),
        microscope=microscope,
        phonons=int(phonons),
    )


def run_plan(
    plan: Plan,
    *,
    potential: str = "exact",
    seed: int = 0,
    positions_A: NDArray[np.float64] | None = None,
    exit_periods: Sequence[int] | None = None,
    sigma_A: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return the mean signal of every detector at every probe position and exit plane.

    Parameters
    ----------
    plan : Plan
        From :func:`make_plan`.
    potential : str
        ``exact`` or ``abtem``.
    seed : int
        Seed of the thermal displacements.
    positions_A : ndarray, shape (n, 2), optional
        Probe positions (x, y) [Å]; the plan's own scanned unit by default.
    exit_periods : sequence of int, optional
        Increasing thicknesses in periods along the beam; the whole thickness by default.
    sigma_A : mapping of str to float, optional
        Thermal displacement per axis and element [Å].
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    ndarray of float64, shape (exit, detector, n)
        Fractions of the incident beam.
    """
    if potential not in POTENTIALS:
        raise SimulationError(
            f"potential {potential!r} does not exist; expected one of {', '.join(POTENTIALS)}"
        )
    points = plan.unit.positions_A if positions_A is None else positions_A
    periods = (plan.grid.repeats[2],) if exit_periods is None else tuple(exit_periods)
    specimen = make_specimen(plan.cell, plan.grid)
    counter = _Counter(len(points) * max(1, plan.phonons), progress)
    total: NDArray[np.float64] | float = 0.0
    for configuration in range(max(1, plan.phonons)):
        moved = _displaced(specimen, plan.phonons, seed, configuration, sigma_A)
        total = total + scan_signals(
            POTENTIALS[potential](specimen, moved),
            points,
            grid=plan.grid,
            microscope=plan.microscope,
            exit_slices=[count * plan.grid.slices_per_period for count in periods],
            advance=counter.advance,
        )
    return np.asarray(total) / max(1, plan.phonons)


def _displaced(
    specimen: Specimen,
    phonons: int,
    seed: int,
    configuration: int,
    sigma_A: Mapping[str, float] | None,
) -> NDArray[np.float64] | None:
    if phonons == 0:
        return None
    return displacements_A(specimen, seed=seed, configuration=configuration, sigma_A=sigma_A)


class _Counter:
    """Adds up finished probes and passes them on."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def advance(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)
