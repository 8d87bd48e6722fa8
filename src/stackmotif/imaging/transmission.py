"""What a slice does to the wave: transmission functions of atoms that are exactly in their places.

A wave grid carries scattering up to its band limit. Cutting the *potential* there as well, as
multislice programs do, leaves electrons in the beam that the sharp cores of the atoms would have
scattered beyond the limit, and images converge slowly with the grid. Here exp(iσV) is made on a
grid twice as fine, with the potential up to its Nyquist frequency, and the transmission function is
cut to the band of the wave: what leaves the band is lost from the wave, as it should be. It costs
once per slice what a few waves cost, and errors of a grid fall to a tenth (docs/convergence.md).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.engines.optics import band_aperture, interaction_per_V_A
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.potential import slice_spectrum
from stackmotif.imaging.specimen import Specimen

if TYPE_CHECKING:
    import torch

FINER: Final = 2
"""How many times finer the grid is on which the transmission functions are made."""
_BAND: Final = 0.95
"""Frequencies of the potential on the finer grid, over its Nyquist frequency."""
_POINTS_AT_ONCE: Final = 2**23


def exact_transmission(
    specimen: Specimen,
    displacements_A: NDArray[np.float64] | None = None,
    *,
    microscope: Microscope,
    device: str = "cpu",
) -> NDArray[np.complex64]:
    """Return the transmission function of every slice, in the band of the wave grid.

    Partly occupied sites scatter with their mean occupancy.

    Parameters
    ----------
    specimen : Specimen
        Atoms and slices.
    displacements_A : ndarray, shape (n, 3), optional
        Thermal displacements [Å]; without them the slices of one period are returned.
    microscope : Microscope
        Its energy counts alone.
    device : str
        Where torch computes: ``cpu`` or ``cuda``; in place of ``mps``, which has no double
        precision for the places, the CPU does.

    Returns
    -------
    ndarray of complex64, shape (slice, x, y)
    """
    import torch

    if device.startswith("mps"):
        device = "cpu"
    grid = specimen.grid
    fine = replace(grid, gpts=(FINER * grid.gpts[0], FINER * grid.gpts[1]))
    planar = specimen.atoms.positions_A[:, :2]
    if displacements_A is not None:
        planar = planar + displacements_A[:, :2]
    n_slices = grid.slices_per_period if displacements_A is None else grid.n_slices
    at_once = max(1, _POINTS_AT_ONCE // (fine.gpts[0] * fine.gpts[1]))
    band = torch.from_numpy(band_aperture(grid.one_set).astype(np.float32)).to(device)
    phase_per_V_A3 = interaction_per_V_A(microscope) / (fine.sampling_A[0] * fine.sampling_A[1])
    found = np.empty((n_slices, *grid.gpts), dtype=np.complex64)
    own = replace(specimen, grid=fine)
    with torch.inference_mode():
        for start in range(0, n_slices, at_once):
            numbers = range(start, min(start + at_once, n_slices))
            spectrum = slice_spectrum(own, planar, numbers, band=_BAND, device=device)
            phase = torch.fft.irfft2(spectrum, s=fine.gpts) * phase_per_V_A3
            waves = torch.fft.fft2(torch.polar(torch.ones_like(phase), phase))
            kept = _cut(waves, grid.gpts) * (band / FINER**2)
            found[start : numbers.stop] = torch.fft.ifft2(kept).cpu().numpy()
    return found


def _cut(waves: "torch.Tensor", gpts: tuple[int, int]) -> "torch.Tensor":
    """Return the low frequencies of spectra as those of a smaller grid."""
    import torch

    for axis, count in ((1, gpts[0]), (2, gpts[1])):
        orders = np.asarray(np.fft.fftfreq(count, 1 / count).round(), dtype=np.int64)
        places = torch.from_numpy(orders % waves.shape[axis]).to(waves.device)
        waves = waves.index_select(axis, places)
    return waves
