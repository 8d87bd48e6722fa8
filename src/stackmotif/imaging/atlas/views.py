r"""How slabs of either tilt see the gaps above and below them, from the tiles of one.

Let :math:`T_v(x, y)` be the tile of a slab of tilt R with the neighbour v above. Turning the
crystal about the beam and mirroring it give all other cases:

============  =====================  ==================================
slab          neighbour              image
============  =====================  ==================================
R             (s, t, guest) above    :math:`T_{(s, t)}(x, y)`
R             (s, t, guest) below    :math:`T_{(s, t)}(-x, -y)`
L             (s, t, guest) above    :math:`T_{(-s, -t)}(-x, y)`
L             (s, t, guest) below    :math:`T_{(-s, -t)}(x, -y)`
============  =====================  ==================================

A moment changes its sign with its axis, and a guest on the lower site of a prismatic gap is on the
upper one when the crystal is upside down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def guest_partners(guests: tuple[str, ...]) -> Ints:
    """Return the number of each guest of an atlas when the crystal is upside down.

    >>> guest_partners(("", "Li", "Li@u"))
    array([0, 2, 1])
    """
    turned = [one[:-2] if one.endswith("@u") else one + "@u" for one in guests]
    return np.array([guests.index(one) if one in guests else k for k, one in enumerate(turned)])


def turned_basis(coefficients: Complexes) -> Complexes:
    """Return the coefficients (..., basis, detector, harmonic) of f(-y)."""
    n = coefficients.shape[-3] // 2
    sign = np.concatenate([np.ones(n + 1), -np.ones(n)])
    return coefficients * sign[:, None, None]


@dataclass(frozen=True)
class Views:
    """Tiles (tilt, guest, shift, detector, row, harmonic) as other slabs see them."""

    amplitude: Complexes
    x_sign: Floats
    y_sign: Floats
    partner: Ints
    """Number of each guest when the crystal is upside down."""

    def mirrored(self, tile: Complexes) -> Complexes:
        """Return T(-x, y)."""
        return tile.conj() * self.x_sign

    def upside_down(self, tile: Complexes) -> Complexes:
        """Return T(x, -y)."""
        return tile[:, ::-1] * self.y_sign

    def symmetric(self, index: tuple[int, int, int]) -> Complexes:
        """Return the mean of a tile and the tile turned by 180 degrees."""
        tile = self.amplitude[index]
        return (tile + self.mirrored(self.upside_down(tile))) / 2

    def from_above(self, index: tuple[int, int, int]) -> Complexes:
        """Return the gap of a tile as the slab above it sees it."""
        tilt, guest, shift = index
        other = int(self.partner[guest])
        if tilt == 0:
            return self.mirrored(self.upside_down(self.amplitude[tilt, other, shift]))
        opposite = -shift % self.amplitude.shape[2]
        return self.upside_down(self.amplitude[tilt, other, opposite])

    def surroundings(
        self,
        index: tuple[int, int, int],
        reference: Complexes,
        reference_index: tuple[int, int, int],
        *,
        own: Complexes | None = None,
    ) -> Complexes:
        """Return the rows of the slab below, the slab itself and the two above, in its own phase.

        Shape (detector, 4 rows, harmonic).
        """
        n_shifts, step = self.amplitude.shape[2], reference_index[2]
        beyond = reference if index[0] == 0 else self.mirrored(reference)
        shift = index[2]
        shift_beyond = shift + step if index[0] == 0 else shift - step
        parts = (
            (reference, -step),
            (self.amplitude[index] if own is None else own, 0),
            (self.from_above(index) if own is None else own, shift),
            (beyond, shift_beyond),
        )
        m = np.arange(self.amplitude.shape[-1])
        return np.concatenate(
            [tile * np.exp(-2j * np.pi * m * place / n_shifts) for tile, place in parts], axis=1
        )
