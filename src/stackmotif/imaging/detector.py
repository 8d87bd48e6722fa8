"""Detectors: which scattering angles are counted together."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from stackmotif.errors import SimulationError


@dataclass(frozen=True)
class Detector:
    """A round or annular detector that counts every electron between two angles.

    Parameters
    ----------
    name : str
        Label, unique within a microscope: ``ADF``, ``BF``, …
    inner_mrad, outer_mrad : float
        Scattering angles [mrad], ``0 <= inner_mrad < outer_mrad``.
    offset_mrad : tuple of float
        Centre of the detector (x, y) [mrad]: x points right and y down, as in the image.
    n_segments : int
        Equal segments that it is cut into, each read out on its own; 0 is one piece.
    rotation_deg : float
        Direction of the first cut [degrees], from +x towards +y (down).

    Raises
    ------
    SimulationError
        If the angles are not finite or not in order, or there is a single segment.

    Examples
    --------
    >>> Detector("DF", 5.0, 25.0, n_segments=4).channels
    ('DF-1', 'DF-2', 'DF-3', 'DF-4')
    """

    name: str
    inner_mrad: float
    outer_mrad: float
    offset_mrad: tuple[float, float] = (0.0, 0.0)
    n_segments: int = 0
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        real = isinstance(self.inner_mrad, Real) and isinstance(self.outer_mrad, Real)
        if not (real and 0 <= self.inner_mrad < self.outer_mrad < math.inf):
            raise SimulationError(
                f"detector {self.name!r} runs from {self.inner_mrad} to {self.outer_mrad} mrad; "
                "expected 0 <= inner_mrad < outer_mrad"
            )
        whole = isinstance(self.n_segments, Integral) and not isinstance(self.n_segments, bool)
        if not (whole and (self.n_segments == 0 or 2 <= self.n_segments <= 64)):
            raise SimulationError(
                f"detector {self.name!r} has {self.n_segments!r} segments; expected 2 to 64, "
                "or 0 for one piece"
            )
        label = f"detector {self.name!r} offset_mrad"
        object.__setattr__(self, "offset_mrad", check_pair(label, self.offset_mrad, 200.0))
        check_range("detector rotation_deg", self.rotation_deg, -360.0, 360.0, "degrees")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what is read out: the detector, or each of its segments."""
        if self.n_segments == 0:
            return (self.name,)
        return tuple(f"{self.name}-{number + 1}" for number in range(self.n_segments))

    @property
    def reach_mrad(self) -> float:
        """Largest scattering angle that falls on it [mrad]."""
        return self.outer_mrad + math.hypot(*self.offset_mrad)

    @property
    def bisectors_deg(self) -> tuple[float, ...]:
        """Middle direction of every segment [degrees], from +x towards +y (down)."""
        step = 360.0 / max(1, self.n_segments)
        return tuple(self.rotation_deg + step * (n + 0.5) for n in range(self.n_segments))

    def describe(self) -> str:
        """Return the detector in words, every number with its unit."""
        text = f"{self.name}: {self.inner_mrad:g} to {self.outer_mrad:g} mrad"
        if self.offset_mrad != (0.0, 0.0):
            text += ", centre at ({:g}, {:g}) mrad".format(*self.offset_mrad)
        if self.n_segments:
            text += f", {self.n_segments} segments from {self.rotation_deg:g}°"
        return text


def check_range(name: str, value: Any, low: float, high: float, unit: str) -> None:
    """Refuse a setting that is no number in a range.

    Raises
    ------
    SimulationError
        With the value, its unit and the range.
    """
    if not (isinstance(value, Real) and low <= float(value) <= high):
        raise SimulationError(
            f"{name} is {value} {unit}; expected a number from {low:g} to {high:g} {unit}"
        )


def check_pair(name: str, given: Any, limit: float) -> tuple[float, float]:
    """Return two angles (x, y) [mrad] within a limit.

    Raises
    ------
    SimulationError
        If they are not two numbers, or beyond the limit.
    """
    values = tuple(given) if isinstance(given, list | tuple | np.ndarray) else ()
    real = all(isinstance(value, Real) and abs(float(value)) <= limit for value in values)
    if len(values) != 2 or not real:
        raise SimulationError(
            f"{name} is {given!r}; expected two numbers (x, y) from {-limit:g} to {limit:g} mrad"
        )
    return float(values[0]), float(values[1])
