"""A fast test image: one Gaussian per atomic column."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stackmotif.errors import SimulationError

_REACH = 5.0
_CHUNK = 2048
EDGES = ("vacuum", "amorphous")


def column_sum_image(
    positions_A: ArrayLike,
    *,
    shape: tuple[int, int],
    pixel_size_A: float,
    sigma_A: float = 0.5,
    amplitude: ArrayLike = 0.25,
    background: float = 0.04,
    dose_e_per_A2: float | None = None,
    read_noise_e: float = 0.0,
    row_jitter_A: float = 0.0,
    edge: Literal["vacuum", "amorphous"] | None = None,
    edge_width_A: float = 0.0,
    edge_speckle: float = 0.01,
    rng: int | np.random.Generator = 0,
) -> NDArray[np.float32]:
    """Return a sum of Gaussians, one per column: a test image, never a template.

    It is for testing detection, where the truth must be exact and images must be cheap. It holds no
    scattering physics: no channelling, no thickness, no probe tails.

    Parameters
    ----------
    positions_A : array_like, shape (n, 2)
        Column positions (y, x) in image axes [Å]: y down, origin at the centre of pixel (0, 0).
    shape : tuple of int
        Image shape (y, x) [px].
    pixel_size_A : float
        Pixel edge [Å]; intensities are sampled at pixel centres.
    sigma_A : float
        Gaussian sigma of every column [Å].
    amplitude : array_like
        Peak height above the background, a fraction of the incident beam; one value or n.
    background : float
        Intensity between the columns, a fraction of the incident beam.
    dose_e_per_A2 : float, optional
        Dose [e/Å²]. With it the image is in electrons per pixel with Poisson noise; without it the
        image is noise-free, in fractions of the beam.
    read_noise_e : float
        Standard deviation of Gaussian read noise [electrons per pixel]; needs a dose.
    row_jitter_A : float
        Standard deviation of a random sideways displacement of each scan line [Å].
    edge : {'vacuum', 'amorphous'}, optional
        What fills the strip ``x < edge_width_A``; columns whose x lies there are left out.
    edge_width_A : float
        Width of that strip [Å].
    edge_speckle : float
        RMS of the amorphous speckle, a fraction of the beam, with the columns' own blur.
    rng : int or numpy.random.Generator
        Seed or generator of jitter, speckle and noise.

    Returns
    -------
    ndarray of float32, shape (y, x)

    Raises
    ------
    SimulationError
        If a size, a dose or a width is not positive, or the edge is unknown.

    Examples
    --------
    >>> image = column_sum_image([[1.0, 2.0]], shape=(20, 40), pixel_size_A=0.1)
    >>> int(image.argmax()) == 10 * 40 + 20
    True
    """
    positions = np.asarray(positions_A, dtype=np.float64).reshape(-1, 2)
    heights = np.broadcast_to(np.asarray(amplitude, dtype=np.float64), (len(positions),))
    _check(shape, pixel_size_A, sigma_A, dose_e_per_A2, read_noise_e, edge)
    generator = np.random.default_rng(rng)
    if edge is not None:
        kept = positions[:, 1] >= edge_width_A
        positions, heights = positions[kept], heights[kept]
    jitter_px = generator.normal(0.0, row_jitter_A / pixel_size_A, shape[0])
    sigma_px = sigma_A / pixel_size_A
    image = _sum_of_gaussians(positions / pixel_size_A, heights, shape, sigma_px, jitter_px)
    image += background
    if edge is not None:
        strip = np.arange(shape[1]) * pixel_size_A < edge_width_A
        image[:, strip] -= background
        if edge == "amorphous":
            speckle = edge_speckle * _speckle(shape, sigma_px, generator)
            image[:, strip] += np.maximum(background + speckle[:, strip], 0.0)
    if dose_e_per_A2 is not None:
        image = generator.poisson(image * dose_e_per_A2 * pixel_size_A**2).astype(np.float64)
        image += generator.normal(0.0, read_noise_e, shape)
    return image.astype(np.float32)


def _check(
    shape: tuple[int, int],
    pixel_size_A: float,
    sigma_A: float,
    dose_e_per_A2: float | None,
    read_noise_e: float,
    edge: str | None,
) -> None:
    if len(shape) != 2 or min(shape) < 2:
        raise SimulationError(f"shape is {shape}; expected (y, x) of 2 or more pixels each")
    for name, value in (("pixel_size_A", pixel_size_A), ("sigma_A", sigma_A)):
        if not (np.isfinite(value) and value > 0):
            raise SimulationError(f"{name} is {value} Å; expected a finite positive number")
    if dose_e_per_A2 is not None and not (np.isfinite(dose_e_per_A2) and dose_e_per_A2 > 0):
        raise SimulationError(
            f"dose is {dose_e_per_A2} e/Å²; expected a positive number, or None for no noise"
        )
    if read_noise_e and dose_e_per_A2 is None:
        raise SimulationError(
            f"read noise of {read_noise_e} electrons needs a dose; pass dose_e_per_A2=…"
        )
    if edge is not None and edge not in EDGES:
        raise SimulationError(f"edge is {edge!r}; expected one of {', '.join(EDGES)}, or None")


def _sum_of_gaussians(
    positions_px: NDArray[np.float64],
    heights: NDArray[np.float64],
    shape: tuple[int, int],
    sigma_px: float,
    jitter_px: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Render chunks of small patches and add them into the image."""
    reach = int(np.ceil(_REACH * sigma_px + 3 * float(np.abs(jitter_px).max(initial=0.0))))
    offsets = np.arange(-reach, reach + 1)
    total = np.zeros(shape[0] * shape[1])
    for start in range(0, len(positions_px), _CHUNK):
        part = positions_px[start : start + _CHUNK]
        rows = np.rint(part[:, :1]).astype(np.int64) + offsets
        cols = np.rint(part[:, 1:]).astype(np.int64) + offsets
        dy = rows - part[:, :1]
        shifts = jitter_px[np.clip(rows, 0, shape[0] - 1)]
        dx = cols[:, None, :] - part[:, 1, None, None] - shifts[:, :, None]
        patch = np.exp(-(dy[:, :, None] ** 2 + dx**2) / (2 * sigma_px**2))
        patch *= heights[start : start + _CHUNK, None, None]
        inside_y, inside_x = (rows >= 0) & (rows < shape[0]), (cols >= 0) & (cols < shape[1])
        inside = inside_y[:, :, None] & inside_x[:, None, :]
        flat = (rows[:, :, None] * shape[1] + cols[:, None, :])[inside]
        total += np.bincount(flat, weights=patch[inside], minlength=total.size)
    return total.reshape(shape)


def _speckle(
    shape: tuple[int, int], sigma_px: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return a Gaussian random field of unit variance, blurred like the columns."""
    ky = np.fft.fftfreq(shape[0])[:, None]
    kx = np.fft.rfftfreq(shape[1])[None, :]
    transfer = np.exp(-2 * (np.pi * sigma_px) ** 2 * (ky**2 + kx**2))
    field = np.fft.irfft2(np.fft.rfft2(generator.normal(size=shape)) * transfer, s=shape)
    return field / field.std()
