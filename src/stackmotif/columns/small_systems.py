"""Many small symmetric systems at once: a library's solver takes longer to start than to solve."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_PIVOT: Final = 1e-9
"""Least square of a pivot, of matrices whose diagonal is 1: they may be singular but for
rounding."""
_CHUNK: Final = 4000
"""Systems that are solved together: more of 7 x 7 numbers do not stay in a processor's cache."""


def solved(matrices: Floats, rights: Floats, *, damping: float = 0.0) -> Floats:
    """Return the solutions x of A x = b, by Cholesky's factors of all matrices together.

    Parameters
    ----------
    matrices : ndarray, shape (n, k, k)
        Symmetric, without negative eigenvalues. They are scaled to a diagonal of 1.
    rights : ndarray, shape (n, k) or (n, k, m)
        One or several right sides each.
    damping : float
        Added to the diagonal of the scaled matrices.

    Returns
    -------
    ndarray
        As ``rights``.
    """
    found = np.empty(rights.shape)
    for start in range(0, len(matrices), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _solved(matrices[part], rights[part], damping)
    return found


def _solved(matrices: Floats, rights: Floats, damping: float) -> Floats:
    tiny = np.finfo(np.float64).tiny
    size = np.sqrt(np.maximum(np.diagonal(matrices, axis1=1, axis2=2).T, tiny))
    scaled = np.ascontiguousarray(matrices.transpose(1, 2, 0)) / (size[:, None] * size[None])
    factor, pivots = _factors(scaled, damping)
    several = rights.reshape(*rights.shape[:2], -1)
    x = np.ascontiguousarray(several.transpose(1, 2, 0)) / size[:, None]
    k = len(size)
    for i in range(k):
        x[i] -= np.einsum("jn,jmn->mn", factor[i, :i], x[:i])
        x[i] /= pivots[i]
    for i in reversed(range(k)):
        x[i] -= np.einsum("jn,jmn->mn", factor[i + 1 :, i], x[i + 1 :])
        x[i] /= pivots[i]
    return np.asarray((x / size[:, None]).transpose(2, 0, 1).reshape(rights.shape))


def inverses(matrices: Floats, first: int | None = None) -> Floats:
    """Return the inverses of matrices (n, k, k), or of each the first rows and columns."""
    n, k = matrices.shape[:2]
    kept = k if first is None else first
    return solved(matrices, np.broadcast_to(np.eye(k)[:, :kept], (n, k, kept)))[:, :kept]


def _factors(scaled: Floats, damping: float) -> tuple[Floats, Floats]:
    """Return the lower factors (k, k, n) below the diagonal, and the pivots (k, n)."""
    factor, pivots = np.zeros_like(scaled), np.empty(scaled.shape[1:])
    for j in range(len(scaled)):
        left = factor[j, :j]
        square = scaled[j, j] + damping - np.einsum("kn,kn->n", left, left)
        pivots[j] = np.sqrt(np.maximum(square, _LEAST_PIVOT))
        below = scaled[j + 1 :, j] - np.einsum("ikn,kn->in", factor[j + 1 :, :j], left)
        factor[j + 1 :, j] = below / pivots[j]
    return factor, pivots
