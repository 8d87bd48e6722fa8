"""Differential phase contrast: from the deflection of the beam to an image of the potential.

The mean scattering angle θ(r) of a thin object is the gradient of its phase φ, averaged over the
probe: θ = λ/2π |probe|² ⋆ ∇φ. The curl of θ carries noise alone; the scalar field whose gradient is
nearest to θ (least squares) is found in Fourier space,

    F(k) = (k · θ(k)) / (2πi k²),

and 2π/λ F is the phase seen through the probe.

I. Lazić, E. G. T. Bosch and S. Lazar, Ultramicroscopy 160, 265 (2016),
doi:10.1016/j.ultramic.2015.10.011.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import Detector
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.result import Template

_HALF: Final = math.log(2.0)


def integrate_field(
    field_x: NDArray[np.floating],
    field_y: NDArray[np.floating],
    *,
    pixel_size_A: float | tuple[float, float],
    periodic: bool = False,
    high_pass_A: float | None = None,
) -> NDArray[np.float64]:
    """Return the scalar field of mean 0 whose gradient is nearest to a vector field.

    Parameters
    ----------
    field_x, field_y : ndarray, shape (y, x)
        Components towards +x (right) and +y (down).
    pixel_size_A : float or tuple of float
        Pixel edge, or height and width [Å].
    periodic : bool
        Whether the image repeats; otherwise it is continued by reflection, which asks nothing of
        its opposite edges.
    high_pass_A : float, optional
        Longest period that is kept [Å]: that of it passes by half, longer ones fade. Integration
        amplifies slow noise.

    Returns
    -------
    ndarray of float64, shape (y, x)
        In units of the field times Å.

    Raises
    ------
    SimulationError
        If the shapes differ or a length is not positive.

    Examples
    --------
    >>> x = np.arange(8) * 2 * np.pi / 8
    >>> field = np.broadcast_to(np.cos(x), (4, 8))
    >>> flat = np.zeros((4, 8))
    >>> found = integrate_field(field, flat, pixel_size_A=2 * np.pi / 8, periodic=True)
    >>> bool(np.allclose(found, np.sin(x)))
    True
    """
    x, y = (np.asarray(part, dtype=np.float64) for part in (field_x, field_y))
    if x.shape != y.shape or x.ndim != 2:
        raise SimulationError(
            f"vector field has the shapes {x.shape} and {y.shape}; expected (y, x) twice"
        )
    steps = _steps(pixel_size_A, high_pass_A)
    if periodic:
        return _integrate(x, y, steps, high_pass_A)
    # A scalar field that is even across an edge has a normal derivative that is odd.
    rows, columns = x.shape
    x = np.block([[x, -x[:, ::-1]], [x[::-1], -x[::-1, ::-1]]])
    y = np.block([[y, y[:, ::-1]], [-y[::-1], -y[::-1, ::-1]]])
    inside = _integrate(x, y, steps, high_pass_A)[:rows, :columns]
    return inside - inside.mean()


def _steps(
    pixel_size_A: float | tuple[float, float], high_pass_A: float | None
) -> tuple[float, float]:
    steps = pixel_size_A if isinstance(pixel_size_A, tuple) else (pixel_size_A, pixel_size_A)
    for name, length in (*(("pixel size", step) for step in steps), ("high pass", high_pass_A)):
        if length is not None and not 0 < length < math.inf:
            raise SimulationError(f"{name} is {length} Å; expected a positive number")
    return steps


def _integrate(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    steps: tuple[float, float],
    high_pass_A: float | None,
) -> NDArray[np.float64]:
    ky, kx = (_signed(size, step) for size, step in zip(x.shape, steps, strict=True))
    k2 = ky[:, None] ** 2 + kx[None] ** 2
    along = kx[None] * np.fft.fft2(x) + ky[:, None] * np.fft.fft2(y)
    found = np.where(k2 > 0, along / (2j * np.pi * np.where(k2 > 0, k2, 1.0)), 0.0)
    if high_pass_A is not None:
        found *= 1.0 - np.exp(-_HALF * k2 * high_pass_A**2)
    return np.fft.ifft2(found).real


def _signed(size: int, step_A: float) -> NDArray[np.float64]:
    """Return the frequencies [1/Å]; the highest of an even count has no sign and is made 0."""
    frequencies = np.fft.fftfreq(size, step_A).astype(np.float64)
    if size % 2 == 0:
        frequencies[size // 2] = 0.0
    return frequencies


def deflection_mrad(
    segments: NDArray[np.floating], *, detector: Detector, semiangle_mrad: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the deflection of the bright disc that the segments of a detector show.

    A rim of the disc that moves by θ lies inside every segment, so that the sum of the signals,
    each towards the middle of its segment, grows by θ n sin(π/n) / (πα): that factor is divided
    out. Right for small rigid deflections; for the mean angle of a dynamical pattern it is an
    approximation.

    Parameters
    ----------
    segments : ndarray, shape (segment, ...)
        Signals as fractions of the incident beam, in the detector's order.
    detector : Detector
        Segmented, with the rim of the bright disc inside it.
    semiangle_mrad : float
        Convergence semi-angle α [mrad].

    Returns
    -------
    tuple of ndarray, shape (...)
        Deflection towards +x (right) and +y (down) [mrad].

    Raises
    ------
    SimulationError
        If the detector has fewer than 3 segments, or the rim of the disc is not inside it.
    """
    count = detector.n_segments
    signals = np.asarray(segments, dtype=np.float64)
    if count < 3 or len(signals) != count:
        raise SimulationError(
            f"detector {detector.name!r} has {count} segments and {len(signals)} signals were "
            "given; expected one signal for each of 3 or more segments"
        )
    if not detector.inner_mrad < semiangle_mrad < detector.outer_mrad:
        raise SimulationError(
            f"detector {detector.name!r} runs from {detector.inner_mrad:g} to "
            f"{detector.outer_mrad:g} mrad; expected the rim of the bright disc, at "
            f"{semiangle_mrad:g} mrad, inside it"
        )
    scale = math.pi * semiangle_mrad / (count * math.sin(math.pi / count))
    turns = np.deg2rad(detector.bisectors_deg)
    x = scale * np.tensordot(np.cos(turns), signals, axes=1)
    y = scale * np.tensordot(np.sin(turns), signals, axes=1)
    return x, y


