"""Geometrical aberrations of the probe-forming lens.

The names are those of Krivanek and of abTEM: ``Cnm`` [Å] is the coefficient of order n and
multiplicity m, and ``phinm`` [rad] its direction, counted from +x towards +y (down, as in the
image). The phase of a beam at the polar angle α [rad] and the azimuth φ is

    χ = 2π/λ Σ α^(n+1) / (n+1) Cnm cos(m (φ - φnm)),

and the wave is multiplied by exp(-iχ); an underfocus is a negative C10.

O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78, 1 (1999),
doi:10.1016/S0304-3991(99)00013-3.
"""

import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError

_ORDERS: Final = {1: (0, 2), 2: (1, 3), 3: (0, 2, 4), 4: (1, 3, 5), 5: (0, 2, 4, 6)}
_LIMIT_A: Final = 1e10

LENGTHS: Final = tuple(f"C{n}{m}" for n, folds in _ORDERS.items() for m in folds)
"""Names of the coefficients [Å], from ``C10`` (minus the defocus) to ``C56``."""
DIRECTIONS: Final = tuple(f"phi{name[1:]}" for name in LENGTHS if name[2] != "0")
"""Names of the directions [rad]."""
_OWN_FIELDS: Final = {"C10": "defocus_A (C10 = -defocus_A)", "C30": "Cs_A"}


def aberration_phase(
    kx_per_A: NDArray[np.floating],
    ky_per_A: NDArray[np.floating],
    *,
    coefficients: Mapping[str, float],
    wavelength_A: float,
) -> NDArray[np.float64]:
    """Return the phase χ of every beam [rad]; the wave in Fourier space is multiplied by exp(-iχ).

    Parameters
    ----------
    kx_per_A, ky_per_A : ndarray
        Spatial frequencies [1/Å], broadcast against each other; y points down.
    coefficients : mapping of str to float
        Aberrations by name [Å, rad], ``C10`` and ``C30`` included; those left out are 0. See
        :attr:`stackmotif.imaging.Microscope.phase_coefficients`.
    wavelength_A : float
        Wavelength [Å].

    Raises
    ------
    SimulationError
        If there is no aberration of a name.
    """
    for name in coefficients:
        _check_name(name)
    kx, ky = np.asarray(kx_per_A, dtype=np.float64), np.asarray(ky_per_A, dtype=np.float64)
    angle, azimuth = wavelength_A * np.hypot(kx, ky), np.arctan2(ky, kx)
    length = np.zeros(angle.shape)
    for name in LENGTHS:
        size = coefficients.get(name, 0.0)
        if size:
            order, folds = int(name[1]), int(name[2])
            turn = folds * (azimuth - coefficients.get(f"phi{name[1:]}", 0.0))
            length = length + size * angle ** (order + 1) / (order + 1) * np.cos(turn)
    return 2 * math.pi / wavelength_A * length


def checked_aberrations(given: Any) -> tuple[tuple[str, float], ...]:
    """Return aberrations as sorted pairs; what is 0 is left out.

    Parameters
    ----------
    given : mapping or sequence of pairs
        Names and values [Å, rad].

    Raises
    ------
    SimulationError
        If a name does not exist, has a field of its own in the microscope, or a value is no number.
    """
    try:
        values = dict(given)
    except (TypeError, ValueError) as error:
        raise SimulationError(
            f"aberrations are {given!r}; expected names and values such as {{'C12': 20.0}}"
        ) from error
    for name, value in values.items():
        _check_name(name)
        if name in _OWN_FIELDS:
            raise SimulationError(
                f"aberration {name!r} has a field of its own; expected it as {_OWN_FIELDS[name]}"
            )
        if not (isinstance(value, Real) and abs(float(value)) <= _LIMIT_A):
            raise SimulationError(f"aberration {name} is {value!r}; expected a number in Å or rad")
    return tuple(sorted((name, float(value)) for name, value in values.items() if value))


def _check_name(name: Any) -> None:
    if name not in LENGTHS and name not in DIRECTIONS:
        near = isinstance(name, str) and re.fullmatch(r"(C|phi)\d\d", name)
        reason = "is not one up to fifth order" if near else "does not exist"
        raise SimulationError(
            f"aberration {name!r} {reason}; expected one of {', '.join(LENGTHS + DIRECTIONS)}"
        )
