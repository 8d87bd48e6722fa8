"""The microscope: beam, probe-forming lens, source and detectors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Final

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.aberrations import checked_aberrations
from stackmotif.imaging.detector import Detector, check_pair, check_range

_PLANCK_C_EV_A: Final = 12398.419843320026
"""h c [eV Å] (CODATA 2018, exact)."""
_ELECTRON_REST_EV: Final = 510998.95
"""m c² of the electron [eV] (CODATA 2018)."""
_FWHM: Final = math.sqrt(8 * math.log(2))
"""Full width at half maximum of a Gaussian of unit standard deviation."""
MAX_TILT_MRAD: Final = 30.0
"""Largest tilt of the specimen [mrad]; beyond it the small-angle propagator is no longer right."""


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
    tilt_mrad : tuple of float
        Tilt (x, y) between the beam and the zone axis [mrad], up to 30: inside the crystal the beam
        moves towards +x (right) and +y (down) by tan(tilt) times the depth. Detectors stay centred
        on the beam.
    Cc_A : float
        Chromatic aberration [Å].
    energy_spread_eV : float
        Full width at half maximum of the beam's energies [eV].
    aberrations : mapping or tuple of pairs
        Further aberrations by name, see :mod:`stackmotif.imaging.aberrations`: ``C12``, ``C21``, …
        [Å] and their directions ``phi12``, ``phi21``, … [rad]. Defocus and ``Cs_A`` have their own
        fields. Kept as sorted pairs.
    note : str
        Where the numbers come from; ``unverified`` if that is nowhere in print.

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
    tilt_mrad: tuple[float, float] = (0.0, 0.0)
    Cc_A: float = 0.0
    energy_spread_eV: float = 0.0
    aberrations: tuple[tuple[str, float], ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detectors", _detectors(self.detectors))
        check_range("energy_eV", self.energy_eV, 2e4, 1.5e6, "eV")
        check_range("semiangle_mrad", self.semiangle_mrad, 0.5, 100.0, "mrad")
        check_range("defocus_A", self.defocus_A, -1e5, 1e5, "Å")
        check_range("Cs_A", self.Cs_A, -1e8, 1e8, "Å")
        check_range("source_fwhm_A", self.source_fwhm_A, 0.0, 20.0, "Å")
        check_range("Cc_A", self.Cc_A, 0.0, 1e9, "Å")
        check_range("energy_spread_eV", self.energy_spread_eV, 0.0, 20.0, "eV")
        tilt = check_pair("microscope tilt_mrad", self.tilt_mrad, MAX_TILT_MRAD)
        object.__setattr__(self, "tilt_mrad", tilt)
        object.__setattr__(self, "aberrations", checked_aberrations(self.aberrations))
        names = list(self.detector_names)
        if not names or len(set(names)) != len(names):
            raise SimulationError(
                f"microscope {self.name!r} has the detectors {names}; "
                "expected one or more with different names"
            )

    @classmethod
    def preset(cls, name: str) -> "Microscope":
        """Return one of the built-in microscopes, see :mod:`stackmotif.imaging.presets`.

        Raises
        ------
        SimulationError
            If there is no such preset.
        """
        from stackmotif.imaging.presets import PRESETS

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
        return self.source_fwhm_A / _FWHM

    @property
    def focal_spread_A(self) -> float:
        """Standard deviation of the focus that the beam's energies cause [Å].

        Cc (ΔE / E) (1 + E/mc²) / (1 + E/2mc²), with the standard deviation of the energies
        (L. Reimer and H. Kohl, Transmission Electron Microscopy, doi:10.1007/978-0-387-40093-8).
        """
        energies = self.energy_eV / _ELECTRON_REST_EV
        relative = self.energy_spread_eV / _FWHM / self.energy_eV
        return self.Cc_A * relative * (1 + energies) / (1 + energies / 2)

    def defocus_series(self, count: int = 5) -> tuple[tuple[float, float], ...]:
        """Return defoci [Å] and their weights, whose weighted mean is the mean over the energies.

        Gauss-Hermite quadrature: exact where the signal is a polynomial in the defocus of a degree
        up to ``2 count - 1`` over the focal spread. Without a spread there is one defocus.

        Parameters
        ----------
        count : int
            Defoci, 1 to 15; 3 to 7 are enough for spreads below the depth of focus.

        Raises
        ------
        SimulationError
            If the count is out of range.
        """
        if not (isinstance(count, Integral) and 1 <= count <= 15):
            raise SimulationError(
                f"a defocus series has {count!r} members; expected a whole number from 1 to 15"
            )
        spread = self.focal_spread_A
        if spread == 0 or count == 1:
            return ((float(self.defocus_A), 1.0),)
        nodes, weights = np.polynomial.hermite.hermgauss(int(count))
        defoci = self.defocus_A + math.sqrt(2) * spread * nodes
        shares = weights / weights.sum()
        return tuple(zip(defoci.tolist(), shares.tolist(), strict=True))

    @property
    def phase_coefficients(self) -> Mapping[str, float]:
        """All aberrations by name, ``C10`` and ``C30`` included [Å, rad]."""
        own = {"C10": -float(self.defocus_A), "C30": float(self.Cs_A)}
        return own | dict(self.aberrations)

    @property
    def outer_mrad(self) -> float:
        """Largest angle that any detector asks for [mrad]."""
        return max(detector.reach_mrad for detector in self.detectors)

    @property
    def detector_names(self) -> tuple[str, ...]:
        """Names of the images, in order: detectors, or their segments."""
        return tuple(name for detector in self.detectors for name in detector.channels)

    def describe(self) -> str:
        """Return the microscope in words, one line per setting, every number with its unit.

        Examples
        --------
        >>> Microscope.preset("adf-300kV").describe().splitlines()[1]
        'beam: 300 kV, wavelength 0.019687 Å'
        """
        return "\n".join(_lines(self))


def _detectors(given: Any) -> tuple[Detector, ...]:
    if not (isinstance(given, list | tuple) and all(isinstance(d, Detector) for d in given)):
        raise SimulationError(f"detectors are {given!r}; expected a tuple of Detector")
    return tuple(given)


def _lines(scope: Microscope) -> list[str]:
    extra = [f"{name} {value:g} {_unit(name)}" for name, value in scope.aberrations]
    lines = [
        f"{scope.name}",
        f"beam: {scope.energy_eV / 1e3:g} kV, wavelength {scope.wavelength_A:.6f} Å",
        f"probe: semi-angle {scope.semiangle_mrad:g} mrad, defocus {scope.defocus_A:g} Å, "
        f"Cs {scope.Cs_A:g} Å" + "".join(f", {text}" for text in extra),
        f"energies: spread {scope.energy_spread_eV:g} eV (full width), Cc {scope.Cc_A:g} Å, "
        f"focal spread {scope.focal_spread_A:.4g} Å (standard deviation)",
        f"source: {scope.source_fwhm_A:g} Å (full width)",
        "specimen tilt: ({:g}, {:g}) mrad".format(*scope.tilt_mrad),
        f"scan step: {scope.nyquist_step_A:.4f} Å at most",
        *(f"detector {detector.describe()}" for detector in scope.detectors),
    ]
    return [*lines, f"note: {scope.note}"] if scope.note else lines


def _unit(name: str) -> str:
    return "rad" if name.startswith("phi") else "Å"
