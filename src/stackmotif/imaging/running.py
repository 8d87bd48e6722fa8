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
    ndarray of float64, shape (exit, channel, n)
        Fractions of the incident beam.
    """
    _check_run(plan, potential, engine, prism)
    device = choose_device(device) if engine == "torch" else abtem_device(device)
    starts = plan.terminations_A if positions_A is None else ((0.0, 0.0),)
    points = plan.unit.positions_A if positions_A is None else np.asarray(positions_A)
    periods = (plan.grid.repeats[2],) if exit_periods is None else tuple(exit_periods)
    runs = _runs(plan, len(starts))
    foci = plan.microscope.defocus_series()
    n_probes = len(foci) * len(points) * sum(len(run.starts) * len(run.grids) for run in runs)
    scan = partial(
        _scan,
        engine=engine,
        edges=EDGES[potential],
        device=device,
        prism=prism,
        advance=_Counter(n_probes, progress).advance,
    )
    make = partial(
        _slices, plan, potential=potential, engine=engine, seed=seed, sigma_A=sigma_A, device=device
    )
    parts: list[list[NDArray[np.float64]]] = [[] for _ in starts]
    for run in runs:
        slices = make(run.configuration)
        exits = [count * plan.grid.slices_per_period for count in periods]
        if carbon:
            drawn = np.random.default_rng([seed, run.configuration or 0, _CARBON_STREAM])
            slices, exits = between_carbon(
                slices,
                exits,
                grid=plan.grid,
                layers=carbon,
                microscope=plan.microscope,
                rng=drawn,
            )
        where = np.concatenate([points + starts[number] for number in run.starts])
        found = sum(
            weight
            * scan(
                slices,
                where,
                grid=grid,
                exit_slices=exits,
                microscope=plan.microscope.with_(defocus_A=defocus_A),
            )
            for defocus_A, weight in foci
            for grid in run.grids
        )
        split = np.split(np.asarray(found) / len(run.grids), len(run.starts), axis=-1)
        for number, part in zip(run.starts, split, strict=True):
            parts[number].append(part)
    # First over what begins at the same surface: an odd number of configurations favours none.
    return np.mean([np.mean(part, axis=0) for part in parts if part], axis=0)


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
