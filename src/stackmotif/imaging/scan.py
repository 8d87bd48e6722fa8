"""Scanning one projected unit of a crystal, and the image that follows from it everywhere.

The image of a crystal has the periods of its projection. A probe-limited image holds no detail
beyond 2α/λ, so a few samples of one (oblique) period give it exactly, at any point, as a Fourier
series.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ScanUnit:
    """One period of a projection: ``(width, 0)`` and ``(offset, height)`` [Å], and its samples.

    Parameters
    ----------
    width_A, height_A, offset_A : float
        The period along x; the height of the next row of periods and its shift along x [Å].
    n_x, n_y : int
        Samples along the two directions, both odd.
    """

    width_A: float
    height_A: float
    offset_A: float
    n_x: int
    n_y: int

    @property
    def positions_A(self) -> NDArray[np.float64]:
        """Probe positions (x, y) [Å], shape (n_y * n_x, 2)."""
        v, u = np.meshgrid(
            np.arange(self.n_y) / self.n_y, np.arange(self.n_x) / self.n_x, indexing="ij"
        )
        x = u * self.width_A + v * self.offset_A
        return np.stack([x.ravel(), (v * self.height_A).ravel()], axis=1)


def scan_unit(
    translations_A: NDArray[np.float64], extent_A: NDArray[np.float64], *, step_A: float
) -> ScanUnit:
    """Return the smallest projected period of a crystal, sampled at least every ``step_A``.

    Parameters
    ----------
    translations_A : ndarray, shape (n, 3)
        Symmetry translations of the cell [Å].
    extent_A : ndarray, shape (3,)
        Edges of the cell [Å].
    step_A : float
        Largest scan step [Å].
    """
    planar = np.concatenate([translations_A[:, :2], [[extent_A[0], 0.0], [0.0, extent_A[1]]]])
    tiny = 0.05
    flat = (planar[:, 1] < tiny) | (np.abs(planar[:, 1] - extent_A[1]) < tiny)
    widths = planar[flat & (planar[:, 0] > tiny), 0]
    width = float(widths.min())
    width = float(extent_A[0]) / round(float(extent_A[0]) / width)
    above = planar[planar[:, 1] > tiny]
    lowest = above[above[:, 1] < above[:, 1].min() + tiny][0]
    height = float(extent_A[1]) / round(float(extent_A[1]) / float(lowest[1]))
    return ScanUnit(
        width_A=width,
        height_A=height,
        offset_A=float(np.mod(lowest[0] + tiny, width) - tiny),
        n_x=_odd(width / step_A),
        n_y=_odd(height / step_A),
    )


def terminations_A(
    translations_A: NDArray[np.float64], extent_A: NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    """Return how far to move the probe to meet the same column under another entrance surface.

    A crystal that a step (x, y, z) maps onto itself looks the same from (x, y), but begins z
    deeper. Nobody knows where a real foil ends, so an image is the mean over these.

    Parameters
    ----------
    translations_A : ndarray, shape (n, 3)
        Symmetry translations of the cell, the shortest first [Å].
    extent_A : ndarray, shape (3,)
        Edges of the cell [Å].

    Returns
    -------
    tuple of (float, float)
        Steps (x, y) [Å], the first is zero; one for every different depth.
    """
    tiny = 0.05
    depths = np.mod(translations_A[:, 2], extent_A[2])
    planar = np.mod(translations_A[:, :2] + tiny, extent_A[:2]) - tiny
    along = depths[(np.abs(planar) < tiny).all(axis=1) & (depths > tiny)]
    period = float(along.min(initial=float(extent_A[2])))
    known: dict[int, tuple[float, float]] = {}
    for (x, y), depth in zip(planar, depths, strict=True):
        part = np.mod(depth + tiny, period) - tiny
        known.setdefault(round(float(part) / tiny), (float(x), float(y)))
    return tuple(known.values())


def _odd(least: float) -> int:
    return 2 * math.ceil((least - 1) / 2 - 1e-9) + 1


def fourier_image(
    signals: NDArray[np.float64],
    unit: ScanUnit,
    *,
    x_A: NDArray[np.float64],
    y_A: NDArray[np.float64],
    blur_sigma_A: float = 0.0,
) -> NDArray[np.float64]:
    """Return the image on any rectangular grid of points, from the samples of one unit.

    Parameters
    ----------
    signals : ndarray, shape (..., n_y, n_x)
        Samples at ``unit.positions_A``.
    unit : ScanUnit
        Where they were taken.
    x_A, y_A : ndarray, shapes (nx,) and (ny,)
        Columns and rows of the image [Å].
    blur_sigma_A : float
        Standard deviation of a Gaussian source, applied exactly [Å].

    Returns
    -------
    ndarray of float64, shape (..., ny, nx)
    """
    modes = np.arange(unit.n_x) - unit.n_x // 2
    drift = modes * unit.offset_A / unit.width_A
    rows = np.arange(unit.n_y) - unit.n_y // 2
    # The band of each mode along x is centred on its own drift along y.
    numbers = rows[:, None] + np.round(drift).astype(np.int64)[None]
    coefficients = np.fft.fft2(signals) / (unit.n_x * unit.n_y)
    picked = coefficients[..., np.mod(numbers, unit.n_y), np.mod(modes, unit.n_x)[None]]
    fx = modes / unit.width_A
    fy = (numbers - drift[None]) / unit.height_A
    picked = picked * np.exp(-2 * (np.pi * blur_sigma_A) ** 2 * (fx[None] ** 2 + fy**2))
    along_y = np.exp(2j * np.pi * np.asarray(y_A)[:, None, None] * fy[None])
    along_x = np.exp(2j * np.pi * fx[:, None] * np.asarray(x_A)[None])
    per_row = np.einsum("ykm,...km->...ym", along_y, picked)
    return (per_row @ along_x).real
