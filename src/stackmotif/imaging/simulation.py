"""From a crystal to its images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.serving import AtlasMismatchError, ServedImage, serve
from stackmotif.imaging.atlas.store import atlas_of
from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.noise import poisson_dose
from stackmotif.imaging.plan import Plan, make_plan
from stackmotif.imaging.result import Template
from stackmotif.imaging.running import Progress, run_ensemble
from stackmotif.imaging.scan import fourier_image
from stackmotif.imaging.settings import (
    Settings,
    check_settings,
    choose_engine,
    microscope_of,
    seed_of,
)
from stackmotif.imaging.sources import to_structure
from stackmotif.provenance import versions

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas

AUTO_TOLERANCE: Final = 0.01
"""RMS error of the atlas, as a share of the contrast, up to which ``auto`` takes it."""

_ATLAS_S: Final = 0.1
"""Time of an image from the atlas, with what it takes to prepare it [s]."""


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
    carbon: CarbonLayers | None = None,
    device: str = "auto",
    tolerance: float | None = None,
    ends: str = "vacuum",
    prism: int | None = None,
    atlas: "Atlas | str | Path | None" = None,
    progress: Progress | None = None,
) -> Template:
    """Simulate the image of a crystal seen along [100].

    The image is the mean over the entrance surfaces that look alike in projection.

    Parameters
    ----------
    x : Motif, Word, str, Path or pymatgen Structure
        What to image: a motif, a word or its text, a catalog id, a crystal or its file.
    engine : str
        ``torch`` (multislice on a CPU or an accelerator), ``abtem`` (multislice by an independent
        program, slower), ``atlas`` (put together from simulated tiles, in milliseconds), or
        ``auto``: the atlas where it knows the word, the lattice, the microscope and the thickness
        and its error is within the tolerance, else torch.
    potential : str
        ``exact`` places every atom exactly; torch then has transmission functions from a finer grid
        and the edges of :mod:`stackmotif.imaging.engines.edges`. ``abtem`` uses abTEM's own array
        and edges.
    lattice : str or Lattice, optional
        Lattice of a word, see :func:`stackmotif.structures.build`.
    microscope : str or Microscope
        A preset (``adf-300kV``, ``stem-300kV``, ``adf-200kV``, ``stem-200kV``) or your own.
    thickness_A : float
        Thickness [Å], rounded to whole periods along the beam.
    pixel_size_A : float
        Pixel edge [Å].
    phonons : int
        Frozen-phonon configurations, in pairs of opposite displacements that see the entrance
        surfaces in turn: 4 or more where there are two. 0 is the static lattice.
    dose : float, optional
        Incident electrons per Å²; the image then carries shot noise.
    rng : int or Generator
        Seed of displacements and noise; the same seed gives the same atoms with both multislice
        engines and potentials. The atlas has its own ensemble.
    field_A : tuple of float, optional
        Height and width of the image [Å]; whole cells of 19 Å or more by default.
    sampling_A : float, optional
        Step of the wave grid [Å]; chosen from the detectors by default.
    sigma_A : mapping of str to float, optional
        Thermal displacement per axis and element [Å], in place of the table of
        :mod:`stackmotif.imaging.thermal`.
    carbon : CarbonLayers, optional
        Amorphous carbon before and after the crystal. Every configuration has a layer of its own,
        so that the image shows its mean effect.
    device : str
        ``auto``, ``cpu``, ``cuda`` (abTEM needs CuPy there) or ``mps``; the provenance tells which.
    tolerance : float, optional
        Largest RMS error of the atlas against multislice, as a share of the contrast; 0.01 with
        ``auto``. ``atlas`` takes any by default and tells it in the provenance.
    ends : str
        What is above and below a finite word: ``vacuum``, or ``continue``, O3 going on, which the
        atlas alone can do.
    prism : int, optional
        Interpolation factor of PRISM instead of full multislice: 2 is faster for large
        cells without symmetry and errs by a few percent of the contrast. The supercell is made
        large enough for windows of 10 Å.
    atlas : Atlas, str or Path, optional
        An atlas of your own, or its folder, for ``atlas`` and ``auto``; by default that of the
        package whose lengths are nearest to the crystal's.
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
    settings = Settings(
        engine=engine,
        potential=potential,
        lattice=lattice,
        microscope=microscope,
        pixel_size_A=pixel_size_A,
        phonons=phonons,
        dose=dose,
        rng=rng,
        field_A=field_A,
        sampling_A=sampling_A,
        sigma_A=sigma_A,
        carbon=carbon,
        device=device,
        tolerance=tolerance,
        ends=ends,
        prism=prism,
        atlas=atlas,
        progress=progress,
    )
    return _series(x, (thickness_A,), settings)[0]


