"""Tilts and shifts to kinds of gaps, with all probabilities."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS: Final = ("3", "1", "p", "q", "2")
"""Kinds of gaps between slabs at thirds of the pitch, in the order of their probabilities."""


def kind_probability(lower: Floats, upper: Floats, state: Floats) -> Floats:
    """Return the probability of each of `KINDS`; what they lack to 1 is not told.

    Parameters
    ----------
    lower, upper : ndarray, shape (n, 2 or more)
        P(R), P(L) of the slab below and of the one above each gap.
    state : ndarray, shape (n, 3 or more)
        P(+), P(0), P(-) of its shift, x(upper) - x(lower), in the same gauge as the tilts.

    Returns
    -------
    ndarray, shape (n, 5)

    Examples
    --------
    >>> kind_probability(np.array([[0.9, 0.1]]), np.array([[1.0, 0.0]]), np.array([[1.0, 0, 0]]))
    array([[0.9, 0. , 0. , 0. , 0.1]])
    """
    right, left = lower[:, 0] * upper[:, 0], lower[:, 1] * upper[:, 1]
    apart = lower[:, 0] * upper[:, 1] + lower[:, 1] * upper[:, 0]
    plus, zero, minus = state[:, 0], state[:, 1], state[:, 2]
    return np.stack(
        [
            plus * right + minus * left,
            zero * (right + left),
            plus * left + minus * right,
            zero * apart,
            (plus + minus) * apart,
        ],
        axis=1,
    )
