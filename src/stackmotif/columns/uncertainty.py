"""Covariances of fitted positions."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.coupling import cluster_matrices, touching
from stackmotif.columns.refinement import Fit
from stackmotif.columns.small_systems import inverses

Floats = NDArray[np.float64]

_WELL_EXPLAINED = 1.5
_LARGEST_SIGMA = 1.0
_NEXT_ORDER = 0.25
"""The variance of a position is larger than its bound by this over the square of the significance.
Measured at 50 to 2000 e/Å², development seeds."""
_HAIR = 1e-9
_LEAST_HEIGHT = 0.2
"""Of the typical one."""


def position_covariances(fit: Fit) -> Floats:
    """Return the covariance of (y, x) of every column [px²], shape (n, 2, 2).

    The inverse Fisher matrix of the column's seven parameters, jointly with its touching neighbours
    where it has any, times the noise level that the residuals show (a column that fits worse than
    the rest counts with its own), times what noise hides by making columns look bright. No standard
    deviation exceeds the column's width.
    """
    shapes = fit.shapes
    alone = inverses(fit.fisher, 3)
    variance = alone[:, 2, 2]
    members = touching(shapes.centre_px, width_px=shapes.width_px)
    if members is not None:
        matrices = cluster_matrices(
            members,
            own=inverses(alone),
            centre_px=shapes.centre_px,
            height=shapes.height,
            width_px=shapes.width_px,
        )
        # Two columns in one place have no inverse; a hair more than nothing tells them apart.
        matrices = matrices * (1 + _HAIR * np.eye(matrices.shape[-1]))
        alone = np.asarray(np.linalg.inv(matrices), dtype=np.float64)[:, :3, :3]
    level = noise_level(fit)
    scale = np.where(fit.chi2 > _WELL_EXPLAINED * level, fit.chi2, level) * fit.correlation
    grown = scale * _flattered(shapes.height, np.sqrt(level * variance))
    covariance = np.asarray(alone[:, :2, :2] * grown[:, None, None], dtype=np.float64)
    return _limited(covariance, (_LARGEST_SIGMA * shapes.width_px) ** 2)


def _flattered(height: Floats, sigma: Floats) -> Floats:
    """Return the factors by which noise that passes for brightness makes variances too small.

    A fit stands on the top of column and noise together, which overtops the column by sigma² over
    its height in the mean; and what looks brightest was helped by its noise. The variance of a
    position goes with the inverse square of the height. So the height that counts is the expected
    one: the typical one without that surplus, and as much of each difference from it as is more
    than noise. Columns that look dimmer keep their own.
    """
    typical, noise = max(float(np.median(height)), 1e-30), float(np.median(sigma))
    true = (typical + np.sqrt(max(typical**2 - 4 * noise**2, 0.0))) / 2
    real = max(float(np.var(height) - np.mean(sigma**2)), 0.0)
    expected = true + (height - typical) * real / np.maximum(real + sigma**2, 1e-30)
    expected = np.maximum(expected, _LEAST_HEIGHT * typical)
    factor = np.maximum(height / expected, 1.0) ** 2 * (1 + _NEXT_ORDER * (noise / true) ** 2)
    return np.asarray(factor, dtype=np.float64)


def noise_level(fit: Fit) -> float:
    """Return the median reduced chi-square: 1 where the noise model is right."""
    positive = fit.chi2[fit.chi2 > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def _limited(covariance: Floats, largest: float) -> Floats:
    """Return covariances with eigenvalues in (0, largest]; others are set to the largest."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.where(values > 0, np.minimum(values, largest), largest)
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))
