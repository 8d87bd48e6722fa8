"""The metal of an ABF image, which shows oxygen and lithium too."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.model import Columns
from stackmotif.columns.weak import find_weak_columns
from stackmotif.micrograph import Micrograph

_BESIDE: Final = 0.7
"""Within this of a higher column, there is oxygen [pitches]. Metal of rock salt along <110> is 1.0
apart; along other axes, 0.5 to 0.6, such columns are not told from oxygen."""
_NEAREST: Final = 12
_UPPER: Final = 75.0
"""Percentile of the heights around: lithium may be half of what stands there."""
_LIGHT: Final = 0.6
"""Height, relative to that, below which a column is no metal. In ABF of 2 to 12 nm lithium has 0.15
to 0.4 of the metal's, metal 0.9 to 1.1 (development seeds, 20 000 e/Å²)."""


def metal_columns(micrograph: Micrograph, found: Columns, *, pitch_A: float = 2.5) -> Columns:
    """Return the metal among the columns of an image that shows light atoms as well.

    Oxygen and guests are looked for and fitted together with what was found; what is left after
    them is as high as its surroundings and has nothing higher beside it.

    Parameters
    ----------
    micrograph : Micrograph
        An ABF image.
    found : Columns
        What :func:`find_columns` finds in it.
    pitch_A : float
        Distance of neighbouring metal columns [Å], to about 30 %.

    Returns
    -------
    Columns
        In image order (y, then x).

    Raises
    ------
    ColumnsError
        If the pixels are too coarse for the pitch.
    """
    strong, weak = find_weak_columns(micrograph, found, pitch_A=pitch_A)
    columns = strong.joined(weak)
    columns = columns.take(_no_higher_one_beside(columns, _BESIDE * pitch_A))
    return columns.take(_as_high_as_others(columns))


def _no_higher_one_beside(columns: Columns, radius_A: float) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    height = np.abs(columns.intensity)
    kept = np.ones(len(columns), dtype=bool)
    pairs = cKDTree(columns.positions_A).query_pairs(radius_A, output_type="ndarray")
    lower = height[pairs[:, 0]] < height[pairs[:, 1]]
    kept[np.where(lower, pairs[:, 0], pairs[:, 1])] = False
    return kept


def _as_high_as_others(columns: Columns) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    if not len(columns):
        return np.zeros(0, dtype=bool)
    height = np.abs(columns.intensity)
    near = cKDTree(columns.positions_A).query(
        columns.positions_A, k=np.arange(1, min(_NEAREST, len(columns)) + 1)
    )[1]
    return np.asarray(height >= _LIGHT * np.percentile(height[near], _UPPER, axis=1))
