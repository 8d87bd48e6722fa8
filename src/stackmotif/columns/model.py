"""The atomic columns of one image, as parallel arrays."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ColumnsError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """Column positions with covariance and shape, one entry per column.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å]: y down, origin at the centre of pixel (0, 0).
    covariances_A2 : ndarray, shape (n, 2, 2)
        Covariance of (y, x) [Å²].
    intensity : ndarray, shape (n,)
        Peak height above the local background, in image units.
    background : ndarray, shape (n,)
        Local background, in image units.
    width_A : ndarray, shape (n,)
        Gaussian sigma of the column image [Å], geometric mean of long and short axis.
    ellipticity : ndarray, shape (n,)
        Ratio of the long to the short sigma, 1 or more, fitted freely; expected noise taken away.
    quality : ndarray, shape (n,)
        1 for a converged fit that explains its patch, 0 for a failed one.

    Raises
    ------
    ColumnsError
        If the arrays disagree in length, or hold values that are not finite.
    """

    positions_A: Floats
    covariances_A2: Floats
    intensity: Floats
    background: Floats
    width_A: Floats
    ellipticity: Floats
    quality: Floats

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions_A, dtype=np.float64)
        n = len(positions) if positions.ndim else 0
        expected = {
            "positions_A": (n, 2),
            "covariances_A2": (n, 2, 2),
            "intensity": (n,),
            "background": (n,),
            "width_A": (n,),
            "ellipticity": (n,),
            "quality": (n,),
        }
        for name, shape in expected.items():
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape:
                raise ColumnsError(f"{name} has shape {value.shape}; expected {shape}")
            _check_finite(name, value)
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.positions_A)

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Columns":
        """Return the columns selected by a mask, by indices or by a slice."""
        return Columns(*(getattr(self, one.name)[kept] for one in fields(self)))

    def joined(self, other: "Columns") -> "Columns":
        """Return these columns and others, in image order (y, then x)."""
        names = [one.name for one in fields(self)]
        both = Columns(
            *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names)
        )
        return both.take(np.lexsort(both.positions_A.T[::-1]))

    @classmethod
    def from_positions(cls, positions_A: Floats, *, sigma_A: float) -> "Columns":
        """Wrap bare positions with an isotropic uncertainty.

        Parameters
        ----------
        positions_A : array_like, shape (n, 2)
            (y, x) in image axes [Å]; an empty sequence gives no columns.
        sigma_A : float
            Standard deviation of each coordinate [Å].

        Raises
        ------
        ColumnsError
            If the positions have another shape or are not finite, or the uncertainty is not a
            finite positive number.
        """
        positions = _pairs(positions_A)
        if not (np.isfinite(sigma_A) and sigma_A > 0):
            raise ColumnsError(
                f"sigma_A is {sigma_A} Å; expected the uncertainty of a position, finite and "
                "greater than zero"
            )
        n = len(positions)
        ones = np.ones(n)
        return cls(
            positions_A=positions,
            covariances_A2=np.tile(np.eye(2) * sigma_A**2, (n, 1, 1)),
            intensity=ones,
            background=np.zeros(n),
            width_A=ones * 0.5,
            ellipticity=ones,
            quality=ones,
        )


def _pairs(positions_A: Floats) -> Floats:
    """Return positions as floats of shape (n, 2)."""
    positions = np.asarray(positions_A, dtype=np.float64)
    if positions.size == 0 and positions.ndim <= 2:
        return np.empty((0, 2))
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ColumnsError(
            f"positions_A has shape {positions.shape}; expected (n, 2), that is (y, x) per column"
        )
    return positions


def _check_finite(name: str, value: Floats) -> None:
    bad = ~np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
    if bad.any():
        raise ColumnsError(
            f"{name} of {int(bad.sum())} of {len(value)} columns is not finite, the first at "
            f"index {int(bad.argmax())}; expected finite numbers: leave such columns out"
        )