def phase_image(
    x_mrad: NDArray[np.floating],
    y_mrad: NDArray[np.floating],
    *,
    pixel_size_A: float | tuple[float, float],
    wavelength_A: float,
    periodic: bool = False,
    high_pass_A: float | None = None,
) -> NDArray[np.float64]:
    """Return the phase [rad] that deflections show, seen through the probe; its mean is 0.

    Parameters
    ----------
    x_mrad, y_mrad : ndarray, shape (y, x)
        Mean scattering angle towards +x (right) and +y (down) [mrad].
    pixel_size_A, periodic, high_pass_A
        As in :func:`integrate_field`.
    wavelength_A : float
        Wavelength [Å].
    """
    field = integrate_field(
        x_mrad, y_mrad, pixel_size_A=pixel_size_A, periodic=periodic, high_pass_A=high_pass_A
    )
    return 2e-3 * np.pi / wavelength_A * field


def idpc_image(
    template: Template,
    *,
    detector: str | None = None,
    periodic: bool = False,
    high_pass_A: float | None = None,
) -> NDArray[np.float64]:
    """Return the integrated differential phase contrast of a template with a segmented detector.

    Parameters
    ----------
    template : Template
        For instance simulated with the preset ``idpc-300kV``.
    detector : str, optional
        Name of the detector; the first with segments by default.
    periodic : bool
        Whether the template's image repeats.
    high_pass_A : float, optional
        As in :func:`integrate_field`.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Phase [rad] seen through the probe, mean 0; atoms are bright.

    Raises
    ------
    SimulationError
        If the microscope has no such detector, or it has no segments.
    """
    chosen = _segmented(template.microscope, detector)
    signals = np.stack([template.channel(name) for name in chosen.channels])
    x, y = deflection_mrad(
        signals, detector=chosen, semiangle_mrad=template.microscope.semiangle_mrad
    )
    return phase_image(
        x,
        y,
        pixel_size_A=template.pixel_size_A,
        wavelength_A=template.microscope.wavelength_A,
        periodic=periodic,
        high_pass_A=high_pass_A,
    )


def _segmented(microscope: Microscope, name: str | None) -> Detector:
    offered = {one.name: one for one in microscope.detectors if one.n_segments}
    wanted = next(iter(offered), None) if name is None else name
    if wanted not in offered:
        known = ", ".join(offered) or "none"
        raise SimulationError(
            f"microscope {microscope.name!r} has no segmented detector "
            f"{'' if name is None else repr(name)} (segmented: {known}); expected one with "
            "n_segments=4, as in the preset 'idpc-300kV'"
        )
    return offered[wanted]
