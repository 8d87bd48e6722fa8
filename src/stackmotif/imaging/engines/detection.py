"""What detectors see: weights on the grid of scattering angles.

All arrays lie on the unshifted FFT grid (x, y) of the wave; a scattering angle is λk, with x to the
right and y down, as in the image.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import Detector
from stackmotif.imaging.engines.edges import (
    angles_mrad,
    check_edges,
    coincident,
    disc,
    whole_pixels,
)
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope


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
    outer, inner = (
        np.ceil(whole_pixels(grid, wavelength_A, rim))
        if coincident(rim, semiangle_mrad, offset_mrad)
        else disc(grid, wavelength_A, rim, offset_mrad=offset_mrad)
        for rim in (outer_mrad, inner_mrad)
    )
    return (outer - inner).astype(np.float32)


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
    pixels = [1e3 * wavelength_A * step for step in grid.k_step_per_A]
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
