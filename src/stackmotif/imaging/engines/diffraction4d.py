"""Four-dimensional output: the diffraction pattern of every probe at every exit plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines.devices import choose_device
from stackmotif.imaging.engines.optics import Slices
from stackmotif.imaging.engines.torch_multislice import check_shapes, propagate
from stackmotif.imaging.grids import Grid, band_limit_mrad
from stackmotif.imaging.microscope import Microscope

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Diffraction4D:
    """Diffraction patterns of a scan, zero angle in the middle.

    Parameters
    ----------
    intensity : ndarray of float32, shape (exit, n, y, x)
        Fraction of the incident beam in every pixel; y points down, x right, as in the image.
    y_mrad, x_mrad : ndarray of float64
        Scattering angle of the rows and columns [mrad].
    """

    intensity: NDArray[np.float32]
    y_mrad: NDArray[np.float64]
    x_mrad: NDArray[np.float64]


def diffraction4d(
    slices: Slices,
    positions_A: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    exit_slices: Sequence[int],
    max_angle_mrad: float,
    bin_pixels: int = 1,
    edges: str = "area",
    device: str = "cpu",
    batch: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Diffraction4D:
    """Return the diffraction pattern of every probe, cut at an angle and binned.

    Parameters
    ----------
    slices, positions_A, grid, microscope, exit_slices, edges, device, batch, advance
        As in :func:`~stackmotif.imaging.engines.detect`.
    max_angle_mrad : float
        Largest angle to keep along x and y [mrad], within the band limit of the grid.
    bin_pixels : int
        Odd number of pixels that are summed along each axis; the middle one holds zero angle.

    Raises
    ------
    SimulationError
        If the angle lies beyond the band limit or inside the first bin, or the binning is even.
    """
    grid.check_one_set("4-D output")
    check_shapes(grid, exit_slices, slices=slices)
    orders = _orders(grid, microscope.wavelength_A, max_angle_mrad, bin_pixels)
    where = choose_device(device)
    rows, columns = (len(order) // bin_pixels for order in reversed(orders))
    shape = (len(exit_slices), len(positions_A), rows, columns)
    intensity = np.empty(shape, dtype=np.float32)

    def receive(row: int, part: slice, waves: "torch.Tensor") -> None:
        kept = waves[:, orders[0][:, None], orders[1]]
        power = (kept.real.square() + kept.imag.square()).transpose(1, 2)
        blocks = power.reshape(len(power), rows, bin_pixels, columns, bin_pixels)
        intensity[row, part] = blocks.sum(dim=(2, 4)).cpu().numpy()

    propagate(
        slices,
        positions_A,
        grid=grid,
        microscope=microscope,
        exit_slices=exit_slices,
        receive=receive,
        edges=edges,
        device=where,
        batch=batch,
        advance=advance,
    )
    x_mrad, y_mrad = (
        1e3 * microscope.wavelength_A / edge * order.reshape(-1, bin_pixels).mean(axis=1)
        for edge, order in zip(grid.extent_A, orders, strict=True)
    )
    return Diffraction4D(intensity=intensity, y_mrad=y_mrad, x_mrad=x_mrad)


def _orders(
    grid: Grid, wavelength_A: float, max_angle_mrad: float, bin_pixels: int
) -> list[NDArray[np.int64]]:
    """Return the orders along x and y to keep, a multiple of the binning, zero in the middle."""
    if not (bin_pixels > 0 and bin_pixels % 2 == 1):
        raise SimulationError(f"binning is {bin_pixels} pixels; expected an odd number from 1")
    limit = band_limit_mrad(max(grid.sampling_A), wavelength_A)
    coarsest = 1e3 * wavelength_A / min(grid.extent_A) * bin_pixels / 2
    if not coarsest <= max_angle_mrad <= limit:
        raise SimulationError(
            f"the largest angle is {max_angle_mrad:g} mrad; expected {coarsest:.2f} mrad (half a "
            f"bin) to {limit:.1f} mrad, the band limit of a {max(grid.sampling_A):.4f} Å grid"
        )
    kept = []
    for edge in grid.extent_A:
        reach = max_angle_mrad / (1e3 * wavelength_A / edge)
        bins_each_side = int((reach + 0.5) / bin_pixels - 0.5 + 1e-9)
        most = bins_each_side * bin_pixels + bin_pixels // 2
        kept.append(np.arange(-most, most + 1))
    return kept
