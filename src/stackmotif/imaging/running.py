"""A plan carried out: every configuration, entrance surface, focus and set of wave vectors."""

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
from stackmotif.imaging.engines.devices import abtem_device, choose_device
from stackmotif.imaging.engines.optics import Slices
from stackmotif.imaging.engines.prism import detect_prism, prism_window
from stackmotif.imaging.engines.torch_multislice import detect
from stackmotif.imaging.ensemble import turn
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.plan import Plan
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.imaging.transmission import exact_transmission

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


@dataclass(frozen=True)
class Ensemble:
    """Signals of every configuration, by the entrance surface that it saw.

    Parameters
    ----------
    parts : tuple of ndarray, shape (configuration, exit, channel, n)
        One array for each entrance surface, configurations in their order; fractions of the beam.
    static : bool
        Whether there is one configuration, the static lattice.
    """

    parts: tuple[NDArray[np.float64], ...]
    static: bool

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean signal, shape (exit, channel, n)."""
        # First over what begins at the same surface: an odd number of configurations favours none.
        return np.asarray(np.mean([part.mean(axis=0) for part in self.parts], axis=0))

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of the mean, RMS over the positions, shape (exit, channel).

        From the spread of pairs of opposite configurations; NaN for fewer than two pairs at a
        surface, 0 for the static lattice.
        """
        if self.static:
            return np.zeros(self.parts[0].shape[1:3])
        variances = []
        for part in self.parts:
            n = len(part) // 2
            if n < 2:
                return np.full(part.shape[1:3], np.nan)
            pairs = part[: 2 * n].reshape(n, 2, *part.shape[1:]).mean(axis=1)
            variances.append(pairs.var(axis=0, ddof=1) / n)
        total = np.sum(variances, axis=0) / len(self.parts) ** 2
        return np.asarray(np.sqrt(total.mean(axis=-1)))


def run_plan(plan: Plan, **settings: Any) -> NDArray[np.float64]:
    """Return the mean signal of every detector at every probe position and exit plane.

    Parameters
    ----------
    plan, **settings
        See :func:`run_ensemble`.

    Returns
    -------
    ndarray of float64, shape (exit, channel, n)
        Fractions of the incident beam.
    """
    return run_ensemble(plan, **settings).mean


def run_ensemble(
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
) -> Ensemble:
    """Return the signals of every detector at every probe position and exit plane.

    The plan's own scanned unit is seen under every entrance surface that the crystal's symmetry
    knows: all of them for the static lattice, also with every set of wave vectors, and one after
    another for pairs of phonon configurations. Positions that are given are scanned as they are.

    Parameters
    ----------
    plan : Plan
        From :func:`make_plan`.
    potential : str
        ``exact`` or ``abtem``.
    engine : str
        ``torch`` or ``abtem``. The displacements are the same in both.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``; abTEM computes on ``cuda`` with CuPy.
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
        Interpolation factor of PRISM; full multislice by default.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    Ensemble

    Raises
    ------
    SimulationError
        If a setting cannot give a right image.
    """
    _check_run(plan, potential, engine, prism)
    device = choose_device(device) if engine == "torch" else abtem_device(device)
    starts = plan.terminations_A if positions_A is None else ((0.0, 0.0),)
    points = plan.unit.positions_A if positions_A is None else np.asarray(positions_A)
    periods = (plan.grid.repeats[2],) if exit_periods is None else tuple(exit_periods)
    runs = _runs(plan, len(starts))
    n_probes = len(points) * sum(len(run.starts) * len(run.grids) for run in runs)
    n_probes *= len(plan.microscope.defocus_series())
    scan = partial(
        _scan_all,
        microscope=plan.microscope,
        engine=engine,
        edges=EDGES[potential],
        device=device,
        prism=prism,
        advance=_Counter(n_probes, progress).advance,
    )
    parts: list[list[NDArray[np.float64]]] = [[] for _ in starts]
    for run in runs:
        slices = _slices(
            plan,
            run.configuration,
            potential=potential,
            engine=engine,
            seed=seed,
            sigma_A=sigma_A,
            device=device,
        )
        exits = [count * plan.grid.slices_per_period for count in periods]
        if carbon:
            slices, exits = between_carbon(
                slices,
                exits,
                grid=plan.grid,
                layers=carbon,
                microscope=plan.microscope,
                rng=np.random.default_rng([seed, run.configuration or 0, _CARBON_STREAM]),
            )
        where = np.concatenate([points + starts[number] for number in run.starts])
        found = scan(slices, where, run.grids, exit_slices=exits)
        for number, part in zip(run.starts, np.split(found, len(run.starts), axis=-1), strict=True):
            parts[number].append(part)
    return Ensemble(tuple(np.array(part) for part in parts if part), static=plan.phonons == 0)


@dataclass(frozen=True)
class _Run:
    """One crystal, the entrance surfaces and the sets of wave vectors that it is seen with."""

    configuration: int | None
    starts: tuple[int, ...]
    grids: tuple[Grid, ...]


def _runs(plan: Plan, n_starts: int) -> list[_Run]:
    if plan.phonons == 0:
        return [_Run(None, tuple(range(n_starts)), plan.grid.k_sets)]
    return [_Run(n, (turn(n, n_starts),), (plan.grid.one_set,)) for n in range(plan.phonons)]


def _check_run(plan: Plan, potential: str, engine: str, prism: int | None) -> None:
    if potential not in POTENTIALS:
        raise SimulationError(
            f"potential {potential!r} does not exist; expected one of {', '.join(POTENTIALS)}"
        )
    if engine != "torch" or potential != "exact":
        plan.grid.check_one_set(f"engine={engine!r} with potential={potential!r}")


def _slices(
    plan: Plan,
    configuration: int | None,
    *,
    potential: str,
    engine: str,
    seed: int,
    sigma_A: Mapping[str, float] | None,
    device: str,
) -> Slices:
    """Return the slices of one configuration; those of one period for the static lattice."""
    specimen = make_specimen(plan.cell, plan.grid)
    moved = None
    if configuration is not None:
        moved = displacements_A(specimen, seed=seed, configuration=configuration, sigma_A=sigma_A)
    if potential == "exact" and engine == "torch":
        return exact_transmission(specimen, moved, microscope=plan.microscope, device=device)
    slices = POTENTIALS[potential](specimen, moved)
    return slices if moved is not None else slices[: plan.grid.slices_per_period]


def _scan_all(
    slices: Slices,
    points: NDArray[np.float64],
    grids: Sequence[Grid],
    *,
    microscope: Microscope,
    **settings: Any,
) -> NDArray[np.float64]:
    """Return the mean signals over the sets of wave vectors and the foci."""
    found = sum(
        weight
        * _scan(
            slices, points, grid=grid, microscope=microscope.with_(defocus_A=defocus_A), **settings
        )
        for defocus_A, weight in microscope.defocus_series()
        for grid in grids
    )
    return np.asarray(found) / len(grids)


def _scan(
    slices: Slices,
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
        plain = np.asarray(slices, dtype=np.float32)
        return scan_signals(plain, points, prism=prism, device=device, **settings)
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
