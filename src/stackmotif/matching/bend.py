"""Slow curvature: quadratic and cubic displacements that leave the mean lattice alone."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.orientation import from_row_frame, to_row_frame

Floats = NDArray[np.float64]

WITHIN = ((1, 1), (2, 0), (1, 2), (2, 1), (3, 0))
"""Powers of (u, v), along and across the rows, of the terms that change within rows."""

LINES = (2, 3)
"""Powers of y of the displacement along x that lines have in common with their neighbours."""

_ROWS_AND_COLUMNS = {2: 5, 3: 8}
"""Fewest rows, and columns of a row, from which terms of an order are fitted."""


@dataclass(frozen=True)
class Bend:
    """A displacement of every place by a few smooth terms.

    The terms have no constant and no linear part over the columns: taking the curvature out moves
    and stretches nothing as a whole.

    Parameters
    ----------
    frame_rad : float
        Direction of the rows, u; v is across them.
    centre_A, half_A : ndarray, shape (2,), and float
        Terms are powers of ((y, x) - centre) / half.
    linear : ndarray, shape (3, 7)
        Constant and linear part (1, y, x) of every term, which is taken off.
    order : int
        Highest power in use: 3, 2, or 0 for none.
    uv_A, x_A : ndarray, shape (2, 5) and (2,)
        Coefficients of the terms within rows along u and v, and of the lines' along x [Å].
    """

    frame_rad: float
    centre_A: Floats
    half_A: float
    linear: Floats
    order: int
    uv_A: Floats
    x_A: Floats

    @classmethod
    def none(cls, places_A: Floats, frame_rad: float, shape: tuple[int, int]) -> "Bend":
        """Return the terms that columns at these places allow, all of them zero.

        Parameters
        ----------
        places_A : ndarray, shape (n, 2)
            Columns (y, x) [Å].
        frame_rad : float
            Direction of the rows.
        shape : tuple of int
            How many rows, and columns of a row, there are.
        """
        centre = places_A.mean(axis=0)
        half = max(float(np.ptp(places_A, axis=0).max()), 1e-9) / 2
        number = len(WITHIN) + len(LINES)
        order = max((n for n, least in _ROWS_AND_COLUMNS.items() if min(shape) >= least), default=0)
        empty = cls(
            frame_rad, centre, half, np.zeros((3, number)), order,
            np.zeros((2, len(WITHIN))), np.zeros(len(LINES)),
        )  # fmt: skip
        raw, affine = empty._raw(places_A), empty._affine(places_A)
        linear = np.linalg.lstsq(affine, raw, rcond=None)[0]
        return replace(empty, linear=np.asarray(linear, dtype=np.float64))

    def terms(self, places_A: Floats) -> tuple[Floats, Floats]:
        """Return the terms at places (y, x) [Å]: within rows (n, 5), and of lines (n, 2)."""
        values = self._raw(places_A) - self._affine(places_A) @ self.linear
        return values[:, : len(WITHIN)], values[:, len(WITHIN) :]

    def displacement_A(self, places_A: Floats) -> Floats:
        """Return the displacement (y, x) at places (n, 2) = (y, x) [Å]."""
        within, lines = self.terms(places_A)
        u, v = self.uv_A @ within.T
        y, x = from_row_frame(u, v, self.frame_rad)
        return np.stack([y, x + lines @ self.x_A], axis=1)

    def _raw(self, places_A: Floats) -> Floats:
        scaled = (places_A - self.centre_A) / self.half_A
        u, v = to_row_frame(scaled, self.frame_rad)
        within = [u**a * v**b * (a + b <= self.order) for a, b in WITHIN]
        lines = [scaled[:, 0] ** n * (n <= self.order) for n in LINES]
        return np.stack([*within, *lines], axis=1)

    def _affine(self, places_A: Floats) -> Floats:
        return np.column_stack([np.ones(len(places_A)), (places_A - self.centre_A) / self.half_A])
