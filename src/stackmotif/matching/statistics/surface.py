"""A smooth surface through what was measured in tiles, and how well it predicts another place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_TILES = 4
"""Tiles below which nothing is predicted."""

_PER_TERM = 3  # tiles per coefficient of the surface, at least
_POWERS = (
    ((0, 0),),
    ((0, 0), (1, 0)),
    ((0, 0), (1, 0), (0, 1)),
    ((0, 0), (1, 0), (2, 0)),
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)),
)


@dataclass(frozen=True)
class Prediction:
    """One quantity as the tiles predict it for a place, and the error that they make.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Predictions at n places.
    sigma : float
        Standard error of the mean difference between what is measured there and the prediction.
        Places side by side share their rows and what displaces them: they count as one.
    freedom : int
        Degrees of freedom of ``sigma``.
    """

    value: Floats
    sigma: float
    freedom: int


def predict(centres: Floats, values: Floats, places: Floats) -> Prediction | None:
    """Predict a quantity at ``places`` from tiles; None with fewer than four tiles.

    Parameters
    ----------
    centres, values : ndarray, shape (m, 2) and (m,)
        Centres (row, slot) of the tiles, and what was measured there.
    places : ndarray, shape (n, 2)
        Where to predict.

    Notes
    -----
    Of a constant, a plane, a quadratic surface, and lateral profiles that are the same or change
    linearly from row to row, as far as there are three tiles per coefficient, the one is taken
    that predicts left-out tiles best. The error is that of left-out tiles at least: of
    all, of those in the same rows and of those above and below, whichever is largest.
    """
    if len(centres) < FEWEST_TILES:
        return None
    near = [_nearest(centres[:, axis], places[:, axis]) for axis in (0, 1)]
    fits = [_fit(basis, there, values, near) for basis, there in _bases(centres, places)]
    return min(fits, key=lambda fit: fit[0])[1]


def _nearest(tiles: Floats, places: Floats) -> NDArray[np.bool_]:
    """Return the tiles that stand as near to a place, along one axis, as any tile does."""
    apart = np.abs(tiles[:, None] - places[None, :])
    return np.asarray((apart < apart.min(axis=0) + 1e-6).any(axis=1))


def _fit(
    basis: Floats, there: Floats, values: Floats, near: list[NDArray[np.bool_]]
) -> tuple[float, Prediction]:
    """Return the mean squared error of left-out tiles, and the prediction."""
    rank = basis.shape[1]
    inverse = np.linalg.pinv(basis)
    hat = np.clip(np.einsum("ij,ji->i", basis, inverse), 0.0, 0.95)
    residual = values - basis @ (inverse @ values)
    squares = (residual / (1.0 - hat)) ** 2
    left_out = float(squares.mean())
    beside = max(float(squares[own].mean()) for own in near)
    spread = float(np.mean(residual**2 / (1.0 - hat)))
    leverage = float(np.einsum("ij,ij->i", there @ inverse, there @ inverse).mean())
    sigma = float(np.sqrt(max(spread * (1.0 + leverage), left_out, beside)))
    return left_out, Prediction(there @ (inverse @ values), sigma, max(len(values) - rank, 1))


def _bases(centres: Floats, places: Floats) -> list[tuple[Floats, Floats]]:
    """Return the bases that the tiles can fill, at the tiles and at the places."""
    middle, half = centres.mean(axis=0), np.ptp(centres, axis=0) / 2
    half = np.where(half > 0, half, 1.0)
    both = [(xy - middle) / half for xy in (centres, places)]
    lateral = np.unique(np.round(centres[:, 1], 6))
    pairs = [(_powers(both[0], powers), _powers(both[1], powers)) for powers in _POWERS]
    profile = [(np.round(xy[:, 1:], 6) == lateral).astype(np.float64) for xy in (centres, places)]
    if profile[1].any(axis=1).all():
        sloped = [np.hstack([p, xy[:, :1]]) for p, xy in zip(profile, both, strict=True)]
        pairs += [(profile[0], profile[1]), (sloped[0], sloped[1])]
    m = len(centres)
    usable = [
        (basis, there)
        for basis, there in pairs
        if m >= _PER_TERM * basis.shape[1] and np.linalg.matrix_rank(basis) == basis.shape[1]
    ]
    return usable or [pairs[0]]


def _powers(xy: Floats, powers: tuple[tuple[int, int], ...]) -> Floats:
    y, x = xy.T
    return np.stack([y**i * x**j for i, j in powers], axis=1)
