"""How much touching columns know of each other.

Where two columns are closer than about four widths, part of what a pixel says about one is said
about the other as well. The uncertainty of a column is therefore taken from one small Fisher matrix
of (y, x, height) of itself and its nearest touching neighbours.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOUCHING = 4.5
"""Columns closer than this many widths share their pixels."""

_NEIGHBOURS = 6
_SHARED = 3


def touching(centre_px: Floats, *, width_px: float) -> NDArray[np.int64] | None:
    """Return the indices of each column's nearest touching neighbours, or None if none touch.

    Returns
    -------
    ndarray of int, shape (n, 7), or None
        The column itself first; -1 where there are fewer neighbours.
    """
    from scipy.spatial import cKDTree

    n = len(centre_px)
    if n < 2:
        return None
    k = min(_NEIGHBOURS + 1, n)
    distance, index = cKDTree(centre_px).query(centre_px, k=k)
    near = distance < TOUCHING * width_px
    if not near[:, 1:].any():
        return None
    index = np.where(near, index, -1)
    index[:, 0] = np.arange(n)
    return np.asarray(index, dtype=np.int64)


def cluster_matrices(
    members: NDArray[np.int64], *, own: Floats, centre_px: Floats, height: Floats, width_px: float
) -> Floats:
    """Return the joint Fisher matrix of each column and its neighbours.

    Parameters
    ----------
    members : ndarray of int, shape (n, k)
        From :func:`touching`.
    own : ndarray, shape (n, 3, 3)
        Fisher matrix of (y, x, height) of each column, its other parameters eliminated.
    centre_px, height, width_px
        The columns' positions [px], heights and common width [px].

    Returns
    -------
    ndarray, shape (n, 3 k, 3 k)
        Absent members are unit blocks without coupling.
    """
    n, k = members.shape
    present = members >= 0
    at = np.where(present, members, 0)
    vector = centre_px[at][:, None, :, :] - centre_px[at][:, :, None, :]
    blocks = _overlap(vector / width_px, width_px)
    weight = np.sqrt(own[:, 2, 2] / (np.pi * width_px**2))
    size = np.stack([height * weight, height * weight, weight], axis=1)[at] * present[:, :, None]
    blocks *= size[:, :, None, :, None] * size[:, None, :, None, :]
    blocks[:, np.arange(k), np.arange(k)] = np.where(
        present[:, :, None, None], own[at], np.eye(_SHARED)
    )
    return blocks.transpose(0, 1, 3, 2, 4).reshape(n, _SHARED * k, _SHARED * k)


def _overlap(vector: Floats, width_px: float) -> Floats:
    """Return integrals over the plane of products of derivatives of two unit Gaussians.

    Order (y, x, height); ``vector`` leads from the first to the second in widths, (..., 2).
    """
    square = (vector**2).sum(axis=-1)
    bell = np.pi * width_px**2 * np.exp(-square / 4)
    result = np.empty((*square.shape, _SHARED, _SHARED))
    result[..., :2, :2] = np.eye(2) / 2 - vector[..., :, None] * vector[..., None, :] / 4
    result[..., :2, :2] /= width_px**2
    result[..., :2, 2] = vector / (2 * width_px)
    result[..., 2, :2] = -vector / (2 * width_px)
    result[..., 2, 2] = 1.0
    return result * bell[..., None, None]
