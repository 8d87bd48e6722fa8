"""Stacking in two dimensions: the shift of every cell of a projection, and the walls in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ShiftField:
    """Measured and decoded shifts on the integer grid (gap, slot).

    Gap k lies between row k and row k + 1, rows counted from the top of the image; a slot is an
    in-row column index. A shift is x(row nearer the image's c+ end) - x(the other) in units of the
    column pitch, wrapped to (-0.5, 0.5], shear and row offsets removed. Cells without both columns
    are NaN in ``shift``.

    Parameters
    ----------
    shift : ndarray, shape (n_gaps, n_slots)
        Shift [pitch].
    sigma : ndarray, shape (n_gaps, n_slots)
        Its standard deviation [pitch].
    probability : ndarray, shape (n_gaps, n_slots, 4)
        Posterior of the states ``+``, ``0``, ``-``, ``x``; sums to 1 on the last axis.
    state : ndarray of int8, shape (n_gaps, n_slots)
        Index into `stackmotif.conventions.STATES`.
    """

    shift: NDArray[np.float64]
    sigma: NDArray[np.float64]
    probability: NDArray[np.float64]
    state: NDArray[np.int8]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Cells in which both columns were found, shape (n_gaps, n_slots)."""
        return np.isfinite(self.shift)


@dataclass(frozen=True)
class Wall:
    """A lateral wall: one row jumps by ``jump_thirds`` / 3 of the pitch.

    Parameters
    ----------
    row : int
        The row that carries the jump.
    jump_thirds : int
        3 J, from -2 to 2; positive is tensile (the row is stretched).
    left, right : str
        Two-character states (gap above, gap below) on either side.
    kind : str
        ``A`` (abrupt), ``C`` (continuous) or ``unresolved``.
    width_columns, width_sigma : float
        Fitted width and its standard deviation [pitch].
    """

    row: int
    jump_thirds: int
    left: str
    right: str
    kind: str = "unresolved"
    width_columns: float = float("nan")
    width_sigma: float = float("nan")
