"""Multislice in torch: all detectors, all exit planes, batches of probes.

One slice is a phase grating followed by free propagation (J. M. Cowley and A. F. Moodie, Acta
Cryst. 10, 609 (1957), doi:10.1107/S0365110X57002194; E. J. Kirkland, Advanced Computing in Electron
Microscopy, doi:10.1007/978-3-030-33260-0). Conventions are abTEM's, so that both engines agree on
the same potential: exp(+iσV), a wave exp(2πi k·r), a band limit of 2/3 of the Nyquist frequency
with a narrow cosine edge on propagator and transmission.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.aberrations import aberration_phase
from stackmotif.imaging.engines.detection import check_edges, disc
from stackmotif.imaging.engines.devices import choose_device, fitting, free_bytes
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

if TYPE_CHECKING:
    import torch

_BAND: Final = 2.0 / 3.0
_TAPER: Final = 0.01
_ELECTRON_REST_EV: Final = 510998.95
_POINTS_AT_ONCE: Final = {"cpu": 2**18, "cuda": 2**28, "mps": 2**24}
"""Grid points in a useful batch, for each thread of a CPU: more leave the cache (measured on two
cores; for the GPUs an order of magnitude)."""
_COPIES: Final = 5
"""Arrays of the size of a batch that are alive at once."""


def detect(
    slices: NDArray[np.float32],
    positions_A: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    exit_slices: Sequence[int],
    weights: NDArray[np.float32],
    edges: str = "area",
    device: str = "cpu",
    batch: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return what every detector sees at every exit plane, for a list of probe positions.

    Parameters
    ----------
    slices : ndarray of float32, shape (slice, gx, gy)
        Projected potential [V Å]; the crystal repeats them along the beam.
    positions_A : ndarray, shape (n, 2)
        Probe positions (x, y) [Å].
    grid : Grid
        Grid of the potential.
    microscope : Microscope
        Beam; the source size and the detectors play no part here.
    exit_slices : sequence of int
        Increasing counts of slices after which the wave is detected.
    weights : ndarray of float32, shape (m, gx, gy)
        Weight of every scattering angle in every channel, on the unshifted FFT grid.
    edges : str
        Rule for the edge of the aperture, ``area`` or ``abtem``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    batch : int, optional
        Probes at once; as many as are useful and fit by default. Halved if memory runs out.
    advance : callable, optional
        Called with the number of probes that were finished.

    Returns
    -------
    ndarray of float64, shape (exit, m, n)
        Weighted sums of the intensity; the incident beam is 1.

    Raises
    ------
    SimulationError
        If shapes or exit planes do not fit, or the device does not exist.
    """
    import torch

    _check(slices, grid, exit_slices, weights)
    where = choose_device(device)
    optics = _Optics(grid, microscope, edges=edges, device=where)
    gratings = _Gratings(slices, optics, used=exit_slices[-1])
    sums = _Sums(weights, grid, where)
    points = np.asarray(positions_A, dtype=np.float64).reshape(-1, 2)
    found = np.empty((len(exit_slices), len(weights), len(points)), dtype=np.float64)
    size = batch or _useful_batch(where, optics.points)
    with torch.inference_mode():
        start = 0
        while start < len(points):
            part = slice(start, start + size)
            try:
                waves = optics.probes(points[part])
                for row, wave in enumerate(_exits(waves, gratings, optics, exit_slices)):
                    found[row, :, part] = sums(wave)
            except RuntimeError as error:
                size = _smaller(min(size, len(points[part])), error)
                continue
            start = min(start + size, len(points))
            if advance is not None:
                advance(len(points[part]))
    return found


