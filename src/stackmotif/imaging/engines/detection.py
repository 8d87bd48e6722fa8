"""What detectors see: weights on the grid of scattering angles.

All arrays lie on the unshifted FFT grid (x, y) of the wave; a scattering angle is λk, with x to the
right and y down, as in the image. Two rules for edges exist:

``area``
    A pixel on an edge counts with the share of its area inside, so that a signal hardly depends on
    how the supercell's size divides the angles.
``abtem``
    A pixel counts if its centre is inside, as in abTEM.

Where the edge of a detector coincides with that of the probe's aperture, both ramps fall into the
same pixels and their product would lose a sixth of a pixel of the bright disc; there the detector's
ramp is moved outward by 0.3 pixel.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import Detector
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

EDGES: Final = ("area", "abtem")
"""Rules for pixels on an edge."""
_SHARED_EDGE_PIXELS: Final = 0.3
_COINCIDENT: Final = 1e-6


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
    x, y = (
        1e3 * wavelength_A * np.asarray(np.fft.fftfreq(count, step), dtype=np.float64)
        for count, step in zip(grid.gpts, grid.sampling_A, strict=True)
    )
    return x[:, None], y[None]


def detector_weights(grid: Grid, microscope: Microscope, *, edges: str) -> NDArray[np.float32]:
    """Return the weights of every channel of a microscope, shape (channel, gx, gy).

    Channels are the detectors in order, or each segment of those that have them.
    """
    return np.concatenate(
        [_channels(grid, microscope, detector, edges=edges) for detector in microscope.detectors]
    )


def _channels(
    grid: Grid, microscope: Microscope, detector: Detector, *, edges: str
) -> NDArray[np.float32]:
    cut: Callable[..., NDArray[np.float32]] = annulus
    turn: dict[str, Any] = {}
    if detector.n_segments:
        cut = segments
        turn = {"count": detector.n_segments, "rotation_deg": detector.rotation_deg}
    found = cut(
        grid,
        microscope.wavelength_A,
        detector.inner_mrad,
        detector.outer_mrad,
        semiangle_mrad=microscope.semiangle_mrad,
        edges=edges,
        offset_mrad=detector.offset_mrad,
        **turn,
    )
    return found.reshape(-1, *grid.gpts)


def disc(
    grid: Grid,
    wavelength_A: float,
    radius_mrad: float,
    *,
    outward_pixels: float = 0.0,
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
    outward_pixels : float
        Moves the edge outward by this many pixels.
    offset_mrad : tuple of float
        Centre (x, y) [mrad].

    Returns
    -------
    ndarray of float64, shape (gx, gy)
        From 0 to 1.
    """
    x, y = angles_mrad(grid, wavelength_A)
    x, y = x - offset_mrad[0], y - offset_mrad[1]
    pixel_x, pixel_y = (1e3 * wavelength_A / edge for edge in grid.extent_A)
    angle = np.hypot(x, y)
    with np.errstate(invalid="ignore"):
        pixel = np.hypot(x * pixel_x, y * pixel_y) / angle
    inside = np.clip((radius_mrad - angle) / pixel + 0.5 + outward_pixels, 0.0, 1.0)
    return np.where(angle == 0, float(radius_mrad > 0), inside)


def annulus(
    grid: Grid,
    wavelength_A: float,
    inner_mrad: float,
    outer_mrad: float,
    *,
    semiangle_mrad: float,
    edges: str = "area",
    offset_mrad: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float32]:
    """Return the weights of a round or annular detector.

    Parameters
    ----------
    grid : Grid
        The wave grid.
    wavelength_A : float
        Wavelength [Å].
    inner_mrad, outer_mrad : float
        Edges of the detector [mrad].
    semiangle_mrad : float
        Convergence semi-angle of the probe [mrad]; an edge that coincides with it is treated apart.
    edges : str
        ``area`` or ``abtem``.
    offset_mrad : tuple of float
        Centre (x, y) of the detector [mrad].

    Returns
    -------
    ndarray of float32, shape (gx, gy)

    Raises
    ------
    SimulationError
        If the rule for edges does not exist.
    """
    check_edges(edges)
    if edges == "abtem":
        x, y = angles_mrad(grid, wavelength_A)
        angle2 = (x - offset_mrad[0]) ** 2 + (y - offset_mrad[1]) ** 2
        return ((angle2 >= inner_mrad**2) & (angle2 < outer_mrad**2)).astype(np.float32)
    rims = (
        disc(
            grid,
            wavelength_A,
            rim,
            outward_pixels=_SHARED_EDGE_PIXELS * _coincides(rim, semiangle_mrad, offset_mrad),
            offset_mrad=offset_mrad,
        )
        for rim in (outer_mrad, inner_mrad)
    )
    return np.subtract(*rims).astype(np.float32)


