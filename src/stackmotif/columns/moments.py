"""Normal equations of all columns from moments of their patches.

Every derivative of a column is its Gaussian times a polynomial of the place, of degree two at most.
On the pixel grid the powers of the place are the same for all columns: one matrix product sums them
up with the weights, and what is left are small matrices.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_POWERS: Final = tuple((d - x, x) for d in range(5) for x in range(d + 1))
"""Exponents (y, x) up to the fourth degree; the first six are those of a derivative."""
SECOND: Final = 6
PRODUCTS: Final = np.array(
    [
        [_POWERS.index((a[0] + b[0], a[1] + b[1])) for b in _POWERS[:SECOND]]
        for a in _POWERS[:SECOND]
    ]
)


def exponents(inverse: Any, rest_px: Any, reach_px: float) -> list[Any]:
    """Return the exponent of each Gaussian as six polynomial coefficients; arrays of any library.

    Parameters
    ----------
    inverse : array, shape (n, 3)
        Inverse variance (yy, yx, xx) [1/px²].
    rest_px : array, shape (n, 2)
        Nearest pixel minus centre (y, x) [px].
    reach_px : float
        Unit of the offsets [px].
    """
    yy, yx, xx = inverse.T
    y, x = rest_px.T
    r = reach_px
    return [
        -0.5 * (yy * y**2 + 2 * yx * y * x + xx * x**2),
        -r * (yy * y + yx * x),
        -r * (yx * y + xx * x),
        -0.5 * r**2 * yy,
        -(r**2) * yx,
        -0.5 * r**2 * xx,
    ]


def fill_derivatives(
    found: Any, inverse: Any, rest_px: Any, height: Any, reach_px: float, width_px: float
) -> None:
    """Write the derivatives into zeros of shape (n, 6, 6); arrays of any library.

    Order (y, x, height, yy, yx, xx) by the powers (1, y, x, y², yx, x²), times the Gaussian.
    """
    yy, yx, xx = inverse.T
    y, x = rest_px.T
    r, h = reach_px, height
    for k, (a, b) in enumerate(((yy, yx), (yx, xx))):
        found[:, k, 0] = h * (a * y + b * x)
        found[:, k, 1], found[:, k, 2] = h * r * a, h * r * b
    found[:, 2, 0] = 1.0
    s = -0.5 / width_px**2 * h
    found[:, 3, 0], found[:, 3, 1], found[:, 3, 3] = s * y**2, s * 2 * r * y, s * r**2
    found[:, 4, 0], found[:, 4, 4] = s * 2 * y * x, s * 2 * r**2
    found[:, 4, 1], found[:, 4, 2] = s * 2 * r * x, s * 2 * r * y
    found[:, 5, 0], found[:, 5, 2], found[:, 5, 5] = s * x**2, s * 2 * r * x, s * r**2


@dataclass(frozen=True)
class Powers:
    """Powers of the offsets of a patch's pixels, in units of its reach.

    Parameters
    ----------
    table : ndarray of float32, shape (m, 15)
        One line per pixel.
    reach_px : float
        The unit [px].
    """

    table: Image
    reach_px: float

    @classmethod
    def of(cls, offsets: NDArray[np.int64]) -> "Powers":
        """Tabulate the powers of offsets (m, 2) [px]."""
        reach = float(max(np.abs(offsets).max(), 1))
        y, x = (offsets / reach).T
        table = np.stack([y**a * x**b for a, b in _POWERS], axis=1)
        return cls(table.astype(np.float32), reach)

    def bells(self, inverse: Floats, rest_px: Floats) -> Image:
        """Return the Gaussians (n, m) of columns.

        Parameters
        ----------
        inverse : ndarray, shape (n, 3)
            Inverse variance (yy, yx, xx) [1/px²].
        rest_px : ndarray, shape (n, 2)
            Nearest pixel minus centre (y, x) [px].
        """
        exponent = np.stack(exponents(inverse, rest_px, self.reach_px), axis=1)
        found = exponent.astype(np.float32) @ self.table[:, :SECOND].T
        return np.exp(found, out=found)

    def derivatives(
        self, inverse: Floats, rest_px: Floats, height: Floats, width_px: float
    ) -> Floats:
        """Return each derivative but that of the background as a polynomial, shape (n, 6, 6).

        Order (y, x, height, yy, yx, xx) by the powers (1, y, x, y², yx, x²), times the Gaussian.
        """
        found = np.zeros((len(height), SECOND, SECOND))
        fill_derivatives(found, inverse, rest_px, height, self.reach_px, width_px)
        return found

    def equations(
        self, bell: Image, weight: Image, residual: Image, derivatives: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return Fisher matrices (n, 7, 7), gradients (n, 7) and sums of squares (n,).

        Parameters
        ----------
        bell, weight, residual : ndarray of float32, shape (n, m)
            Gaussian, weight and image minus model of each pixel.
        derivatives : ndarray, shape (n, 6, 6)
            From :meth:`derivatives`.
        """
        n, six = len(bell), slice(0, SECOND)
        second = self.table[:, :SECOND]
        weighted = weight * bell
        square = ((weighted * bell) @ self.table).astype(np.float64)[:, PRODUCTS]
        pulled = weight * residual
        fisher, gradient = np.empty((n, 7, 7)), np.empty((n, 7))
        turned = derivatives.transpose(0, 2, 1)
        fisher[:, six, six] = derivatives @ square @ turned
        with_background = (weighted @ second)[..., None].astype(np.float64)
        fisher[:, six, 6] = (derivatives @ with_background)[..., 0]
        fisher[:, 6, six] = fisher[:, six, 6]
        ones = np.ones(weight.shape[1], dtype=np.float32)
        fisher[:, 6, 6] = weight @ ones
        moved = ((pulled * bell) @ second)[..., None].astype(np.float64)
        gradient[:, six] = (derivatives @ moved)[..., 0]
        gradient[:, 6] = pulled @ ones
        return fisher, gradient, np.einsum("nm,nm->n", pulled, residual).astype(np.float64)
