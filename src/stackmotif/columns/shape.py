"""How wide and how long each column really is.

The fit that measures positions holds every column near one common round shape. What is elongated,
because two columns overlap along the beam, shows only when that hold is let go. Here positions stay
where they are and height, shape and background are fitted freely.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.patches import Patches
from stackmotif.columns.refinement import (
    Fit,
    Plan,
    Shapes,
    bounded,
    normal_equations,
    rendered,
    updated,
)
from stackmotif.columns.small_systems import inverses
from stackmotif.columns.uncertainty import noise_level

Floats = NDArray[np.float64]

LOOSE_PRIOR = 0.7
"""Standard deviation of the relative inverse variance that keeps the equations solvable."""

_MOST_PASSES = 8
_CAUTION = 0.75  # of a step: touching columns otherwise overshoot in turn
_SETTLED = 0.1  # of the standard deviation of a shape
_FEW = 0.05  # of the columns
_FIRST = 2  # of the parameters (y, x, height, yy, yx, xx, background): height


@dataclass(frozen=True)
class FreeShapes:
    """Widths and elongations of n columns.

    Parameters
    ----------
    width_px : ndarray, shape (n,)
        Geometric mean of the two Gaussian sigmas [px].
    ellipticity : ndarray, shape (n,)
        Ratio of the long to the short sigma, its expected noise taken away.
    """

    width_px: Floats
    ellipticity: Floats


def free_shapes(image: Image, fit: Fit, *, noise: NoiseModel) -> FreeShapes:
    """Fit every column's shape with its position held, all columns at once.

    Noise alone makes every shape look elongated. The square of the anisotropy is therefore reduced
    by its expected noise before the ratio is formed, so that a mean over many columns is close to
    the truth; where the rest is negative the column counts as round.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    fit : Fit
        The fit of the positions.
    noise : NoiseModel
        Variance of a pixel as a function of the model's intensity.
    """
    shapes, plan = fit.shapes, Plan.of(fit.shapes)
    patches = Patches.cut(image, plan.reach_px, margin_px=plan.tail_px)
    tails = patches.wider(plan.tail_px)
    total = rendered(tails, shapes)
    covariance, active = np.empty((len(shapes), 3, 3)), np.arange(len(shapes))
    for _ in range(_MOST_PASSES):
        before = shapes.take(active)
        fisher, gradient, _ = normal_equations(patches, total, before, noise)
        all_of_it, step = _solved(fisher, gradient, before)
        after = _changed(before, _CAUTION * step if plan.crowded else step)
        covariance[active] = all_of_it[:, 1:4, 1:4]
        shapes = shapes.put(active, after)
        sigma = np.sqrt(np.diagonal(covariance[active], axis1=1, axis2=2))
        far = (np.abs(step[:, 1:4]) > _SETTLED * sigma).any(axis=1)
        if far.sum() <= _FEW * len(shapes):
            break
        total = updated(tails, total, shapes, before, after)
        active = active[far]
    level = noise_level(fit) * fit.correlation
    return _without_noise(shapes, covariance * level)


def _solved(fisher: Floats, gradient: Floats, shapes: Shapes) -> tuple[Floats, Floats]:
    """Return covariances (n, 5, 5) and steps (n, 5) of height, shape and background."""
    matrix = fisher[:, _FIRST:, _FIRST:].copy()
    slope = gradient[:, _FIRST:].copy()
    precision = 1.0 / LOOSE_PRIOR**2
    for k in range(1, 4):
        matrix[:, k, k] += precision
    slope[:, 1:4] += precision * (np.array([1.0, 0.0, 1.0]) - shapes.inverse)
    inverse = inverses(matrix)
    return inverse, np.einsum("nij,nj->ni", inverse, slope)


def _changed(shapes: Shapes, step: Floats) -> Shapes:
    return replace(
        shapes,
        height=np.clip(shapes.height + step[:, 0], 0.3 * shapes.height, 3.0 * shapes.height),
        inverse=bounded(shapes.inverse + step[:, 1:4]),
        background=shapes.background + step[:, 4],
    )


def _without_noise(shapes: Shapes, covariance: Floats) -> FreeShapes:
    """Return widths and ratios; ``covariance`` is that of (yy, yx, xx), shape (n, 3, 3)."""
    yy, yx, xx = shapes.inverse.T
    root = np.hypot((yy - xx) / 2, yx)
    variance = covariance[:, 0, 0] + covariance[:, 2, 2] - 2 * covariance[:, 0, 2]
    expected = variance / 4 + covariance[:, 1, 1]
    left = np.sqrt(np.maximum(root**2 - expected, 0.0))
    share = np.divide(left, root, out=np.zeros_like(root), where=root > 0)
    middle, half = (yy + xx) / 2, (yy - xx) / 2 * share
    inverse = np.stack([middle + half, yx * share, middle - half], axis=1)
    long_px, short_px = replace(shapes, inverse=inverse).axes_px()
    return FreeShapes(np.sqrt(long_px * short_px), long_px / short_px)
