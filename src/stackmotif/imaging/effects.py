"""An instrument's imperfections, applied in the order in which they arise.

The effective source blurs what the probe sees; the scan puts it in the wrong place; counting
electrons is random; the detector turns electrons into counts. All images of one scan share its
errors, and each counts its own electrons.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import check_range
from stackmotif.imaging.noise import (
    Rng,
    affine_matrix,
    poisson_dose,
    resample,
    row_offsets,
    source_blur,
)


@dataclass(frozen=True)
class Effects:
    """What an instrument does to an image; the defaults do nothing.

    Parameters
    ----------
    source_fwhm_A : float
        Full width at half maximum of a Gaussian source [Å], on top of the microscope's own.
    rotation_deg : float
        Turns the image counter-clockwise on the screen [degrees].
    shear_deg : float
        Leans it to the right [degrees], see :func:`stackmotif.imaging.noise.affine_matrix`.
    drift_A_per_s : tuple of float
        Velocity of the specimen (x, y) [Å/s], towards +x (right) and +y (down).
    dwell_s : float
        Time per pixel [s]; matters for drift alone.
    flyback_s : float
        Time between the end of a line and the start of the next [s]; matters for drift alone.
    row_jitter_A : float
        Root mean square of each line's own displacement along x [Å].
    wander_A : float
        Root mean square of a slow random walk of the lines along x [Å].
    dose_per_A2 : float or None
        Incident electrons per Å²; None counts no electrons, and the image stays noise-free.
    gain : float or None
        Counts per electron; None leaves the image a fraction of the incident beam.
    offset : float
        Counts without any electron; needs a gain.
    read_noise : float
        Root mean square of the read-out noise [counts]; needs a gain.

    Raises
    ------
    SimulationError
        If a number is out of range, or a detector is described without a dose or a gain.
    """

    source_fwhm_A: float = 0.0
    rotation_deg: float = 0.0
    shear_deg: float = 0.0
    drift_A_per_s: tuple[float, float] = (0.0, 0.0)
    dwell_s: float = 1e-5
    flyback_s: float = 0.0
    row_jitter_A: float = 0.0
    wander_A: float = 0.0
    dose_per_A2: float | None = None
    gain: float | None = None
    offset: float = 0.0
    read_noise: float = 0.0

    def __post_init__(self) -> None:
        check_range("source_fwhm_A", self.source_fwhm_A, 0.0, 20.0, "Å")
        check_range("rotation_deg", self.rotation_deg, -360.0, 360.0, "degrees")
        check_range("shear_deg", self.shear_deg, -45.0, 45.0, "degrees")
        for velocity in _velocities(self.drift_A_per_s):
            check_range("drift_A_per_s", velocity, -1e4, 1e4, "Å/s")
        check_range("dwell_s", self.dwell_s, 1e-9, 10.0, "s")
        check_range("flyback_s", self.flyback_s, 0.0, 10.0, "s")
        check_range("row_jitter_A", self.row_jitter_A, 0.0, 100.0, "Å")
        check_range("wander_A", self.wander_A, 0.0, 1e3, "Å")
        if self.dose_per_A2 is not None:
            check_range("dose_per_A2", self.dose_per_A2, 1e-6, 1e12, "e/Å²")
        if self.gain is not None:
            check_range("gain", self.gain, 1e-6, 1e9, "counts per electron")
        check_range("offset", self.offset, -1e9, 1e9, "counts")
        check_range("read_noise", self.read_noise, 0.0, 1e9, "counts")
        self._check_detector()

    def _check_detector(self) -> None:
        if self.gain is None and (self.offset or self.read_noise):
            raise SimulationError(
                f"a detector has an offset of {self.offset} and a read-out noise of "
                f"{self.read_noise} counts but no gain; expected a gain in counts per electron"
            )
        if self.gain is not None and self.dose_per_A2 is None:
            raise SimulationError(
                f"a detector has a gain of {self.gain} counts per electron but there is no dose; "
                "expected dose_per_A2, in e/Å²"
            )

    @property
    def moves(self) -> bool:
        """Whether the scan puts anything in the wrong place."""
        still = (self.rotation_deg, self.shear_deg, *self.drift_A_per_s)
        return any(still) or self.row_jitter_A > 0 or self.wander_A > 0


def instrument_effects(
    image: NDArray[np.floating],
    effects: Effects,
    *,
    pixel_size_A: float,
    rng: Rng = 0,
    periodic: bool = False,
) -> NDArray[np.float64]:
    """Return an image as an instrument with these effects would record it.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
        Fraction of the incident beam; y points down. Several images share one scan.
    effects : Effects
        What is done to it, in this order: source, scan, counting of electrons, detector.
    pixel_size_A : float
        Pixel edge [Å].
    rng : int or Generator
        Seed or generator. Scan, electrons and read-out draw from streams of their own: one effect
        does not change the numbers of another.
    periodic : bool
        Whether the image repeats beyond its edges; otherwise it is reflected there.

    Returns
    -------
    ndarray of float64, shape (..., y, x)
        Fraction of the incident beam, or counts if the effects have a gain.

    Raises
    ------
    SimulationError
        If the image has fewer than two axes or the pixel size is not positive.
    """
    check_range("pixel_size_A", pixel_size_A, 1e-6, 1e6, "Å")
    seen = np.asarray(image, dtype=np.float64)
    if seen.ndim < 2:
        raise SimulationError(f"image has the shape {seen.shape}; expected (..., y, x)")
    scan, electrons, readout = np.random.default_rng(rng).spawn(3)
    if effects.source_fwhm_A > 0:
        seen = source_blur(
            seen, fwhm_A=effects.source_fwhm_A, pixel_size_A=pixel_size_A, periodic=periodic
        )
    if effects.moves:
        rows, columns = scan_places(seen.shape[-2:], effects, pixel_size_A=pixel_size_A, rng=scan)
        flat = seen.reshape(-1, *seen.shape[-2:])
        moved = [resample(one, rows, columns, periodic=periodic) for one in flat]
        seen = np.stack(moved).reshape(seen.shape)
    if effects.dose_per_A2 is None:
        return seen
    counted = poisson_dose(
        seen, dose_per_A2=effects.dose_per_A2, pixel_size_A=pixel_size_A, rng=electrons
    )
    if effects.gain is None:
        return counted
    per_pixel = effects.dose_per_A2 * pixel_size_A**2
    noise = readout.standard_normal(counted.shape) * effects.read_noise
    return effects.gain * per_pixel * counted + effects.offset + noise


def scan_places(
    shape: tuple[int, ...], effects: Effects, *, pixel_size_A: float, rng: Rng
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where in the undisturbed image every scanned pixel lies [px].

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    effects : Effects
        Rotation and shear act about the middle; drift starts from the first pixel, and a specimen
        that drifts to the right takes its image along.
    pixel_size_A : float
        Pixel edge [Å].
    rng : int or Generator
        Seed or generator of jitter and wander.

    Returns
    -------
    tuple of ndarray, shape (y, x)
        Rows and columns.
    """
    n_rows, n_columns = shape
    y, x = np.indices(shape).astype(np.float64)
    line_s = n_columns * effects.dwell_s + effects.flyback_s
    elapsed_s = y * line_s + x * effects.dwell_s
    offsets = row_offsets(
        n_rows,
        jitter_px=effects.row_jitter_A / pixel_size_A,
        drift_px=effects.wander_A / pixel_size_A,
        rng=rng,
    )
    drift_x, drift_y = effects.drift_A_per_s
    x = x - drift_x / pixel_size_A * elapsed_s - offsets[:, None] - (n_columns - 1) / 2
    y = y - drift_y / pixel_size_A * elapsed_s - (n_rows - 1) / 2
    back = np.linalg.inv(
        affine_matrix(rotation_deg=effects.rotation_deg, shear_deg=effects.shear_deg)
    )
    columns = back[0, 0] * x + back[0, 1] * y + (n_columns - 1) / 2
    rows = back[1, 0] * x + back[1, 1] * y + (n_rows - 1) / 2
    return rows, columns


def _velocities(given: tuple[float, float]) -> tuple[float, float]:
    if not (isinstance(given, list | tuple) and len(given) == 2):
        raise SimulationError(f"drift_A_per_s is {given!r} Å/s; expected two numbers (x, y)")
    return given[0], given[1]
