"""Columns that no filter shows one by one: what repeats along a row is added up.

At a low dose a column hardly stands out of the noise, but its neighbours in the row stand at known
places: the autocorrelation of the whole image gives the step from one to the next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.noise import Image

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REACH = 4
"""Neighbours on either side that are added."""

_NEAREST, _FARTHEST = 0.7, 1.4  # of the pitch given: where the step is looked for
_CLEAR = 6.0  # heights of the autocorrelation's own noise that a step must have
_REPEATED = 0.4  # share of the variance beyond noise that the peak holds: 1 for a perfect crystal
_ONE_SIDE = 0.35  # of the row's response that the mean over either side must have
_BESIDE_PX = 2.0  # beyond the border within which the border's own pixels serve


@dataclass(frozen=True)
class Comb:
    """A filtered image averaged along the rows.

    Parameters
    ----------
    response : ndarray, shape (y, x)
        Mean over the pixel's own place and those up to ``REACH`` steps to either side, as far as
        they are in the image.
    noise : ndarray, shape (y, x)
        Standard deviation of ``response`` over that of the filtered image.
    single : ndarray, shape (y, x)
        The filtered image.
    step_px : ndarray, shape (2,)
        From a column to the next one in its row, (y, x) [px].
    """

    response: Image
    noise: Image
    single: Image
    step_px: Floats

    def goes_on(self, places_px: Floats) -> Bools:
        """Mark places (n, 2) that go on to both sides as their row does.

        The mean over a place and the steps to one side is compared with the strongest place of the
        same row near by. Beyond the crystal's edge one side is empty. Steps that leave the image do
        not count.
        """
        count = np.arange(-REACH, REACH + 1)
        along = places_px[:, None] + count[:, None] * self.step_px
        last = np.array(self.single.shape) - 1
        inside = np.all((along >= -_BESIDE_PX) & (along <= last + _BESIDE_PX), axis=2)
        single = np.where(inside, _sampled(self.single, along), 0.0)
        best = np.where(inside, _sampled(self.response, along), -np.inf).max(axis=1)
        enough = np.ones(len(places_px), dtype=bool)
        for side in (count <= 0, count >= 0):
            n = inside[:, side].sum(axis=1)
            mean = single[:, side].sum(axis=1) / np.maximum(n, 1)
            enough &= (n < 2) | (mean >= _ONE_SIDE * best)
        return enough


def comb(response: Image, *, pitch_px: float, scale_px: float, noise: float) -> Comb | None:
    """Average a filtered image along the rows of columns in it.

    Parameters
    ----------
    response : ndarray of float32, shape (y, x)
        -scale² × Laplacian of an image smoothed by a Gaussian: columns are positive.
    pitch_px : float
        Distance of neighbouring columns, to about 30 % [px].
    scale_px : float
        Sigma of that Gaussian [px].
    noise : float
        Standard deviation that noise alone has in ``response``.

    Returns
    -------
    Comb or None
        None where nothing in the image repeats.
    """
    step = row_step_px(response, pitch_px=pitch_px, scale_px=scale_px, noise=noise)
    if step is None:
        return None
    total, number = response.copy(), np.ones_like(response)
    for count in (*range(-REACH, 0), *range(1, REACH + 1)):
        pixels, moved = _moved(response, count * step)
        total[pixels] += moved
        number[pixels] += 1
    noise_left = np.asarray(1 / np.sqrt(number), dtype=np.float32)
    return Comb(total / number, noise_left, response, step)


def row_step_px(
    response: Image, *, pitch_px: float, scale_px: float, noise: float
) -> Floats | None:
    """Return the shortest vector (y, x) after which the image repeats [px]; None if there is none.

    It is the highest peak of the autocorrelation near the pitch. It has to be clear of the noise:
    for n pixels of white noise through this filter its standard deviation is noise² √(0.75 π n)
    scale. And it has to hold much of what is more than noise: speckle is, and repeats nowhere.
    """
    reach = int(np.ceil(_FARTHEST * pitch_px)) + 2
    if min(response.shape) <= 2 * REACH * reach:
        return None
    full = _autocorrelation(response, REACH * reach)
    lag = np.arange(-reach, reach + 1)
    near = full[lag[:, None], lag]
    distance = np.hypot(lag[:, None], lag)
    ring = (distance > _NEAREST * pitch_px) & (distance < _FARTHEST * pitch_px)
    y, x = np.unravel_index(np.argmax(np.where(ring, near, -np.inf)), near.shape)
    own = noise**2 * scale_px * float(np.sqrt(0.75 * np.pi * response.size))
    beyond_noise = full[0, 0] - response.size * noise**2
    if not near[y, x] > max(_CLEAR * own, _REPEATED * beyond_noise):
        return None
    step = np.array([lag[y], lag[x]], dtype=np.float64)
    for count in range(1, REACH + 1):
        # Further out the noise, which the filter correlates, has no part in the peak.
        step = _peak_near(full, count * step, radius_px=0.25 * pitch_px) / count
    return step


def _autocorrelation(image: Image, reach_px: int) -> Floats:
    """Return the autocorrelation; negative lags, to ``reach_px``, are at the end of each axis."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    shape = [next_fast_len(n + reach_px, real=True) for n in image.shape]
    power = np.abs(rfft2(image - image.mean(), shape)) ** 2
    return np.asarray(irfft2(power, shape), dtype=np.float64)


def _peak_near(full: Floats, place_px: Floats, *, radius_px: float) -> Floats:
    """Return the top of the highest pixel near a place; the array wraps around."""
    reach = max(1, int(radius_px))
    y, x = (round(float(one)) + np.arange(-reach - 1, reach + 2) for one in place_px)
    values = full[y[:, None], x]
    top = np.unravel_index(np.argmax(values[1:-1, 1:-1]), (len(y) - 2, len(x) - 2))
    row, column = top[0] + 1, top[1] + 1
    around = values[row - 1 : row + 2, column - 1 : column + 2]
    return np.array([y[row] + _top(around[:, 1]), x[column] + _top(around[1])])


def _top(three: Floats) -> float:
    """Return where a parabola through three values has its top, within half a step."""
    bend = max(2 * three[1] - three[0] - three[2], 1e-30)
    return float(np.clip((three[2] - three[0]) / (2 * bend), -0.5, 0.5))


def _sampled(image: Image, places_px: Floats) -> Floats:
    """Return an image at places (..., 2) = (y, x) [px]."""
    from scipy.ndimage import map_coordinates

    y, x = np.moveaxis(places_px, -1, 0)
    return np.asarray(map_coordinates(image, [y, x], order=1, mode="nearest"), dtype=np.float64)


def _moved(image: Image, by_px: Floats) -> tuple[tuple[slice, ...], Image]:
    """Return the pixels from which places ``by_px`` further on are in the image, and it there."""
    pixels = []
    for axis, by in enumerate(by_px):
        whole, end = int(np.floor(by)), image.shape[axis] - 1
        lines, part = np.moveaxis(image, axis, 0), np.float32(by - whole)
        first, last = max(0, -whole), min(end, end - whole - bool(part))
        seen = lines[first + whole : last + whole + 1]
        if part:
            seen = seen + part * (lines[first + whole + 1 : last + whole + 2] - seen)
        image = np.moveaxis(seen, 0, axis)
        pixels.append(slice(first, last + 1))
    return tuple(pixels), image
