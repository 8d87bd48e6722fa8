"""PRISM in torch: few plane waves through the crystal once, then every probe from their sum.

C. Ophus, A fast image simulation algorithm for scanning transmission electron microscopy, Advanced
Structural and Chemical Imaging 3, 13 (2017), doi:10.1186/s40679-017-0046-1. With the interpolation
factor f, every f-th plane wave along each axis is kept and a probe is cut out of a window of 1/f of
the cell. f = 1 is multislice; larger factors are right as long as the window holds the whole probe.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines.devices import choose_device, free_bytes
from stackmotif.imaging.engines.optics import (
    Gratings,
    Optics,
    Slices,
    aperture,
    band_aperture,
)
from stackmotif.imaging.engines.torch_multislice import (
    Sums,
    check_shapes,
    exits,
    smaller,
    useful_batch,
)
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

if TYPE_CHECKING:
    import torch

MIN_WINDOW_A: Final = 10.0
"""Smallest window that is accepted with f > 1 [Å]; 5 x 7 Å was wrong by 17 % of the contrast."""
_BLOCK_A: Final = 2.0
"""Probes within such a square are cut out of one window; none is further than 1 Å off its middle
along an axis."""
_PROBES: Final = 256
"""Most probes of a block that are made at once."""


def prism_window(grid: Grid, interpolation: int) -> Grid:
    """Return the grid of the window that probes are cut out of, on which detectors are to be laid.

    Raises
    ------
    SimulationError
        If the factor does not divide the grid, or the window is smaller than 10 Å.
    """
    if interpolation < 1 or any(count % interpolation for count in grid.gpts):
        raise SimulationError(
            f"the interpolation factor is {interpolation}, on a grid of {grid.gpts[0]} x "
            f"{grid.gpts[1]} points; expected a divisor of both"
        )
    extent = tuple(edge / interpolation for edge in grid.extent_A)
    if interpolation > 1 and min(extent) < MIN_WINDOW_A:
        raise SimulationError(
            f"the interpolation factor {interpolation} leaves a window of {extent[0]:.1f} x "
            f"{extent[1]:.1f} Å; expected {MIN_WINDOW_A:g} Å or more: take a smaller factor or a "
            "larger cell"
        )
    return Grid(
        repeats=grid.repeats,
        gpts=(grid.gpts[0] // interpolation, grid.gpts[1] // interpolation),
        extent_A=(extent[0], extent[1]),
        slices_per_period=grid.slices_per_period,
        period_A=grid.period_A,
    )


def detect_prism(
    slices: Slices,
    positions_A: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    exit_slices: Sequence[int],
    weights: NDArray[np.float32],
    interpolation: int = 2,
    edges: str = "area",
    device: str = "cpu",
    advance: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return what every detector sees at every exit plane, like ``detect`` but from plane waves.

    The cost is that of the plane waves in the aperture, and hardly grows with the probes: worth it
    for scans of hundreds of probes or more.

    Parameters
    ----------
    slices, positions_A, grid, microscope, exit_slices, edges, device, advance
        As in :func:`~stackmotif.imaging.engines.detect`.
    weights : ndarray of float32, shape (m, wx, wy)
        Weight of every scattering angle in every channel on the grid of :func:`prism_window`.
    interpolation : int
        The factor f along both axes.

    Returns
    -------
    ndarray of float64, shape (exit, m, n)
        Weighted sums of the intensity; the incident beam is 1.

    Raises
    ------
    SimulationError
        If the window is too small, shapes do not fit, or the plane waves do not fit into memory.
    """
    import torch

    grid.check_one_set("PRISM")
    window = prism_window(grid, interpolation)
    check_shapes(grid, exit_slices, slices=slices)
    check_shapes(window, exit_slices, weights=weights)
    where = choose_device(device)
    points = np.asarray(positions_A, dtype=np.float64).reshape(-1, 2)
    waves = _PlaneWaves(slices, grid, window, microscope, edges=edges, device=where)
    sums = waves.sums(weights)
    found = np.empty((len(exit_slices), len(weights), len(points)), dtype=np.float64)
    with torch.inference_mode():
        before = 0
        for row, count in enumerate(exit_slices):
            waves.advance(before, count)
            before = count
            for part, probes in waves.probes(points):
                found[row][:, part] = sums(probes)
                if advance is not None and count == exit_slices[-1]:
                    advance(len(part))
    return found


