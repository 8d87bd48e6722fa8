"""Edges of aperture and detectors on the grid of scattering angles.

Two rules exist:

``area``
    A signal hardly depends on how the supercell divides the angles. A pixel on the edge of a
    detector counts with the share of its area inside. A pixel of the probe counts whole or not at
    all: the pixels nearest the axis are taken until they have the area of the aperture. Weighing
    them by area as well would be wrong in first order: the intensity of a pixel with the share f
    goes with f, but its interference with the beams beside it with the square root of f.
``abtem``
    A pixel of a detector counts if its centre is inside and the aperture has a soft edge, as in
    abTEM.

A detector whose edge coincides with that of the aperture takes the same whole pixels.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.grids import Grid

EDGES: Final = ("area", "abtem")
"""Rules for pixels on an edge."""
_COINCIDENT: Final = 1e-6
_EQUAL: Final = 1e-9


def check_edges(edges: str) -> None:
    """Refuse a rule for edges that does not exist.

    Raises
    ------
    SimulationError
        With the known ones.
    """
    if edges not in EDGES:
        raise SimulationError(f"edges are {edges!r}; expected one of {', '.join(EDGES)}")


def angles_mrad(grid: Grid, wavelength_A: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scattering angles along x and y [mrad], shapes (gx, 1) and (1, gy)."""
    x, y = (1e3 * wavelength_A * k for k in grid.k_per_A)
    return x[:, None], y[None]


def disc(
    grid: Grid,
    wavelength_A: float,
    radius_mrad: float,
    *,
    offset_mrad: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float64]:
    """Return the share of every pixel that lies inside a disc, to first order in its size.

    Parameters
    ----------
    grid : Grid
        The wave grid.
    wavelength_A : float
        Wavelength [Å].
    radius_mrad : float
        Radius [mrad].
    offset_mrad : tuple of float
        Centre (x, y) [mrad].

    Returns
    -------
    ndarray of float64, shape (gx, gy)
        From 0 to 1.
    """
    x, y = angles_mrad(grid, wavelength_A)
    x, y = x - offset_mrad[0], y - offset_mrad[1]
    pixel_x, pixel_y = (1e3 * wavelength_A * step for step in grid.k_step_per_A)
    angle = np.hypot(x, y)
    with np.errstate(invalid="ignore"):
        pixel = np.hypot(x * pixel_x, y * pixel_y) / angle
    inside = np.clip((radius_mrad - angle) / pixel + 0.5, 0.0, 1.0)
    return np.where(angle == 0, float(radius_mrad > 0), inside)


def whole_pixels(grid: Grid, wavelength_A: float, radius_mrad: float) -> NDArray[np.float64]:
    """Return the share that every pixel has in a disc about the axis made of whole pixels.

    The pixels of the last shell share what is missing of the disc's area, counted over all sets of
    wave vectors of the grid.

    Returns
    -------
    ndarray of float64, shape (gx, gy)
        1 inside, 0 outside, and the same for all pixels of the last shell.
    """
    shell2, share = _last_shell(grid.k_step_per_A, 1e-3 * radius_mrad / wavelength_A)
    kx, ky = grid.k_per_A
    k2 = kx[:, None] ** 2 + ky[None] ** 2
    return np.where(k2 < shell2 * (1 - _EQUAL), 1.0, share * (k2 <= shell2 * (1 + _EQUAL)))


def disc_pixels(grid: Grid, wavelength_A: float, radius_mrad: float) -> float:
    """Return how many pixels of all sets of wave vectors together have the area of a disc."""
    return _area(grid.k_step_per_A, 1e-3 * radius_mrad / wavelength_A)


def _area(k_step_per_A: tuple[float, float], radius_per_A: float) -> float:
    return np.pi * radius_per_A**2 / (k_step_per_A[0] * k_step_per_A[1])


@lru_cache(maxsize=256)
def _last_shell(k_step_per_A: tuple[float, float], radius_per_A: float) -> tuple[float, float]:
    """Return the squared wave vector of the last shell [1/Å²] and the share of its pixels."""
    i, j = (
        np.arange(-n, n + 1) for n in (int(1.2 * radius_per_A / step) + 2 for step in k_step_per_A)
    )
    k2 = np.sort(((i[:, None] * k_step_per_A[0]) ** 2 + (j * k_step_per_A[1]) ** 2).ravel())
    wanted = _area(k_step_per_A, radius_per_A)
    last = k2[int(wanted)]
    below, upto = np.searchsorted(k2, [last * (1 - _EQUAL), last * (1 + _EQUAL)])
    return float(last), float((wanted - below) / (upto - below))


def coincident(rim_mrad: float, semiangle_mrad: float, offset_mrad: tuple[float, float]) -> bool:
    """Return whether an edge of a detector is that of the aperture."""
    near = abs(rim_mrad - semiangle_mrad) < _COINCIDENT * semiangle_mrad
    return near and float(np.hypot(*offset_mrad)) < _COINCIDENT * semiangle_mrad
