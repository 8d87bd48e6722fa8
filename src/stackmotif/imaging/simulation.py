"""From a crystal to its images."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.noise import poisson_dose
from stackmotif.imaging.plan import Plan, Progress, make_plan, run_plan
from stackmotif.imaging.result import Template
from stackmotif.imaging.scan import fourier_image
from stackmotif.imaging.sources import to_structure
from stackmotif.provenance import versions

ENGINES: Final = ("abtem",)

MAX_DOSE: Final = 1e12
"""Most incident electrons per Å²; more than any specimen bears, and countable in every pixel."""


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
    _check_numbers({"thickness": (thickness_A, "Å"), "pixel size": (pixel_size_A, "Å")})
    optional = {"dose": (dose, "e/Å²"), "sampling": (sampling_A, "Å")}
    _check_numbers({name: given for name, given in optional.items() if given[0] is not None})
    scope = _microscope(microscope)
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
    scope = _microscope(microscope)
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


def _check_numbers(numbers: Mapping[str, tuple[Any, str]]) -> None:
    """Refuse what is no positive number before any work."""
    for name, (value, unit) in numbers.items():
        real = isinstance(value, int | float | np.integer | np.floating)
        if not (real and 0 < value <= MAX_DOSE):
            raise SimulationError(
                f"{name} is {value} {unit}; expected a positive number, {MAX_DOSE:g} at most"
            )


def _microscope(given: str | Microscope) -> Microscope:
    if isinstance(given, str):
        return Microscope.preset(given)
    if not isinstance(given, Microscope):
        raise SimulationError(
            f"microscope is {given!r}; expected a preset such as 'adf-300kV', or a Microscope"
        )
    return given


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
    if np.shape(field) != (2,) or not np.isfinite(np.asarray(field, dtype=np.float64)).all():
        raise SimulationError(f"field is {field!r} Å; expected a height and a width in Å")
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
