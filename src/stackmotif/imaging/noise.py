"""What a real instrument adds to an image: source size, shot noise, scan errors.

Small pure functions on images (y, x) or (..., y, x). Everything random takes ``rng``, a seed or a
NumPy generator.
"""

import math

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError

Rng = int | np.random.Generator


def source_blur(
    image: NDArray[np.floating], *, fwhm_A: float, pixel_size_A: float, periodic: bool = False
) -> NDArray[np.float64]:
    """Blur with a Gaussian effective source of a full width at half maximum ``fwhm_A`` [Å].

    ``periodic`` wraps the image's edges; otherwise they are mirrored.
    """
    from scipy.ndimage import gaussian_filter

    _positive("pixel_size_A", pixel_size_A, "Å")
    sigma = fwhm_A / math.sqrt(8 * math.log(2)) / pixel_size_A
    widths = [0.0] * (image.ndim - 2) + [sigma, sigma]
    return gaussian_filter(
        np.asarray(image, dtype=np.float64), widths, mode="wrap" if periodic else "reflect"
    )


def poisson_dose(
    image: NDArray[np.floating], *, dose_per_A2: float, pixel_size_A: float, rng: Rng
) -> NDArray[np.float64]:
    """Return an image of whole electrons, as the fraction of the incident dose that it measures.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
        Noise-free fraction of the incident beam; small negative values from interpolation count as
        zero.
    dose_per_A2 : float
        Incident electrons per Å².
    pixel_size_A : float
        Pixel edge [Å].
    rng : int or Generator
        Seed or generator.
    """
    _positive("dose", dose_per_A2, "e/Å²")
    _positive("pixel_size_A", pixel_size_A, "Å")
    per_pixel = dose_per_A2 * pixel_size_A**2
    expected = np.maximum(np.asarray(image, dtype=np.float64), 0.0) * per_pixel
    return np.random.default_rng(rng).poisson(expected) / per_pixel


def row_offsets(
    n_rows: int, *, jitter_px: float, drift_px: float = 0.0, rng: Rng
) -> NDArray[np.float64]:
    """Draw the horizontal displacement of each scan line [px].

    Parameters
    ----------
    n_rows : int
        Number of lines.
    jitter_px : float
        Root mean square of the part that is independent from line to line [px].
    drift_px : float
        Root mean square of a slow random walk over the whole frame [px].
    rng : int or Generator
        Seed or generator.
    """
    generator = np.random.default_rng(rng)
    fast = generator.standard_normal(n_rows) * jitter_px
    slow = np.cumsum(generator.standard_normal(n_rows))
    slow = slow - np.linspace(slow[0], slow[-1], n_rows) if n_rows > 1 else slow * 0
    slow -= slow.mean()
    spread = float(slow.std())
    return fast + (slow * (drift_px / spread) if spread > 0 else 0.0)


def row_jitter(
    image: NDArray[np.floating], *, offsets_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displace every line of an image (y, x) to the right by its own offset [px]."""
    rows = np.arange(image.shape[0], dtype=np.float64)
    columns = np.arange(image.shape[1], dtype=np.float64)
    x = columns[None] - np.asarray(offsets_px)[:, None]
    return resample(image, np.broadcast_to(rows[:, None], x.shape), x)


def affine_matrix(*, rotation_deg: float = 0.0, shear_deg: float = 0.0) -> NDArray[np.float64]:
    """Return the matrix that takes a crystal's (x, y) to the scan frame's (x, y).

    Positive rotation turns counter-clockwise on the screen (y points down); then positive shear
    moves points to the right in proportion to their height *above* the origin, so that 90° between
    the scan axes become 90° minus ``shear_deg``.

    Examples
    --------
    >>> (affine_matrix(shear_deg=1.0) @ (0.0, -100.0)).round(3).tolist()
    [1.746, -100.0]
    """
    angle = math.radians(rotation_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    lean = np.array([[1.0, -math.tan(math.radians(shear_deg))], [0.0, 1.0]])
    return lean @ turn


def distort(
    image: NDArray[np.floating], *, rotation_deg: float = 0.0, shear_deg: float = 0.0
) -> NDArray[np.float64]:
    """Rotate and shear an image (y, x) about its centre; see :func:`affine_matrix`."""
    back = np.linalg.inv(affine_matrix(rotation_deg=rotation_deg, shear_deg=shear_deg))
    ny, nx = image.shape
    y, x = np.meshgrid(np.arange(ny) - (ny - 1) / 2, np.arange(nx) - (nx - 1) / 2, indexing="ij")
    source_x = back[0, 0] * x + back[0, 1] * y + (nx - 1) / 2
    source_y = back[1, 0] * x + back[1, 1] * y + (ny - 1) / 2
    return resample(image, source_y, source_x)


def resample(
    image: NDArray[np.floating],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    *,
    periodic: bool = False,
) -> NDArray[np.float64]:
    """Return an image (y, x) at other places, by cubic splines.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        What is sampled; it is continued by reflection at its edges.
    rows, columns : ndarray
        Where [px], counted from the centre of the first pixel.
    periodic : bool
        The image repeats instead.
    """
    from scipy.ndimage import map_coordinates

    return map_coordinates(
        np.asarray(image, dtype=np.float64),
        [rows, columns],
        order=3,
        mode="grid-wrap" if periodic else "reflect",
    )


def _positive(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise SimulationError(f"{name} is {value} {unit}; expected a positive number")
