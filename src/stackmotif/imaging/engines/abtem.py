"""Multislice and PRISM with abTEM: probe positions in, detector signals out.

J. Madsen and T. Susi, The abTEM code: transmission electron microscopy from first principles,
Open Research Europe 1, 24 (2021), doi:10.12688/openreseurope.13015.2.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import Detector
from stackmotif.imaging.engines.prism import prism_window
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope

BATCH: Final = 8
"""Probes per task. Much larger batches leave cores idle on small scans, single ones are slow."""
_BATCHES_PER_STEP: Final = 16


def scan_signals(
    slices: NDArray[np.float32],
    positions_A: NDArray[np.float64],
    *,
    grid: Grid,
    microscope: Microscope,
    exit_slices: Sequence[int],
    advance: Callable[[int], None],
    prism: int | None = None,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Return the signal of every detector at every exit plane for a list of probe positions.

    Parameters
    ----------
    slices : ndarray of float32, shape (slice, x, y)
        Projected potential [V Å]; the crystal repeats them along the beam.
    positions_A : ndarray, shape (n, 2)
        Probe positions (x, y) [Å].
    grid : Grid
        Grid of the potential.
    microscope : Microscope
        Beam and detectors; the source size plays no part here.
    exit_slices : sequence of int
        Increasing counts of slices after which the wave is detected.
    advance : callable
        Called with the number of probes that were finished.
    prism : int, optional
        Interpolation factor of abTEM's PRISM; multislice of every probe by default. Each exit plane
        is then a run of its own, since version 1.0 cannot reduce several.
    device : str
        ``cpu``, or ``cuda`` for CuPy.

    Returns
    -------
    ndarray of float64, shape (exit, channel, n)
        Fractions of the incident beam.

    Raises
    ------
    SimulationError
        If PRISM is asked for with a tilt, which abTEM's has not, or a window that is too small.
    """
    import abtem

    run = _Run(slices, grid, microscope, "gpu" if device.startswith("cuda") else "cpu")
    settings = {"fft": "fftw", "fftw.threads": 1, "precision": "float32"}
    with abtem.config.set(settings):
        if prism is None:
            return run.probes(positions_A, exit_slices, advance)
        _check_prism(grid, microscope, prism)
        parts = [run.plane_waves(positions_A, count, prism) for count in exit_slices]
        advance(len(positions_A))
        return np.concatenate(parts)


class _Run:
    """One crystal in abTEM, scanned by probes or by plane waves."""

    def __init__(
        self, slices: NDArray[np.float32], grid: Grid, microscope: Microscope, device: str
    ) -> None:
        self._slices, self._grid, self._scope, self._device = slices, grid, microscope, device
        self._detectors = [_detector(one) for one in microscope.detectors]
        self._beam: dict[str, Any] = {
            "energy": microscope.energy_eV,
            "semiangle_cutoff": microscope.semiangle_mrad,
            "device": device,
        }

    def probes(
        self,
        positions_A: NDArray[np.float64],
        exit_slices: Sequence[int],
        advance: Callable[[int], None],
    ) -> NDArray[np.float64]:
        """Return the signals (exit, channel, n) by multislice of every probe."""
        import abtem

        probe = abtem.Probe(
            **self._beam,
            gpts=self._grid.gpts,
            extent=self._grid.extent_A,
            aberrations=dict(self._scope.phase_coefficients),
            tilt=self._scope.tilt_mrad,
        )
        potential = self._potential(exit_slices)
        parts = []
        step = BATCH * _BATCHES_PER_STEP
        for start in range(0, len(positions_A), step):
            scan = abtem.CustomScan(positions_A[start : start + step])
            measured: Any = probe.scan(
                potential, scan=scan, detectors=self._detectors, max_batch=BATCH, lazy=True
            )
            # One computation for all detectors: one by one repeats the whole multislice.
            computed = measured.compute(progress_bar=False)
            parts.append(_stack(computed, len(exit_slices), len(scan.positions)))
            advance(len(scan.positions))
        return np.concatenate(parts, axis=-1)

    def plane_waves(
        self, positions_A: NDArray[np.float64], exit_slice: int, interpolation: int
    ) -> NDArray[np.float64]:
        """Return the signals (1, channel, n) at one exit plane by PRISM."""
        import abtem

        matrix = abtem.SMatrix(
            potential=self._potential([exit_slice]),
            interpolation=interpolation,
            downsample=False,
            **self._beam,
        )
        aberrations = abtem.CTF(
            energy=self._scope.energy_eV,
            semiangle_cutoff=self._scope.semiangle_mrad,
            aberration_coefficients=dict(self._scope.phase_coefficients),
        )
        scan = abtem.CustomScan(positions_A)
        measured: Any = matrix.scan(
            scan=scan, detectors=self._detectors, ctf=aberrations, lazy=True
        )
        return _stack(measured.compute(progress_bar=False), 1, len(positions_A))

    def _potential(self, exit_slices: Sequence[int]) -> Any:
        import abtem

        return abtem.PotentialArray(
            self._slices[np.arange(exit_slices[-1]) % len(self._slices)],
            slice_thickness=self._grid.slice_A,
            extent=self._grid.extent_A,
            exit_planes=tuple(count - 1 for count in exit_slices),
        )


def _check_prism(grid: Grid, microscope: Microscope, prism: int) -> None:
    prism_window(grid, prism)
    if any(microscope.tilt_mrad):
        raise SimulationError(
            f"tilt is {microscope.tilt_mrad} mrad with abTEM's PRISM, which has none; expected no "
            "tilt, engine='torch', or prism=None"
        )


def _stack(computed: Any, n_exits: int, n_points: int) -> NDArray[np.float64]:
    """Return abTEM's measurements, one or a list, as one array (exit, channel, n)."""
    measured = computed if isinstance(computed, list) else [computed]
    arrays = [
        np.asarray(one.to_cpu().array, dtype=np.float64).reshape(n_exits, n_points, -1)
        for one in measured
    ]
    return np.moveaxis(np.concatenate(arrays, axis=2), 2, 1)


def _detector(detector: Detector) -> Any:
    import abtem

    angles: dict[str, Any] = {"inner": detector.inner_mrad, "outer": detector.outer_mrad}
    if detector.n_segments == 0:
        return abtem.AnnularDetector(**angles, offset=detector.offset_mrad)
    return abtem.SegmentedDetector(
        nbins_radial=1,
        nbins_azimuthal=detector.n_segments,
        rotation=math.radians(detector.rotation_deg),
        offset=detector.offset_mrad,
        **angles,
    )