def _coincides(rim_mrad: float, semiangle_mrad: float, offset_mrad: tuple[float, float]) -> bool:
    near = abs(rim_mrad - semiangle_mrad) < _COINCIDENT * semiangle_mrad
    return near and float(np.hypot(*offset_mrad)) < _COINCIDENT * semiangle_mrad


def bins(
    grid: Grid,
    wavelength_A: float,
    edges_mrad: Sequence[float],
    *,
    semiangle_mrad: float,
    edges: str = "area",
) -> NDArray[np.float32]:
    """Return the weights of adjoining rings; the sum of neighbours is exactly the wider ring.

    Parameters
    ----------
    grid, wavelength_A, semiangle_mrad, edges
        As in :func:`annulus`.
    edges_mrad : sequence of float
        Increasing edges [mrad], one more than rings.

    Returns
    -------
    ndarray of float32, shape (ring, gx, gy)

    Raises
    ------
    SimulationError
        If the edges do not increase from 0 or more.
    """
    rims = np.asarray(edges_mrad, dtype=np.float64)
    if rims.ndim != 1 or len(rims) < 2 or rims[0] < 0 or not (np.diff(rims) > 0).all():
        raise SimulationError(
            f"bin edges are {list(edges_mrad)} mrad; expected two or more increasing from 0"
        )
    return np.stack(
        [
            annulus(grid, wavelength_A, inner, outer, semiangle_mrad=semiangle_mrad, edges=edges)
            for inner, outer in pairwise(rims)
        ]
    )


def segments(
    grid: Grid,
    wavelength_A: float,
    inner_mrad: float,
    outer_mrad: float,
    *,
    count: int,
    semiangle_mrad: float,
    rotation_deg: float = 0.0,
    edges: str = "area",
    offset_mrad: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float32]:
    """Return the weights of an annular detector cut into equal segments; their sum is the annulus.

    Parameters
    ----------
    grid, wavelength_A, inner_mrad, outer_mrad, semiangle_mrad, edges, offset_mrad
        As in :func:`annulus`.
    count : int
        Number of segments, two or more.
    rotation_deg : float
        Direction of the first cut [degrees], from +x towards +y (down); segments follow in the
        same sense.

    Returns
    -------
    ndarray of float32, shape (segment, gx, gy)

    Raises
    ------
    SimulationError
        If there are fewer than two segments.
    """
    if count < 2:
        raise SimulationError(f"a detector has {count} segments; expected two or more")
    ring = annulus(
        grid,
        wavelength_A,
        inner_mrad,
        outer_mrad,
        semiangle_mrad=semiangle_mrad,
        edges=edges,
        offset_mrad=offset_mrad,
    )
    x, y = angles_mrad(grid, wavelength_A)
    x, y = x - offset_mrad[0], y - offset_mrad[1]
    if edges == "abtem":
        turn = np.mod(np.arctan2(y, x) - np.deg2rad(rotation_deg), 2 * np.pi)
        number = np.minimum(np.floor(count * turn / (2 * np.pi)), count - 1)
        return np.stack([ring * (number == one) for one in range(count)])
    pixels = [1e3 * wavelength_A / edge for edge in grid.extent_A]
    cuts = np.deg2rad(rotation_deg) + 2 * np.pi * np.arange(count + 1) / count
    past = [_beyond_cut(x, y, pixels, cut) for cut in cuts]
    wedges = np.stack([np.minimum(past[one], 1.0 - past[one + 1]) for one in range(count)])
    return (ring * (wedges / wedges.sum(axis=0))).astype(np.float32)


def _beyond_cut(
    x: NDArray[np.float64], y: NDArray[np.float64], pixels: Sequence[float], cut: float
) -> NDArray[np.float64]:
    """Return the share of every pixel on the far side of a line through the centre."""
    normal = -np.sin(cut), np.cos(cut)
    width = np.hypot(normal[0] * pixels[0], normal[1] * pixels[1])
    return np.clip((x * normal[0] + y * normal[1]) / width + 0.5, 0.0, 1.0)


def centre_of_mass(grid: Grid, wavelength_A: float) -> NDArray[np.float32]:
    """Return the weights of the mean scattering angle along x (right) and y (down) [mrad].

    Returns
    -------
    ndarray of float32, shape (2, gx, gy)
    """
    shape = grid.gpts
    return np.stack(
        [np.broadcast_to(angle, shape) for angle in angles_mrad(grid, wavelength_A)]
    ).astype(np.float32)
