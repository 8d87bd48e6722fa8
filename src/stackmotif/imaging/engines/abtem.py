"""Multislice with abTEM: probe positions in, detector signals out.

J. Madsen and T. Susi, The abTEM code: transmission electron microscopy from first principles,
Open Research Europe 1, 24 (2021), doi:10.12688/openreseurope.13015.2.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.detector import Detector
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

    Returns
    -------
    ndarray of float64, shape (exit, channel, n)
        Fractions of the incident beam.
    """
    import abtem

    potential = abtem.PotentialArray(
        slices[np.arange(exit_slices[-1]) % len(slices)],
        slice_thickness=grid.slice_A,
        extent=grid.extent_A,
        exit_planes=tuple(count - 1 for count in exit_slices),
    )
    probe = abtem.Probe(
        energy=microscope.energy_eV,
        semiangle_cutoff=microscope.semiangle_mrad,
        gpts=grid.gpts,
        extent=grid.extent_A,
        aberrations=dict(microscope.phase_coefficients),
        tilt=microscope.tilt_mrad,
        device="cpu",
    )
    detectors = [_detector(detector) for detector in microscope.detectors]
    parts = []
    step = BATCH * _BATCHES_PER_STEP
    with abtem.config.set({"fft": "fftw", "fftw.threads": 1, "precision": "float32"}):
        for start in range(0, len(positions_A), step):
            scan = abtem.CustomScan(positions_A[start : start + step])
            measured: Any = probe.scan(
                potential, scan=scan, detectors=detectors, max_batch=BATCH, lazy=True
            )
            # One computation for all detectors: one by one repeats the whole multislice.
            computed = measured.compute(progress_bar=False)
            parts.append(_stack(computed, len(exit_slices), len(scan.positions)))
            advance(len(scan.positions))
    return np.concatenate(parts, axis=-1)


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


def _stack(computed: Any, n_exits: int, n_points: int) -> NDArray[np.float64]:
    """Return abTEM's measurements, one or a list, as one array (exit, channel, n)."""
    measured = computed if isinstance(computed, list) else [computed]
    arrays = [
        np.asarray(one.array, dtype=np.float64).reshape(n_exits, n_points, -1) for one in measured
    ]
    return np.moveaxis(np.concatenate(arrays, axis=2), 2, 1)