def simulate_series(
    x: Any, *, thicknesses_A: Sequence[float], **settings: Any
) -> tuple[Template, ...]:
    """Simulate a crystal at several thicknesses, all read from one run.

    Parameters
    ----------
    x : Motif, Word, str, Path or pymatgen Structure
        What to image, as in :func:`simulate`.
    thicknesses_A : sequence of float
        Increasing thicknesses [Å], rounded to whole periods along the beam; the series costs what
        the thickest image costs.
    **settings
        Any other argument of :func:`simulate`.

    Returns
    -------
    tuple of Template
        One for each thickness, equal to what :func:`simulate` gives for it.

    Raises
    ------
    SimulationError
        If a setting cannot give a right image, or two thicknesses round to the same one.
    """
    return _series(x, tuple(thicknesses_A), Settings(**settings))


def _series(x: Any, thicknesses_A: tuple[float, ...], settings: Settings) -> tuple[Template, ...]:
    asked = settings.engine
    engine, device = choose_engine(asked, device=settings.device)
    seed = seed_of(settings.rng)
    settings = replace(settings, engine=engine, device=device, rng=seed)
    check_settings(thicknesses_A, settings)
    scope = microscope_of(settings.microscope)
    served = _served(x, thicknesses_A, settings, asked=asked, scope=scope)
    if served is not None:
        return served
    structure, label = to_structure(x, lattice=settings.lattice)
    plan = make_plan(
        structure,
        microscope=scope,
        thickness_A=max(thicknesses_A),
        phonons=settings.phonons,
        sampling_A=settings.sampling_A,
        prism=settings.prism,
        k_sets=_k_sets(settings),
    )
    periods = _periods(thicknesses_A, plan.grid)
    y_A, x_A = _pixel_axes(plan, settings.pixel_size_A, settings.field_A)
    ensemble = run_ensemble(
        plan,
        potential=settings.potential,
        engine=engine,
        device=device,
        seed=seed,
        exit_periods=periods,
        sigma_A=settings.sigma_A,
        carbon=settings.carbon,
        prism=settings.prism,
        progress=settings.progress,
    )
    return tuple(
        _template(
            image_from_signals(signal, plan, y_A=y_A, x_A=x_A),
            settings,
            microscope=scope,
            phonons=plan.phonons,
            thickness_A=count * plan.grid.period_A,
            provenance=_provenance(plan, label, asked_A, settings)
            | {"error": _error(noise, scope)},
        )
        for asked_A, count, signal, noise in zip(
            thicknesses_A, periods, ensemble.mean, ensemble.standard_error, strict=True
        )
    )


def _error(noise: NDArray[np.float64], scope: Microscope) -> dict[str, Any]:
    """Return what is known of the error of an image by multislice, per detector."""
    told = (float(one) if math.isfinite(one) else None for one in noise)
    return {"phonon_noise": dict(zip(scope.detector_names, told, strict=True))}


def _served(
    x: Any,
    thicknesses_A: tuple[float, ...],
    settings: Settings,
    *,
    asked: str,
    scope: Microscope,
) -> tuple[Template, ...] | None:
    """Return the templates from the atlas, None where another engine is to make them."""
    if not _is_for_the_atlas(settings, asked):
        return None
    tolerance = settings.tolerance
    if asked == "auto" and tolerance is None:
        tolerance = AUTO_TOLERANCE
    settings = replace(settings, engine="atlas", device="cpu")
    atlas = None if settings.atlas is None else atlas_of(settings.atlas)
    try:
        served = [
            serve(
                x,
                microscope=scope,
                thickness_A=thickness_A,
                pixel_size_A=settings.pixel_size_A,
                lattice=settings.lattice,
                field_A=settings.field_A,
                phonons=settings.phonons,
                tolerance=tolerance,
                ends=settings.ends,
                atlas=atlas,
            )
            for thickness_A in thicknesses_A
        ]
    except AtlasMismatchError:
        if asked == "atlas" or settings.ends == "continue":
            raise
        return None
    return tuple(
        _served_template(one, settings, scope=scope, asked_A=thickness_A)
        for thickness_A, one in zip(thicknesses_A, served, strict=True)
    )


def _is_for_the_atlas(settings: Settings, asked: str) -> bool:
    """Return whether the atlas is to be tried.

    Raises
    ------
    SimulationError
        If it alone may be asked and cannot do it, or is told about another engine's work.
    """
    plain = settings.potential == "exact" and settings.sampling_A is None
    plain = plain and not (settings.sigma_A or settings.carbon) and settings.prism is None
    if asked in ("auto", "atlas") and plain:
        return True
    if asked in ("auto", "atlas"):
        if asked == "auto" and settings.ends == "vacuum" and settings.atlas is None:
            return False
        raise SimulationError(
            "the atlas has its own potential, sampling and displacements, and no carbon; expected "
            "potential='exact' and neither sampling_A, sigma_A, carbon nor prism, or another engine"
        )
    if settings.atlas is not None:
        raise SimulationError(
            f"an atlas was given with the engine {asked!r}; expected engine='atlas' or 'auto'"
        )
    if settings.ends == "continue":
        raise SimulationError(
            f"ends are 'continue' with the engine {asked!r}, in which finite words stand in "
            "vacuum; expected engine='atlas'"
        )
    return False


