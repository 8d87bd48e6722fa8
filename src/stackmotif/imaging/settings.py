"""The settings of a simulation, checked before any work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.engines.devices import abtem_device, choose_device
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.running import Progress

ENGINES: Final = ("atlas", "torch", "abtem")
ENDS: Final = ("vacuum", "continue")
"""What is beyond the ends of a finite word."""

MAX_DOSE: Final = 1e12
"""Most incident electrons per Å²; more than any specimen bears, and countable in every pixel."""

MIN_CARBON_PHONONS: Final = 4
"""Fewest configurations with carbon."""


@dataclass(frozen=True)
class Settings:
    """The arguments of :func:`simulate` but the crystal and its thickness."""

    engine: str = "auto"
    potential: str = "exact"
    lattice: Any = None
    microscope: str | Microscope = "adf-300kV"
    pixel_size_A: float = 0.2
    phonons: int = 8
    dose: float | None = None
    rng: int | np.random.Generator = 0
    field_A: tuple[float, float] | None = None
    sampling_A: float | None = None
    sigma_A: Mapping[str, float] | None = None
    carbon: CarbonLayers | None = None
    device: str = "auto"
    tolerance: float | None = None
    ends: str = "vacuum"
    prism: int | None = None
    atlas: Any = None
    progress: Progress | None = None


def choose_engine(engine: str, *, device: str = "auto") -> tuple[str, str]:
    """Return the engine and the device that names stand for.

    ``auto`` stands for torch, which takes over what the atlas does not know.

    Raises
    ------
    SimulationError
        If either does not exist here, or abTEM is asked for a GPU without CuPy.
    """
    if engine not in ("auto", *ENGINES):
        raise SimulationError(
            f"engine {engine!r} is not offered by this version; expected 'auto' or one of "
            + ", ".join(repr(name) for name in ENGINES)
        )
    if engine == "abtem":
        return engine, abtem_device(device)
    if engine == "atlas":
        choose_device(device)
        return engine, "cpu"
    return "torch", choose_device(device)


def check_settings(thicknesses_A: tuple[float, ...], settings: Settings) -> None:
    """Refuse numbers that are none, or not positive.

    Raises
    ------
    SimulationError
        With the value and what was expected.
    """
    if not thicknesses_A:
        raise SimulationError("no thickness was given; expected one or more in Å")
    for thickness_A in thicknesses_A:
        _check_numbers({"thickness": (thickness_A, "Å")})
    if settings.ends not in ENDS:
        raise SimulationError(f"ends are {settings.ends!r}; expected one of {', '.join(ENDS)}")
    if settings.tolerance is not None and not 0 < settings.tolerance <= 1:
        raise SimulationError(
            f"tolerance is {settings.tolerance}; expected a share of the contrast from 0 to 1"
        )
    optional = {"dose": (settings.dose, "e/Å²"), "sampling": (settings.sampling_A, "Å")}
    given = {name: value for name, value in optional.items() if value[0] is not None}
    _check_numbers({"pixel size": (settings.pixel_size_A, "Å"), **given})
    _check_carbon(settings)


def _check_carbon(settings: Settings) -> None:
    """Refuse carbon that would be one pattern repeated with the crystal's period."""
    carbon = settings.carbon
    if not (carbon is None or isinstance(carbon, CarbonLayers)):
        raise SimulationError(
            f"carbon is {carbon!r}; expected CarbonLayers(before_A=..., after_A=...)"
        )
    if carbon and settings.phonons < MIN_CARBON_PHONONS:
        raise SimulationError(
            f"carbon was asked for with phonons={settings.phonons}: each configuration has a layer "
            "of its own, whose speckle repeats with the crystal and must average out; expected "
            f"{MIN_CARBON_PHONONS} configurations or more"
        )


def _check_numbers(numbers: Mapping[str, tuple[Any, str]]) -> None:
    """Refuse what is no positive number before any work."""
    for name, (value, unit) in numbers.items():
        real = isinstance(value, int | float | np.integer | np.floating)
        if not (real and 0 < value <= MAX_DOSE):
            raise SimulationError(
                f"{name} is {value} {unit}; expected a positive number, {MAX_DOSE:g} at most"
            )


def microscope_of(given: str | Microscope) -> Microscope:
    """Return the microscope of a preset's name, or the one that was given.

    Raises
    ------
    SimulationError
        If it is neither.
    """
    if isinstance(given, str):
        return Microscope.preset(given)
    if not isinstance(given, Microscope):
        raise SimulationError(
            f"microscope is {given!r}; expected a preset such as 'adf-300kV', or a Microscope"
        )
    return given


def seed_of(rng: int | np.random.Generator) -> int:
    """Return the seed to store: the number itself, or one drawn from the generator.

    Raises
    ------
    SimulationError
        If it is neither.
    """
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    if isinstance(rng, int | np.integer) and rng >= 0:
        return int(rng)
    raise SimulationError(f"rng is {rng!r}; expected a whole number from 0 or a NumPy Generator")
