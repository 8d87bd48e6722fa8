"""Power spectra of regions, and a linear filter against noise."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ReadError
from stackmotif.micrograph.model import Micrograph

Region = tuple[float, float, float, float]

_SMALLEST_REGION = 16


def local_fft(
    micrograph: Micrograph, *, region_A: Region | None = None
) -> tuple[NDArray[np.float32], float]:
    """Return the logarithmic power spectrum of a region, zero frequency in the middle.

    The mean is removed and a Hann window applied first, so that neither the mean nor the region's
    borders leave a cross in the spectrum.

    Parameters
    ----------
    micrograph : Micrograph
    region_A : tuple of float, optional
        (y0, x0, y1, x1) in image axes [Å]; the whole image by default. The spectrum is of the
        largest square in it, so that it has the same frequency step on both axes.

    Returns
    -------
    log_power : ndarray of float32, shape (n, n)
        ``log10(1 + power / median power)``; y down, x right.
    frequency_step : float
        Distance of neighbouring pixels of the spectrum [1/Å].

    Raises
    ------
    ReadError
        If the region lies outside the image or is smaller than 16 pixels.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(64) / 8)[None] * np.ones((64, 1))
    >>> log_power, step = local_fft(Micrograph(wave, pixel_size_A=0.5))
    >>> y, x = np.unravel_index(log_power.argmax(), log_power.shape)
    >>> float(abs(x - 32) * step)
    0.25
    """
    crop = _crop(micrograph, region_A)
    n = min(crop.shape)
    square = crop[:n, :n] - crop[:n, :n].mean()
    window = np.hanning(n)
    power = np.abs(np.fft.fftshift(np.fft.fft2(square * window[:, None] * window))) ** 2
    floor = max(float(np.median(power)), np.finfo(np.float64).tiny)
    return np.log10(1 + power / floor).astype(np.float32), 1.0 / (n * micrograph.pixel_size_A)


def _crop(micrograph: Micrograph, region_A: Region | None) -> NDArray[np.float64]:
    height, width = micrograph.shape
    if region_A is None:
        y0, x0, y1, x1 = 0, 0, height, width
    else:
        y0, x0, y1, x1 = (round(value / micrograph.pixel_size_A) for value in region_A)
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        size = micrograph.pixel_size_A
        raise ReadError(
            f"region {region_A} Å is not inside the image of {height * size:.4g} × "
            f"{width * size:.4g} Å; expected 0 <= y0 < y1 and 0 <= x0 < x1 within it"
        )
    if min(y1 - y0, x1 - x0) < _SMALLEST_REGION:
        raise ReadError(
            f"region of {y1 - y0} × {x1 - x0} pixels is too small for a spectrum; "
            f"expected {_SMALLEST_REGION} or more per side"
        )
    return micrograph.image[y0:y1, x0:x1].astype(np.float64)


def enhance(
    micrograph: Micrograph, *, resolution_A: float = 0.8, background_A: float | None = None
) -> Micrograph:
    """Return a copy with noise beyond the resolution and, if asked, slow background removed.

    A Gaussian low-pass that halves the amplitude at the period ``resolution_A``, and with
    ``background_A`` a Gaussian high-pass that halves it at that period (the mean is kept). Both are
    linear and symmetric: a column's centre of mass does not move, but noise becomes correlated, so
    uncertainties of columns found afterwards are less certain than those of the raw image.

    Parameters
    ----------
    micrograph : Micrograph
    resolution_A : float
        Shortest period that is kept at half amplitude [Å].
    background_A : float, optional
        Longest period that is kept at half amplitude [Å]; longer than ``resolution_A``.

    Returns
    -------
    Micrograph
        With one more line of history.

    Raises
    ------
    ReadError
        If a period is not positive or the two are in the wrong order.
    """
    if not (np.isfinite(resolution_A) and resolution_A > 0):
        raise ReadError(f"resolution_A is {resolution_A} Å; expected a finite positive number")
    if background_A is not None and not (np.isfinite(background_A) and background_A > resolution_A):
        raise ReadError(
            f"background_A is {background_A} Å; expected more than resolution_A = {resolution_A} Å"
        )
    from scipy.ndimage import gaussian_filter

    pixels = micrograph.image
    filtered = gaussian_filter(pixels, _sigma_px(resolution_A, micrograph), mode="reflect")
    note = f"low-pass, half amplitude at {resolution_A:g} Å"
    if background_A is not None:
        slow = gaussian_filter(pixels, _sigma_px(background_A, micrograph), mode="reflect")
        filtered = filtered - slow + slow.mean()
        note += f"; high-pass, half amplitude at {background_A:g} Å"
    return replace(micrograph, image=filtered, history=(*micrograph.history, note))


def _sigma_px(period_A: float, micrograph: Micrograph) -> float:
    """Return the real-space sigma [px] of a Gaussian that passes half at this period."""
    return float(np.sqrt(np.log(2) / 2) / np.pi * period_A / micrograph.pixel_size_A)
