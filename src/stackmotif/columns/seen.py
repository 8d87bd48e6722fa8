"""Candidates where a network sees columns; their positions are only where the fit begins."""

import numpy as np

from stackmotif.columns.detection import DIM_FILTER_SCALE, in_order
from stackmotif.columns.filtering import Candidates, blob_response, parabola_tops
from stackmotif.columns.noise import Image, NoiseModel

LEAST_PROBABILITY = 0.5
"""Height of a spot of the map that counts as a column."""

_FEWEST = 9
_FAINTEST = 0.2
"""Least height that a fit begins with, relative to the typical one."""
_NEAREST = 0.25
"""Radius within which a spot is the highest [pitches]; rock salt has metal 0.5 pitch apart."""


def seen_columns(
    image: Image, probability: Image, *, noise: NoiseModel, pitch_px: float
) -> Candidates:
    """Return the spots of a map of probability as candidates.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    probability : ndarray of float32, shape (y, x)
        Of a column.
    noise : NoiseModel
        Variance of a pixel as a function of ``image``.
    pitch_px : float
        Distance of neighbouring columns [px].

    Returns
    -------
    Candidates
        All of them vouched for, as if their row had done it. Spots that do not repeat around them,
        as in noise or film, are left out.
    """
    from scipy.ndimage import maximum_filter

    size = 2 * max(1, round(_NEAREST * pitch_px)) + 1
    top = (probability == maximum_filter(probability, size=size, mode="nearest")) & (
        probability > LEAST_PROBABILITY
    )
    y, x = np.nonzero(top)
    smooth, response = blob_response(image, scale_px=DIM_FILTER_SCALE * pitch_px)
    level = smooth[y, x].astype(np.float64)
    sigma = np.sqrt(noise.variance(smooth[y, x]) / (2 * np.pi * (DIM_FILTER_SCALE * pitch_px) ** 2))
    height = response[y, x].astype(np.float64)
    if (height > 0).any():
        height = np.maximum(height, _FAINTEST * float(np.median(height[height > 0])))
    # A spot is a Gaussian, its logarithm a parabola.
    tops = parabola_tops(np.log(np.maximum(probability, np.float32(1e-3))), y, x)
    centres = np.stack([y, x], axis=1) + tops
    found = Candidates(
        positions_px=np.clip(centres, 0, np.array(probability.shape) - 1),
        response=height,
        significance=height / sigma,
        level=level,
        in_row=np.ones(len(y), dtype=bool),
    )
    if len(y) < _FEWEST:
        return found.take(np.zeros(len(y), dtype=bool))
    return found.take(in_order(found.positions_px, pitch_px, dim=True))
