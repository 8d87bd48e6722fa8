"""Fitted shapes as a table of columns."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.model import Columns
from stackmotif.columns.refinement import Fit, Shapes
from stackmotif.columns.shape import FreeShapes
from stackmotif.columns.uncertainty import noise_level, position_covariances

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WIDTHS: Final = (0.6, 1.7)
_WORST_CHI2: Final = 3.0


def as_columns(
    detected_px: Floats,
    fit: Fit,
    free: FreeShapes,
    good: Bools,
    *,
    unit: float,
    pixel_size_A: float,
) -> Columns:
    """Return fitted columns in the units of the image.

    Parameters
    ----------
    detected_px : ndarray, shape (n, 2)
        Where a column whose fit failed is left.
    fit, free
        Positions, and widths beside them.
    good : ndarray of bool, shape (n,)
        See :func:`is_good`.
    unit : float
        One of the fitted image in those of the recorded one; negative if it was turned over.
    pixel_size_A : float
    """
    shapes = fit.shapes
    # A failed fit may have no height left, and then no inverse.
    fisher = np.where(good[:, None, None], fit.fisher, np.eye(fit.fisher.shape[1]))
    fit = replace(fit, fisher=fisher)
    covariance = position_covariances(fit)
    covariance[~good] = np.eye(2) * shapes.width_px**2
    centre = np.where(good[:, None], shapes.centre_px, detected_px)
    return Columns(
        positions_A=centre * pixel_size_A,
        covariances_A2=covariance * pixel_size_A**2,
        intensity=shapes.height * unit,
        background=shapes.background * unit,
        width_A=np.where(good, free.width_px, shapes.width_px) * pixel_size_A,
        ellipticity=np.where(good, free.ellipticity, 1.0),
        quality=good.astype(np.float64),
    )


def is_good(start: Shapes, fit: Fit, farthest_px: float) -> Bools:
    """Mark fits that settled near their start, with a column's width, and explain their patch."""
    width = fit.shapes.width_px
    long_px, short_px = fit.shapes.axes_px()
    moved = np.hypot(*(fit.shapes.centre_px - start.centre_px).T)
    low, high = _WIDTHS[0] * width, _WIDTHS[1] * width
    return (
        (moved < farthest_px)
        & (fit.last_step < 0.1 * width)
        & (short_px > low)
        & (long_px < high)
        & (fit.chi2 < _WORST_CHI2 * noise_level(fit))
    )


def no_columns() -> Columns:
    """Return an empty table."""
    none = np.zeros(0)
    return Columns(np.zeros((0, 2)), np.zeros((0, 2, 2)), none, none, none, none, none)
