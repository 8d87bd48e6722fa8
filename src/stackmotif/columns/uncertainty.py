"""Covariances of fitted positions."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.refinement import Fit

Floats = NDArray[np.float64]

_TOUCHING = 4.2
_WELL_EXPLAINED = 1.5
_LARGEST_SIGMA = 1.0


def position_covariances(fit: Fit) -> Floats:
    """Return the covariance of (y, x) of every column [px²], shape (n, 2, 2).

    The inverse Fisher matrix of the column's own seven parameters, times the noise level that the
    residuals show (a column that fits worse than the rest counts with its own), plus what the
    uncertainty of touching neighbours adds. No standard deviation exceeds the column's width.
    """
    own = np.asarray(np.linalg.inv(fit.fisher)[:, :3, :3], dtype=np.float64)
    own += _from_neighbours(fit, own)
    level = noise_level(fit)
    scale = np.where(fit.chi2 > _WELL_EXPLAINED * level, fit.chi2, level) * fit.correlation
    covariance = own[:, :2, :2] * scale[:, None, None]
    return _limited(covariance, (_LARGEST_SIGMA * fit.shapes.width_px) ** 2)


def noise_level(fit: Fit) -> float:
    """Return the median reduced chi-square: 1 where the noise model is right."""
    positive = fit.chi2[fit.chi2 > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def _from_neighbours(fit: Fit, own: Floats) -> Floats:
    """Return C_i F_ij C_j F_ji C_i summed over touching neighbours j, (y, x, height) only.

    The first order of the inverse of the joint Fisher matrix. The overlap F_ij is that of two round
    Gaussians on a flat background, in units of the pixel weight that column i's own matrix implies.
    """
    from scipy.spatial import cKDTree

    shapes, width = fit.shapes, fit.shapes.width_px
    extra = np.zeros_like(own)
    if len(shapes) < 2:
        return extra
    pairs = cKDTree(shapes.centre_px).query_pairs(_TOUCHING * width, output_type="ndarray")
    if not len(pairs):
        return extra
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    overlap = _overlap(shapes.centre_px[j] - shapes.centre_px[i], width)
    weight = fit.fisher[:, 2, 2] / (np.pi * width**2)
    overlap *= np.sqrt(weight[i] * weight[j])[:, None, None]
    size_i, size_j = _sizes(shapes.height[i]), _sizes(shapes.height[j])
    overlap *= size_i[:, :, None] * size_j[:, None, :]
    term = own[i] @ overlap @ own[j] @ overlap.transpose(0, 2, 1) @ own[i]
    np.add.at(extra, i, term)
    return extra


def _sizes(height: Floats) -> Floats:
    return np.stack([height, height, np.ones_like(height)], axis=1)


def _overlap(vector: Floats, width: float) -> Floats:
    """Return the integrals over the plane of products of derivatives of two unit Gaussians.

    Order (y, x, height); ``vector`` leads from the first to the second, (n, 2) [px].
    """
    u = vector / width
    bell = np.pi * width**2 * np.exp(-(u**2).sum(axis=1) / 4)
    result = np.empty((len(u), 3, 3))
    result[:, :2, :2] = (np.eye(2) / 2 - u[:, :, None] * u[:, None, :] / 4) / width**2
    result[:, :2, 2] = u / (2 * width)
    result[:, 2, :2] = -u / (2 * width)
    result[:, 2, 2] = 1.0
    return result * bell[:, None, None]


def _limited(covariance: Floats, largest: float) -> Floats:
    """Return covariances with eigenvalues in (0, largest]."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.clip(values, 1e-12 * largest, largest)
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))
