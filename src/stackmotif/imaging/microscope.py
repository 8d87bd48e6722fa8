"""The microscope: beam, probe-forming lens, source and detectors."""

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Final

from stackmotif.errors import SimulationError

_PLANCK_C_EV_A: Final = 12398.419843320026
"""h c [eV Å] (CODATA 2018, exact)."""
_ELECTRON_REST_EV: Final = 510998.95
"""m c² of the electron [eV] (CODATA 2018)."""


@dataclass(frozen=True)
class Detector:
    """A round or annular detector that counts every electron between two angles.

    Parameters
    ----------
    name : str
        Label, unique within a microscope: ``ADF``, ``BF``, …
    inner_mrad, outer_mrad : float
        Scattering angles [mrad], ``0 <= inner_mrad < outer_mrad``.

    Raises
    ------
    SimulationError
        If the angles are not finite or not in order.
    """

    name: str
    inner_mrad: float
    outer_mrad: float

    def __post_init__(self) -> None:
        real = isinstance(self.inner_mrad, Real) and isinstance(self.outer_mrad, Real)
        if not (real and 0 <= self.inner_mrad < self.outer_mrad < math.inf):
            raise SimulationError(
                f"detector {self.name!r} runs from {self.inner_mrad} to {self.outer_mrad} mrad; "
                "expected 0 <= inner_mrad < outer_mrad"
            )


@dataclass(frozen=True)
class Microscope:
    """A scanning transmission electron microscope.

    Parameters
    ----------
    energy_eV : float
        Beam energy [eV], from 20 000 to 1 500 000.
    semiangle_mrad : float
        Convergence semi-angle [mrad].
    detectors : tuple of Detector
        All of them are filled in one pass.
    defocus_A : float
        Position of the geometrical focus below the entrance surface, along the beam [Å]: positive
        values focus inside the crystal (underfocus, ``C10 = -defocus``), negative ones above it.
    Cs_A : float
        Third-order spherical aberration [Å]; 0 is an ideal corrector.
    source_fwhm_A : float
        Full width at half maximum of the Gaussian effective source at the specimen [Å].
    name : str
        Label kept in the provenance.

    Raises
    ------
    SimulationError
        If a value is not physical or two detectors share a name.

    Examples
    --------
    >>> round(Microscope.preset("adf-300kV").wavelength_A, 5)
    0.01969
    """

    energy_eV: float
    semiangle_mrad: float
    detectors: tuple[Detector, ...]
    defocus_A: float = 0.0
    Cs_A: float = 0.0
    source_fwhm_A: float = 0.0
    name: str = "custom"

    def __post_init__(self) -> None:
        object.__setattr__(self, "detectors", _detectors(self.detectors))
        _check_range("energy_eV", self.energy_eV, 2e4, 1.5e6, "eV")
        _check_range("semiangle_mrad", self.semiangle_mrad, 0.5, 100.0, "mrad")
        _check_range("defocus_A", self.defocus_A, -1e5, 1e5, "Å")
        _check_range("Cs_A", self.Cs_A, -1e8, 1e8, "Å")
        _check_range("source_fwhm_A", self.source_fwhm_A, 0.0, 20.0, "Å")
        names = [detector.name for detector in self.detectors]
        if not names or len(set(names)) != len(names):
            raise SimulationError(
                f"microscope {self.name!r} has the detectors {names}; "
                "expected one or more with different names"
            )

    @classmethod
    def preset(cls, name: str) -> "Microscope":
        """Return one of the built-in microscopes, see :data:`PRESETS`.

        Raises
        ------
        SimulationError
            If there is no such preset.
        """
        if not isinstance(name, str) or name not in PRESETS:
            raise SimulationError(
                f"microscope preset {name!r} does not exist; expected one of {', '.join(PRESETS)}, "
                "or pass a Microscope"
            )
        return PRESETS[name]

    def with_(self, **changes: object) -> "Microscope":
        """Return a copy with some fields changed, validated again."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def wavelength_A(self) -> float:
        """Relativistic electron wavelength [Å]."""
        energy = self.energy_eV
        return _PLANCK_C_EV_A / math.sqrt(energy * (energy + 2 * _ELECTRON_REST_EV))

    @property
    def nyquist_step_A(self) -> float:
        """Largest scan step that keeps every detail of an image: λ / 4α [Å]."""
        return self.wavelength_A / (4e-3 * self.semiangle_mrad)

    @property
    def source_sigma_A(self) -> float:
        """Standard deviation of the effective source [Å]."""
        return self.source_fwhm_A / math.sqrt(8 * math.log(2))

    @property
    def outer_mrad(self) -> float:
        """Largest angle that any detector asks for [mrad]."""
        return max(detector.outer_mrad for detector in self.detectors)

    @property
    def detector_names(self) -> tuple[str, ...]:
        """Names of the detectors, in order."""
        return tuple(detector.name for detector in self.detectors)


def _detectors(given: Any) -> tuple[Detector, ...]:
    if not (isinstance(given, list | tuple) and all(isinstance(d, Detector) for d in given)):
        raise SimulationError(f"detectors are {given!r}; expected a tuple of Detector")
    return tuple(given)


def _check_range(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not (isinstance(value, Real) and math.isfinite(value) and low <= value <= high):
        raise SimulationError(
            f"microscope {name} is {value} {unit}; "
            f"expected a number from {low:g} to {high:g} {unit}"
        )


_SOURCE_FWHM_A: Final = 0.8
"""Effective source size of the presets [Å]: mid-range of 0.6 to 1.0 Å, a judgement (unverified)."""

_ADF: Final = Detector("ADF", 25.0, 150.0)
_FOUR: Final = (
    Detector("HAADF", 60.0, 150.0),
    _ADF,
    Detector("ABF", 10.0, 20.0),
    Detector("BF", 0.0, 10.0),
)

PRESETS: Final = {
    f"{kind}-{kilovolt}kV": Microscope(
        energy_eV=kilovolt * 1e3,
        semiangle_mrad=20.0,
        detectors=detectors,
        source_fwhm_A=_SOURCE_FWHM_A,
        name=f"{kind}-{kilovolt}kV",
    )
    for kilovolt in (300, 200)
    for kind, detectors in (("adf", (_ADF,)), ("stem", _FOUR))
}
"""Built-in microscopes: ``adf-300kV``, ``stem-300kV``, ``adf-200kV``, ``stem-200kV``."""
