"""Multislice in torch: all detectors, all exit planes, batches of probes.

One slice is a phase grating followed by free propagation (J. M. Cowley and A. F. Moodie, Acta
Cryst. 10, 609 (1957), doi:10.1107/S0365110X57002194; E. J. Kirkland, Advanced Computing in Electron
Microscopy, doi:10.1007/978-3-030-33260-0). Conventions are abTEM's, so that both engines agree on
the same potential: exp(+iσV), a wave exp(2πi k·r), a band limit of 2/3 of the Nyquist frequency
with a narrow cosine edge on propagator and transmission.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.engines.devices import choose_device, fitting
from stackmotif.imaging.engines.optics import Gratings, Optics, Slices, band_aperture
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

if TYPE_CHECKING:
    import torch

_POINTS_AT_ONCE: Final = {"cpu": 2**19, "cuda": 2**28, "mps": 2**24}
"""Grid points in a useful batch, for each thread of a CPU: more leave the cache (measured on two
cores; for the GPUs an order of magnitude)."""
_COPIES: Final = 5
"""Arrays of the size of a batch that are alive at once."""


def detect(
    slices: Slices,
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
    slices : ndarray of float32 or complex64, shape (slice, gx, gy)
        Projected potential [V Å], or transmission functions within the band; the crystal repeats
        them along the beam.
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
    check_shapes(grid, exit_slices, slices=slices, weights=weights)
    where = choose_device(device)
    sums = Sums(weights, band_aperture(grid) > 0, where)
    found = np.empty((len(exit_slices), len(weights), len(positions_A)), dtype=np.float64)

    def receive(row: int, part: slice, waves: "torch.Tensor") -> None:
        found[row, :, part] = sums(waves)

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
    return found


def propagate(
    slices: Slices,
    positions_A: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    exit_slices: Sequence[int],
    receive: "Callable[[int, slice, torch.Tensor], None]",
    edges: str,
    device: str,
    batch: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Hand the waves of every batch of probes, in Fourier space, to ``receive`` at every exit.

    Parameters
    ----------
    slices, positions_A, grid, microscope, exit_slices, edges, batch, advance
        As in :func:`detect`.
    receive : callable
        Called as ``receive(exit, part, waves)``: number of the exit plane, which probes, and their
        waves (n, gx, gy). A batch that did not fit into memory is handed over again in parts.
    device : str
        A device of torch.
    """
    import torch

    optics = Optics(grid, microscope, edges=edges, device=device)
    gratings = Gratings(slices, optics, used=exit_slices[-1])
    points = np.asarray(positions_A, dtype=np.float64).reshape(-1, 2)
    size = batch or useful_batch(device, optics.points)
    start = 0
    with torch.inference_mode():
        while start < len(points):
            part = slice(start, min(start + size, len(points)))
            try:
                waves = optics.probes(points[part])
                for row, wave in enumerate(exits(waves, gratings, optics, exit_slices)):
                    receive(row, part, wave)
            except RuntimeError as error:
                size = smaller(part.stop - start, error)
                continue
            if advance is not None:
                advance(part.stop - start)
            start = part.stop


def useful_batch(device: str, points: int) -> int:
    """Return how many waves of a size to treat at once on a device."""
    import torch

    kind = device.partition(":")[0]
    threads = torch.get_num_threads() if kind == "cpu" else 1
    most = threads * max(1, _POINTS_AT_ONCE[kind] // points)
    return fitting(device, bytes_each=_COPIES * 8 * points, most=most)


def check_shapes(grid: Grid, exit_slices: Sequence[int], **arrays: Slices) -> None:
    """Refuse arrays that are not on the wave grid, and exit planes that do not increase.

    Raises
    ------
    SimulationError
        With what was expected.
    """
    for name, array in arrays.items():
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


def exits(
    waves: "torch.Tensor",
    gratings: Gratings,
    optics: Optics,
    exit_slices: Sequence[int],
    *,
    first: int = 0,
) -> "Iterator[torch.Tensor]":
    """Yield the waves in Fourier space at every exit plane, beginning before slice ``first``."""
    import torch

    wanted = set(exit_slices)
    for number in range(first, exit_slices[-1]):
        waves = torch.fft.ifft2(waves)
        waves *= gratings[number]
        waves = torch.fft.fft2(waves)
        waves *= optics.propagator
        if number + 1 in wanted:
            yield waves


def smaller(size: int, error: RuntimeError) -> int:
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


class Sums:
    """Weighted sums of intensities over the pixels that any channel sees inside a band.

    In double precision where the device has it: in single precision the many faint pixels of a wide
    detector, added to few bright ones, lose 1e-4 of its signal.
    """

    def __init__(self, weights: NDArray[np.float32], band: NDArray[np.bool_], device: str) -> None:
        import torch
        from scipy.sparse import csr_array

        flat = np.asarray(weights, dtype=np.float32).reshape(len(weights), -1)
        seen = np.flatnonzero(flat.any(axis=0) & band.ravel())
        precise = np.float32 if device.startswith("mps") else np.float64
        picked = flat[:, seen].astype(precise)
        self._seen = torch.from_numpy(seen).to(device)
        self._dtype = torch.from_numpy(picked[:0]).dtype
        # Most channels see few pixels; torch's own sparse product is many times slower on a CPU.
        self._sparse = csr_array(picked) if device == "cpu" else None
        if self._sparse is None:
            self._dense = torch.from_numpy(picked).to(device)

    def __call__(self, waves: "torch.Tensor") -> NDArray[np.float64]:
        """Return the sums, shape (m, n)."""
        picked = waves.reshape(len(waves), -1).index_select(1, self._seen)
        intensity = (picked.real.square() + picked.imag.square()).to(self._dtype).T
        if self._sparse is None:
            return np.asarray((self._dense @ intensity).cpu().numpy(), dtype=np.float64)
        return np.asarray(self._sparse @ intensity.numpy(), dtype=np.float64)