class _PlaneWaves:
    """The plane waves of the aperture on their way through the crystal, inside the band only."""

    def __init__(
        self,
        slices: Slices,
        grid: Grid,
        window: Grid,
        microscope: Microscope,
        *,
        edges: str,
        device: str,
    ) -> None:
        self._window, self._device = window, device
        self._factor = grid.gpts[0] // window.gpts[0]
        probe = aperture(window, microscope, edges=edges)
        beams = np.nonzero(probe)
        self._orders = [
            _signed(beam, count) for beam, count in zip(beams, window.gpts, strict=True)
        ]
        self._amplitudes = probe[beams]
        self._kept, self._shape = _band_orders(grid, self._factor)
        self._gpts = grid.gpts
        self._check_memory(len(self._amplitudes))
        self._optics = Optics(grid, microscope, edges=edges, device=device)
        self._gratings = Gratings(slices, self._optics, used=len(slices))
        self._state = self._start()

    def _check_memory(self, n_beams: int) -> None:
        needed, free = 16 * n_beams * self._shape[0] * self._shape[1], free_bytes(self._device)
        if needed > free:
            raise SimulationError(
                f"{n_beams} plane waves need {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB "
                f"are free on {self._device}; expected a larger interpolation factor, a smaller "
                "cell, or multislice without PRISM"
            )

    def _start(self) -> "torch.Tensor":
        import torch

        state = torch.zeros(
            (len(self._amplitudes), *self._shape), dtype=torch.complex64, device=self._device
        )
        x, y = (
            torch.from_numpy(self._factor * order % count).to(self._device)
            for order, count in zip(self._orders, self._shape, strict=True)
        )
        state[torch.arange(len(state), device=self._device), x, y] = 1.0
        return state

    def advance(self, first: int, last: int) -> None:
        """Send the waves from before slice ``first`` through slice ``last - 1``."""
        size = useful_batch(self._device, self._optics.points)
        start = 0
        while start < len(self._state):
            part = slice(start, min(start + size, len(self._state)))
            try:
                (waves,) = exits(
                    self._spread(self._state[part]),
                    self._gratings,
                    self._optics,
                    [last],
                    first=first,
                )
                self._state[part] = self._gathered(waves)
            except RuntimeError as error:
                size = smaller(part.stop - start, error)
                continue
            start = part.stop

    def _spread(self, band: "torch.Tensor") -> "torch.Tensor":
        import torch

        full = torch.zeros((len(band), *self._gpts), dtype=band.dtype, device=band.device)
        (full_x, band_x), (full_y, band_y) = self._kept
        full[:, full_x[:, None], full_y] = band[:, band_x[:, None], band_y]
        return full

    def _gathered(self, full: "torch.Tensor") -> "torch.Tensor":
        import torch

        band = torch.zeros((len(full), *self._shape), dtype=full.dtype, device=full.device)
        (full_x, band_x), (full_y, band_y) = self._kept
        band[:, band_x[:, None], band_y] = full[:, full_x[:, None], full_y]
        return band

    def probes(self, points_A: NDArray[np.float64]) -> Any:
        """Yield which probes, and their waves on the band's part of the window's grid."""
        import torch

        space = torch.empty_like(self._state)
        size = useful_batch(self._device, self._shape[0] * self._shape[1])
        for start in range(0, len(space), size):
            space[start : start + size] = torch.fft.ifft2(self._state[start : start + size])
        # Each inverse transform divides by its own number of points.
        space *= self._factor**2
        steps = np.array(self._window.extent_A) * self._factor / self._shape
        cut = np.array(self._shape) // self._factor
        for part in _blocks(points_A):
            middle = points_A[part].mean(axis=0)
            corner = np.round(middle / steps).astype(np.int64) - cut // 2
            x, y = (
                torch.from_numpy(np.arange(begin, begin + n) % count).to(self._device)
                for begin, n, count in zip(corner, cut, self._shape, strict=True)
            )
            here = space[:, x[:, None], y].reshape(len(space), -1)
            waves = (self._coefficients(points_A[part]) @ here).reshape(-1, *cut.tolist())
            yield part, torch.fft.fft2(waves)

    def _coefficients(self, points_A: NDArray[np.float64]) -> "torch.Tensor":
        import torch

        turns = sum(
            points_A[:, axis, None] * self._orders[axis] / self._window.extent_A[axis]
            for axis in (0, 1)
        )
        found = self._amplitudes * np.exp(-2j * np.pi * np.asarray(turns))
        return torch.from_numpy(found.astype(np.complex64)).to(self._device)

    def sums(self, weights: NDArray[np.float32]) -> Sums:
        """Return the weighted sums over the part of the window's grid that holds the band."""
        cut = [count // self._factor for count in self._shape]
        x, y = (
            _signed(np.arange(short), short) % long
            for short, long in zip(cut, self._window.gpts, strict=True)
        )
        band = band_aperture(self._window)[x[:, None], y] > 0
        return Sums(weights[:, x[:, None], y], band, self._device)


def _signed(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the order that an index of a discrete Fourier transform stands for."""
    return np.asarray((index + count // 2) % count - count // 2)


def _band_orders(
    grid: Grid, factor: int
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.int64]]], tuple[int, int]]:
    """Return where the orders of the band lie on the full grid and on the small one, and its size.

    The small grid holds every order of the band and is a multiple of the factor.
    """
    band = band_aperture(grid) > 0
    kept, shape = [], []
    for axis, count in enumerate(grid.gpts):
        most = int(np.abs(_signed(np.flatnonzero(band.any(axis=1 - axis)), count)).max())
        small = min(count, factor * _even(-(-(2 * most + 1) // factor)))
        orders = np.arange(-most, most + 1)
        kept.append((orders % count, orders % small))
        shape.append(small)
    return kept, (shape[0], shape[1])


def _even(least: int) -> int:
    """Return the smallest even number of factors 2, 3, 5 and 7 from ``least``."""
    from scipy.fft import next_fast_len

    count = least + least % 2
    while (fast := next_fast_len(count)) != count or count % 2:
        count = fast + fast % 2
    return count


def _blocks(points_A: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the numbers of the probes of every block, a limited number at a time."""
    squares = np.floor(points_A / _BLOCK_A).astype(np.int64)
    _, labels = np.unique(squares, axis=0, return_inverse=True)
    order = np.argsort(labels.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(labels.ravel()[order])) + 1
    return [
        part[start : start + _PROBES]
        for part in np.split(order, ends)
        for start in range(0, len(part), _PROBES)
    ]
