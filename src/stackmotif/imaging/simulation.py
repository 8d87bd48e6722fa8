"""From a crystal to its images."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.grids import Grid, choose_grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.multislice import Progress, scan_signals
from stackmotif.imaging.noise import poisson_dose
from stackmotif.imaging.orientation import OrientedCell, orient, translations_A
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.result import Template
from stackmotif.imaging.scan import ScanUnit, fourier_image, scan_unit
from stackmotif.imaging.sources import to_structure
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.provenance import versions

ENGINES: Final = ("abtem",)
POTENTIALS: Final[Mapping[str, Callable[..., NDArray[np.float32]]]] = {
    "exact": exact_slices,
    "abtem": abtem_slices,
}
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


def simulate(
    x: Any,
    *,
    engine: str = "auto",
    potential: str = "exact",
    lattice: Any = None,
    microscope: str | Microscope = "adf-300kV",
    thickness_A: float = 80.0,
    pixel_size_A: float = 0.2,
    phonons: int = 8,
    dose: float | None = None,
    rng: int | np.random.Generator = 0,
    field_A: tuple[float, float] | None = None,
    sampling_A: float | None = None,
    sigma_A: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Template:
    """Simulate the image of a crystal seen along [100] by multislice.

    Parameters
    ----------
    x : Motif, Word, str, Path or pymatgen Structure
        What to image: a motif, a word or its text, a catalog id, a crystal or its file.
    engine : str
        ``abtem``, or ``auto``, which is the same in this version.
    potential : str
        ``exact`` places every atom exactly, ``abtem`` uses abTEM's own array.
    lattice : str or Lattice, optional
        Lattice of a word, see :func:`stackmotif.structures.build`.
    microscope : str or Microscope
        A preset (``adf-300kV``, ``stem-300kV``, ``adf-200kV``, ``stem-200kV``) or your own.
    thickness_A : float
        Thickness [Å], rounded to whole periods along the beam.
    pixel_size_A : float
        Pixel edge [Å].
    phonons : int
        Frozen-phonon configurations; 0 is the static lattice.
    dose : float, optional
        Incident electrons per Å²; the image then carries shot noise.
    rng : int or Generator
        Seed of displacements and noise; the same seed gives the same atoms with either potential.
    field_A : tuple of float, optional
        Height and width of the image [Å]; the simulated cell (about 20 Å or more) by default.
    sampling_A : float, optional
        Step of the wave grid [Å]; chosen from the detectors by default.
    sigma_A : mapping of str to float, optional
        Thermal displacement per axis and element [Å], in place of the guesses.
    progress : callable, optional
        Called as ``progress(done, total)``, counted in probes.

    Returns
    -------
    Template
        Image axes: y down, x right, pixel (0, 0) at the cell's corner; +c is up.

    Raises
    ------
    SimulationError
        If a setting cannot give a right image.
    """
    _check_engine(engine)
    seed = _seed(rng)
    scope = Microscope.preset(microscope) if isinstance(microscope, str) else microscope
    structure, label = to_structure(x, lattice=lattice)
    plan = make_plan(
        structure,
        microscope=scope,
        thickness_A=thickness_A,
        phonons=phonons,
        sampling_A=sampling_A,
    )
    y_A, x_A = _pixel_axes(plan.grid, pixel_size_A, field_A)
    signals = run_plan(plan, potential=potential, seed=seed, sigma_A=sigma_A, progress=progress)
    images = image_from_signals(signals[-1], plan, y_A=y_A, x_A=x_A)
    if dose is not None:
        noise = np.random.default_rng(np.random.SeedSequence([seed, 2**32 - 1]))
        images = poisson_dose(images, dose_per_A2=dose, pixel_size_A=pixel_size_A, rng=noise)
    return Template(
        image=(images[0] if len(images) == 1 else images).astype(np.float32),
        detectors=scope.detector_names,
        pixel_size_A=float(pixel_size_A),
        engine="abtem",
        potential=potential,
        thickness_A=plan.grid.thickness_A,
        microscope=scope,
        phonons=plan.phonons,
        rng=seed,
        dose_per_A2=None if dose is None else float(dose),
        provenance=_provenance(plan, label, thickness_A, lattice),
    )


def image_from_signals(
    signals: NDArray[np.float64],
    plan: Plan,
    *,
    y_A: NDArray[np.float64],
    x_A: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the images (detector, y, x) of one thickness, source size included."""
    return fourier_image(
        signals.reshape(-1, plan.unit.n_y, plan.unit.n_x),
        plan.unit,
        x_A=x_A,
        y_A=y_A,
        blur_sigma_A=plan.microscope.source_sigma_A,
    )


def estimate_s(
    x: Any,
    *,
    lattice: Any = None,
    microscope: str | Microscope = "adf-300kV",
    thickness_A: float = 80.0,
    phonons: int = 8,
    sampling_A: float | None = None,
) -> float:
    """Return the expected run time of :func:`simulate` [s], right within a factor of about two."""
    scope = Microscope.preset(microscope) if isinstance(microscope, str) else microscope
    structure, _ = to_structure(x, lattice=lattice)
    return make_plan(
        structure,
        microscope=scope,
        thickness_A=thickness_A,
        phonons=phonons,
        sampling_A=sampling_A,
    ).estimate_s


def _check_engine(engine: str) -> None:
    if engine not in ("auto", *ENGINES):
        raise SimulationError(
            f"engine {engine!r} is not offered by this version; expected 'auto' or one of "
            + ", ".join(repr(name) for name in ENGINES)
        )


def _seed(rng: int | np.random.Generator) -> int:
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    if isinstance(rng, int | np.integer) and rng >= 0:
        return int(rng)
    raise SimulationError(f"rng is {rng!r}; expected a whole number from 0 or a NumPy Generator")


def _pixel_axes(
    grid: Grid, pixel_size_A: float, field_A: tuple[float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not (math.isfinite(pixel_size_A) and 0.01 <= pixel_size_A <= 2):
        raise SimulationError(f"pixel size is {pixel_size_A} Å; expected 0.01 to 2 Å")
    field = grid.extent_A[::-1] if field_A is None else field_A
    counts = [int(edge / pixel_size_A + 1e-6) for edge in field]
    if min(counts) < 2 or max(counts) > 20_000:
        raise SimulationError(
            f"a field of {field[0]:.1f} × {field[1]:.1f} Å has {counts[0]} × {counts[1]} pixels of "
            f"{pixel_size_A} Å; expected 2 to 20 000 along each axis"
        )
    y_A, x_A = (np.arange(count, dtype=np.float64) * float(pixel_size_A) for count in counts)
    return y_A, x_A


_TUPLES: Final = ("repeats", "gpts", "extent_A")


def _provenance(plan: Plan, label: str, thickness_A: float, lattice: Any) -> dict[str, Any]:
    grid, unit = plan.grid, plan.unit
    return {
        "source": label,
        "lattice": None if lattice is None else str(lattice),
        "zone": [1, 0, 0],
        "thickness_requested_A": float(thickness_A),
        "grid": {**asdict(grid), **{name: list(getattr(grid, name)) for name in _TUPLES}},
        "sampling_A": list(grid.sampling_A),
        "slice_A": grid.slice_A,
        "scan": {**asdict(unit), "step_A": plan.microscope.nyquist_step_A},
        "versions": versions(),
    }