def _useful_batch(device: str, points: int) -> int:
    import torch

    kind = device.partition(":")[0]
    threads = torch.get_num_threads() if kind == "cpu" else 1
    most = threads * max(1, _POINTS_AT_ONCE[kind] // points)
    return fitting(device, bytes_each=_COPIES * 8 * points, most=most)


def _check(
    slices: NDArray[np.float32],
    grid: Grid,
    exit_slices: Sequence[int],
    weights: NDArray[np.float32],
) -> None:
    for name, array in (("slices", slices), ("weights", weights)):
        if array.ndim != 3 or array.shape[1:] != grid.gpts or not len(array):
            raise SimulationError(
                f"{name} have the shape {array.shape}; expected (n, {grid.gpts[0]}, "
                f"{grid.gpts[1]}), the wave grid"
            )
    steps = np.diff([0, *exit_slices])
    if not len(steps) or (steps <= 0).any():
        raise SimulationError(
            f"exit planes are after {list(exit_slices)} slices; expected increasing counts from 1"
        )


def _exits(
    waves: "torch.Tensor", gratings: "_Gratings", optics: "_Optics", exit_slices: Sequence[int]
) -> "Iterator[torch.Tensor]":
    """Yield the waves in Fourier space at every exit plane."""
    import torch

    wanted = set(exit_slices)
    for number in range(exit_slices[-1]):
        waves = torch.fft.ifft2(waves)
        waves *= gratings[number]
        waves = torch.fft.fft2(waves)
        waves *= optics.propagator
        if number + 1 in wanted:
            yield waves


def _smaller(size: int, error: RuntimeError) -> int:
    """Return half the batch after memory ran out; anything else is raised again."""
    import torch

    text = str(error).lower()
    if not (
        isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "alloc" in text
    ):
        raise error
    if size == 1:
        raise SimulationError(
            f"memory ran out with one probe ({error}); expected room for one wave and the "
            "potential: simulate a smaller cell or a thinner crystal"
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return max(1, size // 2)


def interaction_per_V_A(microscope: Microscope) -> float:
    """Return σ, the phase per projected potential [rad / (V Å)]."""
    rest, energy = _ELECTRON_REST_EV, microscope.energy_eV
    return 2 * math.pi / (microscope.wavelength_A * energy) * (rest + energy) / (2 * rest + energy)


def band_aperture(grid: Grid) -> NDArray[np.float64]:
    """Return the band limit: 1 inside 2/3 of the Nyquist frequency, with a narrow cosine edge."""
    kx, ky = (np.fft.fftfreq(n, step) for n, step in zip(grid.gpts, grid.sampling_A, strict=True))
    k = np.hypot(kx[:, None], ky[None])
    coarsest = max(grid.sampling_A)
    cutoff, taper = _BAND / (2 * coarsest), _TAPER / coarsest
    edge = 0.5 * (1 + np.cos(np.pi * (k - cutoff + taper) / taper))
    return np.where(k > cutoff, 0.0, np.where(k > cutoff - taper, edge, 1.0))


def aperture(grid: Grid, microscope: Microscope, *, edges: str) -> NDArray[np.complex128]:
    """Return the probe at the origin in Fourier space, its intensity summing to 1.

    Parameters
    ----------
    grid : Grid
        The wave grid.
    microscope : Microscope
        Energy, semi-angle and aberrations.
    edges : str
        ``area``: the intensity of a pixel is its share inside the aperture. ``abtem``: its
        amplitude is.

    Returns
    -------
    ndarray of complex128, shape (gx, gy)
    """
    check_edges(edges)
    wavelength = microscope.wavelength_A
    share = disc(grid, wavelength, microscope.semiangle_mrad)
    amplitude = np.sqrt(share) if edges == "area" else share
    return amplitude / np.sqrt((amplitude**2).sum()) * np.exp(-1j * _aberrations(grid, microscope))


def _aberrations(grid: Grid, microscope: Microscope) -> NDArray[np.float64]:
    """Return the phase χ [rad]; a positive defocus focuses below the entrance surface."""
    kx, ky = (np.fft.fftfreq(n, step) for n, step in zip(grid.gpts, grid.sampling_A, strict=True))
    return aberration_phase(
        kx[:, None],
        ky[None],
        coefficients=microscope.phase_coefficients,
        wavelength_A=microscope.wavelength_A,
    )


class _Optics:
    """Probe, propagator and band limit on a device."""

    def __init__(self, grid: Grid, microscope: Microscope, *, edges: str, device: str) -> None:
        import torch

        self.device = device
        self.points = grid.gpts[0] * grid.gpts[1]
        self.interaction = interaction_per_V_A(microscope)
        band = band_aperture(grid)
        kx, ky = (
            np.fft.fftfreq(n, step) for n, step in zip(grid.gpts, grid.sampling_A, strict=True)
        )
        turns = microscope.wavelength_A * grid.slice_A / 2 * (kx[:, None] ** 2 + ky[None] ** 2)
        drift_x, drift_y = np.tan(1e-3 * np.array(microscope.tilt_mrad)) * grid.slice_A
        turns = turns + drift_x * kx[:, None] + drift_y * ky[None]
        self._k = kx, ky
        self.band = torch.from_numpy(band.astype(np.float32)).to(device)
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


class _Gratings:
    """Transmission of every slice, kept if all of them fit, else made when asked for."""

    def __init__(self, slices: NDArray[np.float32], optics: _Optics, *, used: int) -> None:
        self._slices, self._optics = slices[:used], optics
        needed = 8 * optics.points * len(self._slices)
        self._kept: list[torch.Tensor | None] | None = None
        if needed < free_bytes(optics.device) / 3:
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

        phase = torch.from_numpy(np.ascontiguousarray(self._slices[number], dtype=np.float32))
        phase = phase.to(self._optics.device) * self._optics.interaction
        waves = torch.fft.fft2(torch.polar(torch.ones_like(phase), phase))
        waves *= self._optics.band
        return torch.fft.ifft2(waves)


class _Sums:
    """Weighted sums of intensities over the pixels that any channel sees."""

    def __init__(self, weights: NDArray[np.float32], grid: Grid, device: str) -> None:
        import torch
        from scipy.sparse import csr_array

        flat = np.asarray(weights, dtype=np.float32).reshape(len(weights), -1)
        seen = np.flatnonzero(flat.any(axis=0) & (band_aperture(grid).ravel() > 0))
        self._seen = torch.from_numpy(seen).to(device)
        # Most channels see few pixels; torch's own sparse product is many times slower on a CPU.
        self._sparse = csr_array(flat[:, seen]) if device == "cpu" else None
        if self._sparse is None:
            self._dense = torch.from_numpy(np.ascontiguousarray(flat[:, seen])).to(device)

    def __call__(self, waves: "torch.Tensor") -> NDArray[np.float64]:
        """Return the sums, shape (m, n)."""
        picked = waves.reshape(len(waves), -1).index_select(1, self._seen)
        intensity = (picked.real.square() + picked.imag.square()).T
        if self._sparse is None:
            return np.asarray((self._dense @ intensity).cpu().numpy(), dtype=np.float64)
        return np.asarray(self._sparse @ intensity.numpy(), dtype=np.float64)
