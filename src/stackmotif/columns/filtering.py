"""What filters show: maxima that may be columns, and how far they stand out of the noise."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.comb import comb
from stackmotif.columns.noise import Image, NoiseModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_OWN_PLACE = 0.6  # pitches around a column in which there is no other
_NEXT = (0.6, 1.8)  # pitches along a row in which its next column is
_IN_ROW = 0.35  # pitches that it may lie beside the row


@dataclass(frozen=True)
class Candidates:
    """Local maxima of the filtered image.

    Parameters
    ----------
    positions_px : ndarray, shape (n, 2)
        (y, x), interpolated [px].
    response : ndarray, shape (n,)
        Filter response in image units: half the peak height of a column as wide as the filter.
    significance : ndarray, shape (n,)
        Response over its own noise.
    level : ndarray, shape (n,)
        Smoothed image there, in image units.
    in_row : ndarray of bool, shape (n,)
        Seen with its neighbours in a row: the row says that it is there, not its own brightness.
    """

    positions_px: Floats
    response: Floats
    significance: Floats
    level: Floats
    in_row: Bools

    def take(self, kept: Bools | NDArray[np.int64]) -> "Candidates":
        """Return the candidates selected by a boolean mask or by indices."""
        return Candidates(*(getattr(self, one.name)[kept] for one in fields(self)))

    def joined(self, other: "Candidates") -> "Candidates":
        """Return these candidates and others, in image order (y, then x)."""
        both = Candidates(
            *(np.concatenate([getattr(c, one.name) for c in (self, other)]) for one in fields(self))
        )
        return both.take(np.lexsort(both.positions_px.T[::-1]))


def blob_response(image: Image, *, scale_px: float) -> tuple[Image, Image]:
    """Return (smoothed image, -scale² × Laplacian of it): bright round spots are positive.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
    scale_px : float
        Gaussian sigma of the smoothing [px].
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image, scale_px, mode="reflect", truncate=3.5)
    bend = 4 * smooth
    for part, of in ((bend, smooth), (bend.T, smooth.T)):
        part[1:] -= of[:-1]
        part[:-1] -= of[1:]
        part[0] -= of[0]
        part[-1] -= of[-1]
    bend *= np.float32(scale_px**2)
    return smooth, bend


def false_alarm_threshold(n_pixels: int, *, scale_px: float, expected: float) -> float:
    """Return the significance that noise alone passes ``expected`` times in an image.

    White noise seen through the filter is a Gaussian field; its maxima above u number
    ``area × lambda × u × exp(-u²/2) / (2 pi)^1.5`` with the second spectral moment
    ``lambda = 1.5 / scale²`` of this filter.

    References
    ----------
    R. J. Adler, The Geometry of Random Fields (1981), doi:10.1137/1.9780898718980
    """
    u = np.linspace(1.0, 12.0, 2201)
    rate = n_pixels * 1.5 / scale_px**2 * u * np.exp(-(u**2) / 2) / (2 * np.pi) ** 1.5
    return float(u[np.argmax(rate <= expected)] if rate[-1] <= expected else u[-1])


@dataclass(frozen=True)
class Filtered:
    """An image smoothed, and -scale² × Laplacian of it, see :func:`blob_response`.

    Parameters
    ----------
    smooth, response : ndarray of float32, shape (y, x)
    noise : NoiseModel
        Variance of a pixel as a function of the image.
    scale_px : float
        Gaussian sigma of the smoothing [px].
    """

    smooth: Image
    response: Image
    noise: NoiseModel
    scale_px: float

    @classmethod
    def of(cls, image: Image, noise: NoiseModel, scale_px: float) -> "Filtered":
        """Filter an image."""
        return cls(*blob_response(image, scale_px=scale_px), noise, scale_px)

    def limit(self, false_alarms: float) -> float:
        """Return the significance that noise alone passes so often in the image."""
        return false_alarm_threshold(
            self.response.size, scale_px=self.scale_px, expected=false_alarms
        )

    def maxima(self) -> Candidates:
        """Return the local maxima."""
        return _maxima(self.response, self.smooth, self.noise, scale_px=self.scale_px)


