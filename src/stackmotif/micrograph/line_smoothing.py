"""Displacements of scan lines without their noise: a random walk and independent jitter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 24  # lines
_LAGS = 16
_LONGEST = 16  # share of the lines, as a divisor, that the longest lag spans
_SHORT = 2.0  # lags beyond which a variogram of few independent pairs counts less
_TINY = 1e-12


@dataclass(frozen=True)
class LineModel:
    """Displacement of each line, its standard error, and the two sizes that describe them.

    Parameters
    ----------
    offset, sigma : ndarray, shape (n_lines,)
        Displacement and its standard error.
    jitter : float
        Root mean square of the part that is independent from line to line.
    step : float
        Root mean square of the step of the slow part from a line to the next.
    """

    offset: Floats
    sigma: Floats
    jitter: float
    step: float

    @classmethod
    def nothing(cls, n_lines: int) -> "LineModel":
        """Return lines that are where they should be."""
        return cls(np.zeros(n_lines), np.zeros(n_lines), 0.0, 0.0)


def smooth_lines(measured: Floats, precision: Floats) -> LineModel:
    """Return the most likely displacement of each line.

    The model is measured = walk + jitter + noise of known variance. The variances of jitter and of
    the walk's steps follow from the variogram, whose noise is known; given them, the walk is the
    solution of a tridiagonal system and the jitter is shrunk by its share of the variance.

    Parameters
    ----------
    measured : ndarray, shape (n_lines,)
        Measured displacements; their mean is taken out, for no image shows it.
    precision : ndarray, shape (n_lines,)
        Inverse variance of the noise; 0 where nothing was measured.
    """
    known = precision > 0
    if known.sum() < _FEWEST:
        return LineModel.nothing(len(measured))
    noise = np.where(known, 1.0 / np.maximum(precision, _TINY), np.inf)
    centred = measured - np.sum(measured * precision) / precision.sum()
    jitter, step = _variances(centred, precision)
    walk, walk_variance = _walk(centred, np.where(known, 1.0 / (jitter + noise), 0.0), step)
    share = np.where(known, jitter / np.maximum(jitter + noise, _TINY), 0.0)
    offset = walk + share * (centred - walk)
    variance = (1.0 - share) ** 2 * walk_variance + share * np.where(known, noise, 0.0)
    variance = np.where(known, variance, walk_variance + jitter)
    return LineModel(offset, np.sqrt(variance), float(np.sqrt(jitter)), float(np.sqrt(step)))


def _variances(values: Floats, precision: Floats) -> tuple[float, float]:
    """Return the variances of the jitter and of a step of the walk."""
    n = len(values)
    lags = np.unique(np.geomspace(1, max(n // _LONGEST, 2), _LAGS).astype(np.int64))
    noise = np.where(precision > 0, 1.0 / np.maximum(precision, _TINY), np.inf)
    half, weight = np.zeros(len(lags)), np.zeros(len(lags))
    for k, lag in enumerate(lags):
        sure = 1.0 / (noise[lag:] + noise[:-lag])
        square = sure * (values[lag:] - values[:-lag]) ** 2
        total = float(sure.sum())
        half[k] = (float(square.sum()) - np.count_nonzero(sure)) / max(2 * total, _TINY)
        weight[k] = total / (1.0 + lag / _SHORT)
    return _line(lags, half, weight)


def _line(lags: NDArray[np.int64], half: Floats, weight: Floats) -> tuple[float, float]:
    """Return intercept and twice the slope of half the variogram, both 0 or more."""
    total = max(float(weight.sum()), _TINY)
    middle = float(np.sum(weight * lags)) / total
    mean = float(np.sum(weight * half)) / total
    spread = float(np.sum(weight * (lags - middle) ** 2))
    slope = float(np.sum(weight * (lags - middle) * half)) / max(spread, _TINY)
    if slope <= 0:
        return max(mean, 0.0), 0.0
    if mean - slope * middle <= 0:
        through = float(np.sum(weight * lags * half)) / float(np.sum(weight * lags**2))
        return 0.0, 2.0 * max(through, 0.0)
    return mean - slope * middle, 2.0 * slope


def _walk(values: Floats, weight: Floats, step: float) -> tuple[Floats, Floats]:
    """Return the most likely random walk and its variance, from values of given weights."""
    from scipy.linalg import cho_solve_banded, cholesky_banded

    n = len(values)
    if step <= 0:
        total = float(weight.sum())
        mean = float(np.sum(weight * values)) / total
        return np.full(n, mean), np.full(n, 1.0 / total)
    link = 1.0 / step
    diagonal = weight + link * np.r_[1.0, np.full(n - 2, 2.0), 1.0]
    band = np.stack([diagonal, np.r_[np.full(n - 1, -link), 0.0]])
    factor = cholesky_banded(band, lower=True)
    return cho_solve_banded((factor, True), weight * values), _inverse_diagonal(diagonal, -link)


def _inverse_diagonal(diagonal: Floats, off: float) -> Floats:
    """Return the diagonal of the inverse of a symmetric tridiagonal matrix."""
    n = len(diagonal)
    left, right = np.empty(n), np.empty(n)
    left[0], right[-1] = diagonal[0], diagonal[-1]
    for k in range(1, n):
        left[k] = diagonal[k] - off**2 / left[k - 1]
        right[-k - 1] = diagonal[-k - 1] - off**2 / right[-k]
    return 1.0 / (left + right - diagonal)
