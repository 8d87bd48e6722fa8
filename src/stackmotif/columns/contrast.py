"""The pixels as columns are looked for: bright on dark, in units of their own spread."""

from dataclasses import replace
from typing import Final

import numpy as np

from stackmotif.columns.detection import FILTER_SCALE
from stackmotif.columns.filtering import blob_response
from stackmotif.columns.noise import Image, NoiseModel, estimate_noise
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph

CONTRASTS: Final = ("auto", "bright", "dark")
MIN_PIXELS_PER_PITCH: Final = 6.0
"""Coarser images do not resolve a column from its neighbour with a usable uncertainty."""

_DARK_DETECTORS: Final = ("abf",)
_UNSURE_DETECTORS: Final = ("bf",)


def pixels_per_pitch(micrograph: Micrograph, pitch_A: float) -> float:
    """Return the column pitch [px].

    Raises
    ------
    ColumnsError
        If it is no number, of too few pixels, or larger than the image.
    """
    if not (np.isfinite(pitch_A) and pitch_A > 0):
        raise ColumnsError(f"pitch is {pitch_A} Å; expected a finite positive number")
    size = micrograph.pixel_size_A
    if pitch_A / size < MIN_PIXELS_PER_PITCH:
        raise ColumnsError(
            f"pixel size is {size:.4g} Å, {pitch_A / size:.2g} pixels per column pitch of "
            f"{pitch_A:.4g} Å; expected at least {MIN_PIXELS_PER_PITCH:g}, that is pixels of "
            f"{pitch_A / MIN_PIXELS_PER_PITCH:.3g} Å or less: check the calibration, or record "
            "at a higher magnification"
        )
    if pitch_A / size > min(micrograph.shape):
        raise ColumnsError(
            f"the image measures {micrograph.shape[0] * size:.4g} × "
            f"{micrograph.shape[1] * size:.4g} Å, less than one column pitch of {pitch_A:.4g} Å; "
            "check the pixel size"
        )
    return pitch_A / size


def bright_image(
    micrograph: Micrograph, contrast: str, pitch_px: float
) -> tuple[Image, NoiseModel | None, float]:
    """Return the image with bright columns in units of its own spread, its noise, and the unit.

    A negative unit means that the image was turned over. Noise is None for a constant image.

    Parameters
    ----------
    micrograph : Micrograph
    contrast : {'auto', 'bright', 'dark'}
        What columns are.
    pitch_px : float
        Distance of neighbouring columns [px].
    """
    pixels = micrograph.image
    spread = float(np.std(pixels, dtype=np.float64))
    if spread <= 1e-6 * float(np.abs(pixels).max()):
        return pixels, None, 1.0
    unit = spread if _is_bright(micrograph, contrast, pitch_px) else -spread
    image = pixels * np.float32(1 / unit)
    noise = estimate_noise(pixels * np.float32(1 / spread))
    return image, replace(noise, gain=noise.gain * float(np.sign(unit))), unit


def _is_bright(micrograph: Micrograph, contrast: str, pitch_px: float) -> bool:
    if contrast != "auto":
        return contrast == "bright"
    if micrograph.detector not in _UNSURE_DETECTORS:
        return micrograph.detector not in _DARK_DETECTORS
    _, response = blob_response(micrograph.image, scale_px=FILTER_SCALE * pitch_px)
    return float(np.mean(response.astype(np.float64) ** 3)) >= 0
