"""Decisions before the first wave, and the run over all configurations."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.carbon import CarbonLayers, between_carbon
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.engines.detection import detector_weights
from stackmotif.imaging.engines.devices import choose_device
from stackmotif.imaging.engines.prism import MIN_WINDOW_A, detect_prism, prism_window
from stackmotif.imaging.engines.torch_multislice import detect
from stackmotif.imaging.grids import MIN_CELL_A, Grid, choose_grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.scan import ScanUnit, scan_unit, terminations_A
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.structures.orientation import OrientedCell, orient, translations_A

POTENTIALS: Final[Mapping[str, Callable[..., NDArray[np.float32]]]] = {
    "exact": exact_slices,
    "abtem": abtem_slices,
}
EDGES: Final[Mapping[str, str]] = {"exact": "area", "abtem": "abtem"}
"""Rule for pixels on the edge of aperture and detectors that goes with a potential (torch)."""
Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)``, counted in probes."""
_CARBON_STREAM: Final = 6
"""Keeps the random numbers of carbon apart from those of the displacements."""
_SECONDS_PER_POINT: Final[Mapping[str, float]] = {"torch": 0.9e-8, "abtem": 1.6e-8}
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
        """Probe positions over all configurations and foci; a static lattice begins anywhere."""
        runs = (self.phonons or len(self.terminations_A)) * len(self.microscope.defocus_series())
        return self.unit.n_x * self.unit.n_y * runs

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
) -> Plan:
    """Decide cell, grid and scan for a pymatgen Structure seen along its a axis.

    With PRISM the supercell is large enough for its windows.

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
    grid = choose_grid(
        cell,
        shifts,
        microscope,
        thickness_A=thickness_A,
        sampling_A=sampling_A,
        least_A=max(0.95 * MIN_CELL_A, MIN_WINDOW_A * (prism or 0)),
    )
    return Plan(
        cell=cell,
        grid=grid,
        unit=scan_unit(shifts, cell.extent_A, step_A=microscope.nyquist_step_A),
        microscope=microscope,
        phonons=int(phonons),
        terminations_A=terminations_A(shifts, cell.extent_A),
    )


def run_plan(
    plan: Plan,
    *,
    potential: str = "exact",
    engine: str = "torch",
    device: str = "auto",
    seed: int = 0,
    positions_A: NDArray[np.float64] | None = None,
    exit_periods: Sequence[int] | None = None,
    sigma_A: Mapping[str, float] | None = None,
    carbon: CarbonLayers | None = None,
    prism: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return the mean signal of every detector at every probe position and exit plane.

    The plan's own scanned unit is seen under every entrance surface that the crystal's symmetry
    knows: all of them for the static lattice, one after another with phonons. Positions that are
    given are scanned as they are.

    Parameters
    ----------
    plan : Plan
        From :func:`make_plan`.
    potential : str
        ``exact`` or ``abtem``.
    engine : str
        ``torch`` or ``abtem``. The displacements are the same in both.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``, for torch.
    seed : int
        Seed of the thermal displacements.
    positions_A : ndarray, shape (n, 2), optional
        Probe positions (x, y) [Å]; the plan's own scanned unit by default.
    exit_periods : sequence of int, optional
        Increasing thicknesses in periods along the beam; the whole thickness by default.
    sigma_A : mapping of str to float, optional
        Thermal displacement per axis and element [Å].
    carbon : CarbonLayers, optional
        Amorphous carbon before and after the crystal, another layer for every configuration.
    prism : int, optional
        Interpolation factor of PRISM in torch; full multislice by default.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    ndarray of float64, shape (exit, channel, n)
        Fractions of the incident beam.
    """
    if prism and engine != "torch":
        raise SimulationError(f"prism is {prism} with the engine {engine!r}; expected 'torch'")
    if potential not in POTENTIALS:
        raise SimulationError(
            f"potential {potential!r} does not exist; expected one of {', '.join(POTENTIALS)}"
        )
    device = choose_device(device) if engine == "torch" else "cpu"
    starts = plan.terminations_A if positions_A is None else ((0.0, 0.0),)
    points = plan.unit.positions_A if positions_A is None else np.asarray(positions_A)
    periods = (plan.grid.repeats[2],) if exit_periods is None else tuple(exit_periods)
    runs = _runs(plan.phonons, starts)
    foci = plan.microscope.defocus_series()
    n_probes = len(foci) * len(points) * sum(len(seen) for _, seen in runs)
    scan = partial(
        _scan,
        grid=plan.grid,
        engine=engine,
        edges=EDGES[potential],
        device=device,
        prism=prism,
        advance=_Counter(n_probes, progress).advance,
    )
    parts: list[list[NDArray[np.float64]]] = [[] for _ in starts]
    for configuration, seen in runs:
        slices = _slices(plan, potential, configuration, seed, sigma_A, device=device)
        exits = [count * plan.grid.slices_per_period for count in periods]
        if carbon:
            drawn = np.random.default_rng([seed, configuration or 0, _CARBON_STREAM])
            slices, exits = between_carbon(slices, exits, grid=plan.grid, layers=carbon, rng=drawn)
        where = np.concatenate([points + starts[number] for number in seen])
        found = sum(
            weight
            * scan(
                slices,
                where,
                exit_slices=exits,
                microscope=plan.microscope.with_(defocus_A=defocus_A),
            )
            for defocus_A, weight in foci
        )
        for number, part in zip(seen, np.split(np.asarray(found), len(seen), axis=-1), strict=True):
            parts[number].append(part)
    # First over what begins at the same surface: an odd number of configurations favours none.
    return np.mean([np.mean(part, axis=0) for part in parts if part], axis=0)


def _runs(
    phonons: int, starts: Sequence[tuple[float, float]]
) -> list[tuple[int | None, tuple[int, ...]]]:
    """Return the configurations and the entrance surfaces that each is seen under."""
    if phonons == 0:
        return [(None, tuple(range(len(starts))))]
    return [(number, (number % len(starts),)) for number in range(phonons)]


def _slices(
    plan: Plan,
    potential: str,
    configuration: int | None,
    seed: int,
    sigma_A: Mapping[str, float] | None,
    *,
    device: str,
) -> NDArray[np.float32]:
    """Return the slices of one configuration; those of one period for the static lattice."""
    specimen = make_specimen(plan.cell, plan.grid)
    moved = None
    if configuration is not None:
        moved = displacements_A(specimen, seed=seed, configuration=configuration, sigma_A=sigma_A)
    faster = potential == "exact" and device.startswith("cuda")
    slices = POTENTIALS[potential](specimen, moved, **({"device": device} if faster else {}))
    return slices if moved is not None else slices[: plan.grid.slices_per_period]


def _scan(
    slices: NDArray[np.float32],
    points: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    engine: str,
    edges: str,
    device: str,
    prism: int | None,
    exit_slices: Sequence[int],
    advance: Callable[[int], None],
) -> NDArray[np.float64]:
    settings: dict[str, Any] = {
        "grid": grid,
        "microscope": microscope,
        "exit_slices": exit_slices,
        "advance": advance,
    }
    if engine == "abtem":
        return scan_signals(slices, points, **settings)
    settings |= {"edges": edges, "device": device}
    if prism:
        weights = detector_weights(prism_window(grid, prism), microscope, edges=edges)
        return detect_prism(slices, points, weights=weights, interpolation=prism, **settings)
    weights = detector_weights(grid, microscope, edges=edges)
    return detect(slices, points, weights=weights, **settings)


class _Counter:
    """Adds up finished probes and passes them on."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def advance(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)
