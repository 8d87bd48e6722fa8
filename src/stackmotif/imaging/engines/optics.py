"""Probe, propagator, band limit and phase gratings, as arrays on a device."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.aberrations import aberration_phase
from stackmotif.imaging.engines.devices import free_bytes
from stackmotif.imaging.engines.edges import check_edges, disc, disc_pixels, whole_pixels
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

if TYPE_CHECKING:
    import torch

Slices = NDArray[np.float32] | NDArray[np.complex64]
"""Projected potential of slices [V Å], or their transmission functions, shape (slice, x, y)."""
_BAND: Final = 2.0 / 3.0
_TAPER: Final = 0.01
_ELECTRON_REST_EV: Final = 510998.95
_KEPT_SHARE: Final = 1 / 3
"""Share of the free memory up to which the gratings of all slices are kept."""


def interaction_per_V_A(microscope: Microscope) -> float:
    """Return σ, the phase per projected potential [rad / (V Å)]."""
    rest, energy = _ELECTRON_REST_EV, microscope.energy_eV
    return 2 * math.pi / (microscope.wavelength_A * energy) * (rest + energy) / (2 * rest + energy)


def band_aperture(grid: Grid) -> NDArray[np.float64]:
    """Return the band limit: 1 inside 2/3 of the Nyquist frequency, with a narrow cosine edge."""
    kx, ky = grid.k_per_A
    k = np.hypot(kx[:, None], ky[None])
    coarsest = max(grid.sampling_A)
    cutoff, taper = _BAND / (2 * coarsest), _TAPER / coarsest
    edge = 0.5 * (1 + np.cos(np.pi * (k - cutoff + taper) / taper))
    return np.where(k > cutoff, 0.0, np.where(k > cutoff - taper, edge, 1.0))


def aperture(grid: Grid, microscope: Microscope, *, edges: str) -> NDArray[np.complex128]:
    """Return the probe at the origin in Fourier space, its intensity summing to 1.

    With several sets of wave vectors the sum is 1 in the mean over them.

    Parameters
    ----------
    grid : Grid
        The wave grid.
    microscope : Microscope
        Energy, semi-angle and aberrations.
    edges : str
        ``area``: whole pixels of the aperture's area. ``abtem``: a soft edge, whose amplitude is
        the share of a pixel inside.

    Returns
    -------
    ndarray of complex128, shape (gx, gy)
    """
    check_edges(edges)
    wavelength, radius = microscope.wavelength_A, microscope.semiangle_mrad
    if edges == "abtem":
        amplitude = disc(grid, wavelength, radius)
        total = float((amplitude**2).sum())
    else:
        amplitude = np.sqrt(whole_pixels(grid, wavelength, radius))
        # The pixels of all sets have the area of the disc exactly.
        total = disc_pixels(grid, wavelength, radius) / len(grid.k_sets)
    return amplitude / math.sqrt(total) * np.exp(-1j * _aberrations(grid, microscope))


def _aberrations(grid: Grid, microscope: Microscope) -> NDArray[np.float64]:
    """Return the phase χ [rad]; a positive defocus focuses below the entrance surface."""
    kx, ky = grid.k_per_A
    return aberration_phase(
        kx[:, None],
        ky[None],
        coefficients=microscope.phase_coefficients,
        wavelength_A=microscope.wavelength_A,
    )


class Optics:
    """Probe, propagator and band limit on a device."""

    def __init__(self, grid: Grid, microscope: Microscope, *, edges: str, device: str) -> None:
        import torch

        self.device = device
        self.points = grid.gpts[0] * grid.gpts[1]
        self.interaction = interaction_per_V_A(microscope)
        band = band_aperture(grid)
        kx, ky = grid.k_per_A
        turns = microscope.wavelength_A * grid.slice_A / 2 * (kx[:, None] ** 2 + ky[None] ** 2)
        drift_x, drift_y = np.tan(1e-3 * np.array(microscope.tilt_mrad)) * grid.slice_A
        turns = turns + drift_x * kx[:, None] + drift_y * ky[None]
        self._k = kx, ky
        # What a slice transmits repeats with the supercell, whatever the probe's wave vectors are.
        own = band_aperture(grid.one_set)
        self.band = torch.from_numpy(own.astype(np.float32)).to(device)
        self.propagator = self._complex(band * np.exp(-2j * np.pi * turns))
        self._aperture = self._complex(aperture(grid, microscope, edges=edges))

    def probes(self, positions_A: NDArray[np.float64]) -> "torch.Tensor":
        """Return the waves of probes at given places, in Fourier space, shape (n, gx, gy)."""
        along_x, along_y = (
            self._complex(np.exp(-2j * np.pi * positions_A[:, axis, None] * self._k[axis]))
            for axis in (0, 1)
        )
        return along_x[:, :, None] * along_y[:, None, :] * self._aperture

    def _complex(self, array: NDArray[Any]) -> "torch.Tensor":
        import torch

        return torch.from_numpy(array.astype(np.complex64)).to(self.device)


class Gratings:
    """Transmission of every slice, kept if all of them fit, else made when asked for."""

    def __init__(self, slices: Slices, optics: Optics, *, used: int) -> None:
        self._slices, self._optics = slices[:used], optics
        needed = 8 * optics.points * len(self._slices)
        self._kept: list[torch.Tensor | None] | None = None
        if needed < _KEPT_SHARE * free_bytes(optics.device):
            self._kept = [None] * len(self._slices)

    def __getitem__(self, number: int) -> "torch.Tensor":
        number %= len(self._slices)
        if self._kept is None:
            return self._make(number)
        known = self._kept[number]
        if known is None:
            known = self._kept[number] = self._make(number)
        return known

    def _make(self, number: int) -> "torch.Tensor":
        import torch

        own = self._slices[number]
        if np.iscomplexobj(own):
            return torch.from_numpy(np.ascontiguousarray(own, np.complex64)).to(self._optics.device)
        phase = torch.from_numpy(np.ascontiguousarray(own, dtype=np.float32))
        phase = phase.to(self._optics.device) * self._optics.interaction
        waves = torch.fft.fft2(torch.polar(torch.ones_like(phase), phase))
        waves *= self._optics.band
        return torch.fft.ifft2(waves)