def _served_template(
    one: ServedImage, settings: Settings, *, scope: Microscope, asked_A: float
) -> Template:
    return _template(
        one.images,
        settings,
        microscope=scope,
        phonons=one.phonons,
        thickness_A=one.thickness_A,
        provenance={
            "source": one.label,
            "lattice": None if settings.lattice is None else str(settings.lattice),
            "device": "cpu",
            "zone": [1, 0, 0],
            "thickness_requested_A": float(asked_A),
            "versions": versions(),
            **one.provenance,
        },
    )


def _template(
    images: NDArray[np.float64],
    settings: Settings,
    *,
    microscope: Microscope,
    phonons: int,
    thickness_A: float,
    provenance: dict[str, Any],
) -> Template:
    """Return the template of images (detector, y, x), with shot noise if there is a dose."""
    seed, dose = seed_of(settings.rng), settings.dose
    if dose is not None:
        noise = np.random.default_rng(np.random.SeedSequence([seed, 2**32 - 1]))
        pixel = settings.pixel_size_A
        images = poisson_dose(images, dose_per_A2=dose, pixel_size_A=pixel, rng=noise)
    return Template(
        image=(images[0] if len(images) == 1 else images).astype(np.float32),
        detectors=microscope.detector_names,
        pixel_size_A=float(settings.pixel_size_A),
        engine=settings.engine,
        potential=settings.potential,
        thickness_A=thickness_A,
        microscope=microscope,
        phonons=phonons,
        rng=seed,
        dose_per_A2=None if dose is None else float(dose),
        provenance=provenance,
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


def estimate_s(x: Any, *, thickness_A: float = 80.0, **settings: Any) -> float:
    """Return the expected run time of :func:`simulate` [s], right within a factor of about two.

    On an accelerator it is an upper bound.

    Parameters
    ----------
    x, thickness_A, **settings
        As in :func:`simulate`.

    Raises
    ------
    SimulationError
        If a setting cannot give a right image.
    """
    given = Settings(**settings)
    chosen, device = choose_engine(given.engine, device=given.device)
    scope = microscope_of(given.microscope)
    own = replace(given, engine=chosen, device=device, rng=seed_of(given.rng))
    if _served(x, (thickness_A,), own, asked=given.engine, scope=scope) is not None:
        return _ATLAS_S
    structure, _ = to_structure(x, lattice=given.lattice)
    return make_plan(
        structure,
        microscope=scope,
        thickness_A=thickness_A,
        phonons=given.phonons,
        sampling_A=given.sampling_A,
        prism=given.prism,
        k_sets=_k_sets(own),
    ).estimate_s(engine=chosen)


def _k_sets(settings: Settings) -> bool:
    """Return whether the wave vectors of a static lattice may come in sets: in torch they can."""
    return settings.engine == "torch" and settings.potential == "exact"


def _periods(thicknesses_A: tuple[float, ...], grid: Grid) -> list[int]:
    """Return the thicknesses in whole periods."""
    periods = [max(1, round(one / grid.period_A)) for one in thicknesses_A]
    if (np.diff(periods) <= 0).any():
        raise SimulationError(
            f"thicknesses are {', '.join(f'{one:g}' for one in thicknesses_A)} Å, which round to "
            f"{', '.join(map(str, periods))} periods of {grid.period_A:.4f} Å; expected increasing "
            "ones, a period apart or more"
        )
    return periods


def _pixel_axes(
    plan: Plan, pixel_size_A: float, field_A: tuple[float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not (math.isfinite(pixel_size_A) and 0.01 <= pixel_size_A <= 2):
        raise SimulationError(f"pixel size is {pixel_size_A} Å; expected 0.01 to 2 Å")
    field = plan.field_A if field_A is None else field_A
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


_TUPLES: Final = ("repeats", "gpts", "extent_A", "k_points", "k_point")


def _provenance(plan: Plan, label: str, thickness_A: float, settings: Settings) -> dict[str, Any]:
    grid, unit, lattice = plan.grid, plan.unit, settings.lattice
    return {
        "source": label,
        "lattice": None if lattice is None else str(lattice),
        "device": settings.device,
        "prism": settings.prism,
        "carbon": asdict(settings.carbon) if settings.carbon else None,
        "zone": [1, 0, 0],
        "thickness_requested_A": float(thickness_A),
        "grid": {**asdict(grid), **{name: list(getattr(grid, name)) for name in _TUPLES}},
        "sampling_A": list(grid.sampling_A),
        "slice_A": grid.slice_A,
        "terminations_A": [list(step) for step in plan.terminations_A],
        "scan": {**asdict(unit), "step_A": plan.microscope.nyquist_step_A},
        "versions": versions(),
    }
