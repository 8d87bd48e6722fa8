"""Samples of tiles turned into series that can be evaluated anywhere.

Along a row, a tile has the period of one pitch and a few harmonics. Across the slab it is a piece
of an image without detail beyond 2α/λ, sampled little more densely than that: alone it could not be
continued to the middle of a gap. What lies beyond its rows is known, though: the same gap seen from
the slab above, and reference slabs further out. Its Fourier series is fitted to all of them, then
shortened to the slab's own part of the image.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.couplings import coupling_rows
from stackmotif.imaging.atlas.views import Views, guest_partners, turned_basis

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.model import Atlas

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

_RIDGE: Final = 1e-8
"""Noise against signal that the fit supposes: what keeps it from following rounding errors."""
_MARGIN_A: Final = 0.3
"""How far beyond its rows a series holds [Å]."""
_FLOOR: Final = 1e-2
"""Least weight of a frequency in the fit, relative to the lowest."""


@dataclass(frozen=True)
class TileSeries:
    """Every tile as a series: harmonics along the pitch, cosines and sines across the slab.

    Parameters
    ----------
    coefficients : ndarray of complex128, shape (tilt, guest, shift, basis, detector, harmonic)
        The tile is the real part of the sum of ``c b(y) exp(2 pi i m x / d)``, m >= 0.
    reference : ndarray of complex128, shape (basis, detector, harmonic)
        The tile with the reference neighbour above and below, made symmetric.
    couplings : ndarray of complex128, shape (tile, basis, detector, harmonic)
        What other fillings of two gaps add.
    period_A : float
        Period of the basis across the slab [Å].
    reach_A : float
        Largest distance from the metal plane at which the series hold [Å].
    band_per_A : float
        Highest spatial frequency of an image, 2α/λ [1/Å].
    """

    coefficients: Complexes
    reference: Complexes
    couplings: Complexes
    period_A: float
    reach_A: float
    band_per_A: float

    @property
    def n_rows(self) -> int:
        """Number of cosines (and of sines) across the slab."""
        return self.coefficients.shape[3] // 2


def row_basis(y_A: Floats, *, period_A: float, n: int) -> Floats:
    """Return 1, n cosines and n sines at heights y, shape (..., 2n + 1)."""
    angles = 2 * np.pi / period_A * np.asarray(y_A)[..., None] * np.arange(1, n + 1)
    return np.concatenate([np.ones((*angles.shape[:-1], 1)), np.cos(angles), np.sin(angles)], -1)


def row_basis_torch(y_A: "torch.Tensor", *, period_A: float, n: int) -> "torch.Tensor":
    """Return what :func:`row_basis` does, for tensors."""
    import torch

    numbers = torch.arange(1, n + 1, dtype=y_A.dtype, device=y_A.device)
    angles = y_A[..., None] * (2 * math.pi / period_A * numbers)
    one = torch.ones((), dtype=y_A.dtype, device=y_A.device).expand(*angles.shape[:-1], 1)
    return torch.cat([one, torch.cos(angles), torch.sin(angles)], dim=-1)


def shift_weights(shifts: "torch.Tensor", n: int) -> "torch.Tensor":
    """Return the weights of n equidistant shifts in the trigonometric interpolation between them.

    Parameters
    ----------
    shifts : Tensor
        In units of the pitch; whole numbers change nothing.
    n : int
        Number of knots, at j / n.

    Returns
    -------
    Tensor, shape (..., n)
        They sum to 1, and are 1 and 0 at the knots.
    """
    import torch

    knots = torch.arange(n, dtype=shifts.dtype, device=shifts.device) / n
    away = 2 * math.pi * (shifts[..., None] - knots)
    weights = torch.ones_like(away)
    for order in range(1, (n - 1) // 2 + 1):
        weights = weights + 2 * torch.cos(order * away)
    if n % 2 == 0:
        weights = weights + torch.cos(n // 2 * away)
    return weights / n


def tile_series(
    atlas: "Atlas",
    samples: Floats,
    *,
    x_sign: Floats,
    y_sign: Floats,
    couplings: Floats | None = None,
) -> TileSeries:
    """Fit the series of all tiles.

    Parameters
    ----------
    atlas : Atlas
        Its geometry and beam.
    samples : ndarray, shape (tilt, guest, shift, detector, row, column)
        Signals of the detectors at one thickness.
    x_sign, y_sign : ndarray, shape (detector,)
        -1 for a detector whose signal changes sign with that axis.
    couplings : ndarray, shape (tile, detector, row, column), optional
        Signals of the tiles with other fillings.

    Raises
    ------
    SimulationError
        If the tile does not show the whole slab and half of each gap.
    """
    _check_rows(atlas)
    amplitude = _harmonics(samples)
    partner = guest_partners(atlas.guests)
    views = Views(amplitude, x_sign[:, None, None], y_sign[:, None, None], partner)
    reference = views.symmetric(atlas.reference)
    fits = _Fits(atlas, n_harmonics=amplitude.shape[-1])
    tilts, guests, shifts = amplitude.shape[:3]
    coefficients = [
        fits.coefficients(views.surroundings((t, g, j), reference, atlas.reference), (t, g, j))
        for t in range(tilts)
        for g in range(guests)
        for j in range(shifts)
    ]
    together = np.stack(coefficients).reshape(tilts, guests, shifts, *coefficients[0].shape)
    whole = views.surroundings(atlas.reference, reference, atlas.reference, own=reference)
    filled = np.empty((0, *samples.shape[3:])) if couplings is None else couplings
    added = coupling_rows(atlas, views, _harmonics(filled))
    return TileSeries(
        coefficients=together,
        reference=_made_symmetric(fits.coefficients(whole, atlas.reference), x_sign, y_sign),
        couplings=fits.alone(added),
        period_A=fits.period_A,
        reach_A=fits.reach_A,
        band_per_A=fits.band_per_A,
    )


def _check_rows(atlas: "Atlas") -> None:
    needed = atlas.slab_height_A / 2 + float(atlas.gap_heights_A.max()) / 2
    reach = float(np.abs(atlas.rows_A).max())
    if reach < needed:
        raise SimulationError(
            f"tiles of the atlas reach {reach:.2f} Å from the metal plane; expected "
            f"{needed:.2f} Å, the middle of its widest gap: build it with more rows"
        )


def _harmonics(samples: Floats) -> Complexes:
    """Return the amplitudes of the harmonics m >= 0 along the pitch, those above 0 doubled."""
    amplitude = np.fft.rfft(samples, axis=-1) / samples.shape[-1]
    amplitude[..., 1:] *= 2
    return amplitude


def _made_symmetric(coefficients: Complexes, x_sign: Floats, y_sign: Floats) -> Complexes:
    turned = turned_basis(coefficients).conj() * (x_sign * y_sign)[:, None]
    return (coefficients + turned) / 2


class _Fits:
    """Linear maps from rows of four slabs to the coefficients of one, by height of the gap."""

    def __init__(self, atlas: "Atlas", *, n_harmonics: int) -> None:
        self.atlas = atlas
        scope = atlas.recipe.microscope
        self.band_per_A = 2e-3 * scope.semiangle_mrad / scope.wavelength_A
        self.along_per_A = np.arange(n_harmonics) / atlas.pitch_A
        self.reach_A = float(np.abs(atlas.rows_A).max()) + _MARGIN_A
        self.period_A = 8 / 3 * self.reach_A
        self.n = math.ceil(self.period_A * self.band_per_A) + 2
        self._maps: dict[float, Floats] = {}

    def coefficients(self, rows: Complexes, index: tuple[int, int, int]) -> Complexes:
        """Return coefficients (basis, detector, harmonic) of rows (detector, row, harmonic)."""
        height = float(self.atlas.gap_heights_A[index])
        if height not in self._maps:
            self._maps[height] = self._make(height)
        return np.einsum("mkr,drm->kdm", self._maps[height], rows)

    def alone(self, rows: Complexes) -> Complexes:
        """Return coefficients of rows (tile, detector, row, harmonic) that end with the tile."""
        basis = row_basis(self.atlas.rows_A, period_A=self.period_A, n=self.n)
        maps = [_ridge(basis, self._prior(self.n, self.period_A, k)) for k in self.along_per_A]
        return np.einsum("mkr,tdrm->tkdm", np.stack(maps), rows)

    def _make(self, gap_A: float) -> Floats:
        """Return the maps (harmonic, basis, row) of one height of the gap above."""
        atlas = self.atlas
        step = atlas.slab_height_A + float(atlas.gap_heights_A[atlas.reference])
        above = atlas.slab_height_A + gap_A
        centres = np.array([step, 0.0, -above, -above - step])
        y = (centres[:, None] + atlas.rows_A).ravel()
        period = 1.1 * (y.max() - y.min())
        n = math.ceil(period * self.band_per_A)
        dense = np.linspace(-self.reach_A, self.reach_A, 8 * self.n)
        short = np.linalg.pinv(row_basis(dense, period_A=self.period_A, n=self.n), rcond=1e-9)
        long = short @ row_basis(dense, period_A=period, n=n)
        basis = row_basis(y, period_A=period, n=n)
        return np.stack([long @ _ridge(basis, self._prior(n, period, k)) for k in self.along_per_A])

    def _prior(self, n: int, period_A: float, along_per_A: float) -> Floats:
        """Return the weight of each function: what an aperture passes at its frequency."""
        across = np.arange(1, n + 1) / period_A
        q = np.hypot(np.concatenate([[0.0], across, across]), along_per_A) / self.band_per_A
        q = np.minimum(q, 1.0)
        passed = 2 / np.pi * (np.arccos(q) - q * np.sqrt(1 - q * q))
        return np.sqrt(np.maximum(passed, _FLOOR))


def _ridge(basis: Floats, weight: Floats) -> Floats:
    """Return the map from samples to the coefficients of least weighted norm."""
    scaled = basis * weight
    gram = scaled @ scaled.T
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram, scaled).T * weight[:, None]