def in_rows(
    filtered: Filtered, pitch_px: float, *, least: float, alone: float = np.inf
) -> Candidates | None:
    """Return the maxima of a filter that is added up along the rows; None if there are no rows.

    Parameters
    ----------
    filtered : Filtered
    pitch_px : float
        Distance of neighbouring columns [px].
    least : float
        Least significance after adding up.
    alone : float
        Significance by itself of a maximum that counts in place of what is added up around it: in a
        lateral wall columns stand nearer together, or farther apart, than the step of the rows.
    """
    smooth, noise, scale_px = filtered.smooth, filtered.noise, filtered.scale_px
    own = float(noise_of(noise, smooth.mean(keepdims=True), scale_px)[0, 0])
    rows = comb(filtered.response, pitch_px=pitch_px, scale_px=scale_px, noise=own)
    if rows is None:
        return None
    found = _maxima(rows.response, smooth, noise, scale_px=scale_px, share=rows.noise)
    found = replace(found, in_row=np.ones(len(found.response), dtype=bool))
    found = found.take(found.significance > least)
    found = found.take(rows.goes_on(found.positions_px))
    single = filtered.maxima()
    single = single.take(single.significance > alone)
    return _with_single(found, single, rows.step_px)


def _with_single(found: Candidates, single: Candidates, step_px: Floats) -> Candidates:
    """Return places of rows, and in their stead single maxima with row neighbours on both sides."""
    if not len(single.response) or not len(found.response):
        return found
    pitch_px = float(np.hypot(*step_px))
    frame = np.stack([step_px, step_px[::-1] * (-1, 1)], axis=1) / pitch_px**2
    places, rows = single.positions_px @ frame, found.positions_px @ frame
    both = np.concatenate([rows, places])
    in_row = np.ones(len(places), dtype=bool)
    for side in (_NEXT, (-_NEXT[1], -_NEXT[0])):
        in_row &= _any_near(places, both, side, _IN_ROW)
    other = ~_any_near(rows, places[in_row], (-_OWN_PLACE, _OWN_PLACE), _OWN_PLACE)
    return found.take(other).joined(
        replace(single.take(in_row), in_row=np.ones(in_row.sum(), dtype=bool))
    )


def _any_near(places: Floats, others: Floats, along: tuple[float, float], across: float) -> Bools:
    """Mark places that have another one in a window along and across the rows."""
    from scipy.spatial import cKDTree

    middle, half = (along[0] + along[1]) / 2.0, (along[1] - along[0]) / 2.0
    scale = np.array([half, across])
    if not len(others):
        return np.zeros(len(places), dtype=bool)
    away, _ = cKDTree(others / scale).query(
        (places + np.array([middle, 0.0])) / scale, p=np.inf, distance_upper_bound=1.0
    )
    return np.isfinite(away)


def noise_of(noise: NoiseModel, level: Image, scale_px: float) -> Image:
    """Return the standard deviation of the filter's response where the image has this level."""
    return np.sqrt(noise.variance(level) / np.float32(2 * np.pi * scale_px**2))


def _maxima(
    response: Image,
    smooth: Image,
    noise: NoiseModel,
    *,
    scale_px: float,
    share: Image | None = None,
) -> Candidates:
    """Return the local maxima; ``share`` is what is left of the filter's noise, per pixel."""
    highest = _window_maximum(response, max(1, int(scale_px)))
    y, x = np.nonzero((response == highest) & (response > 0))
    level = smooth[y, x]
    sigma = noise_of(noise, level, scale_px) * (1.0 if share is None else share[y, x])
    height = response[y, x].astype(np.float64)
    centre = np.stack([y, x], axis=1) + parabola_tops(response, y, x)
    centre = np.clip(centre, 0, np.array(response.shape) - 1)
    none = np.zeros(len(y), dtype=bool)
    return Candidates(centre, height, height / sigma, level.astype(np.float64), none)


def _window_maximum(image: Image, reach: int) -> Image:
    """Return the largest pixel within some pixels along both axes.

    Windows grow by joining two: a few passes whatever their size, where
    ``scipy.ndimage.maximum_filter`` takes five times as long.
    """
    size = 2 * reach + 1
    grown = np.pad(image, reach, constant_values=-np.inf)
    for axis in (0, 1):
        width = 1
        while width < size:
            step = min(width, size - width)
            joined = np.moveaxis(grown, axis, 0)
            grown = np.moveaxis(np.maximum(joined[:-step], joined[step:]), 0, axis)
            width += step
    return grown


def parabola_tops(response: Image, y: NDArray[np.int64], x: NDArray[np.int64]) -> Floats:
    """Return offsets (n, 2) of the tops of parabolas through three pixels per axis, to ±0.5 px."""
    padded = np.pad(response, 1, mode="symmetric").astype(np.float64)
    here = padded[y + 1, x + 1]
    offsets = []
    for before, after in (
        (padded[y, x + 1], padded[y + 2, x + 1]),
        (padded[y + 1, x], padded[y + 1, x + 2]),
    ):
        curvature = np.maximum(2 * here - before - after, np.finfo(np.float64).tiny)
        offsets.append(np.clip((after - before) / (2 * curvature), -0.5, 0.5))
    return np.stack(offsets, axis=1)
