"""Covariances of fitted positions."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.coupling import cluster_matrices, touching
from stackmotif.columns.refinement import Fit
from stackmotif.columns.small_systems import inverses

Floats = NDArray[np.float64]

_WELL_EXPLAINED = 1.5
_LARGEST_SIGMA = 1.0
_AT_LOW_DOSE = 3.5
"""The variance of a position is larger than its bound by this over the square of the significance:
what the next order of the expansion adds. Measured at 50 to 2000 e/Å², development seeds."""


def position_covariances(fit: Fit) -> Floats:
    """Return the covariance of (y, x) of every column [px²], shape (n, 2, 2).

    The inverse Fisher matrix of the column's seven parameters, jointly with its touching neighbours
    where it has any, times the noise level that the residuals show (a column that fits worse than
    the rest counts with its own), times what a low dose adds. No standard deviation exceeds the
    column's width.
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
        alone = np.linalg.inv(matrices)[:, :3, :3]
    level = noise_level(fit)
    scale = np.where(fit.chi2 > _WELL_EXPLAINED * level, fit.chi2, level) * fit.correlation
    scale = scale * (1 + _AT_LOW_DOSE / typical_significance(fit, variance) ** 2)
    covariance = np.asarray(alone[:, :2, :2] * scale[:, None, None], dtype=np.float64)
    return _limited(covariance, (_LARGEST_SIGMA * shapes.width_px) ** 2)


def typical_significance(fit: Fit, variance: Floats) -> float:
    """Return the median of the heights over their standard deviations, at least 1."""
    sigma = np.sqrt(noise_level(fit) * variance)
    return max(1.0, float(np.median(fit.shapes.height / sigma)))


def noise_level(fit: Fit) -> float:
    """Return the median reduced chi-square: 1 where the noise model is right."""
    positive = fit.chi2[fit.chi2 > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def _limited(covariance: Floats, largest: float) -> Floats:
    """Return covariances with eigenvalues in (0, largest]; others are set to the largest."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.where(values > 0, np.minimum(values, largest), largest)
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))
