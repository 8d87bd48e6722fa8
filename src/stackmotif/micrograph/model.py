"""The calibrated image that a file becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ReadError
from stackmotif.micrograph.calibration import checked_size_A

DETECTORS = ("adf", "haadf", "bf", "abf", "idpc")


@dataclass(frozen=True)
class Micrograph:
    """An image with its calibration.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Intensity in the file's own units; finite.
    pixel_size_A : float
        Pixel edge [Å], the same on both axes; finite and positive.
    detector : str
        One of ``adf``, ``haadf``, ``bf``, ``abf``, ``idpc``.
    name : str
        File stem or a label given by the user.
    metadata : mapping
        As read, plus ``source`` and ``sha256`` for files.
    history : tuple of str
        What was done to the image, in order.

    Raises
    ------
    ReadError
        If the image is not two-dimensional, empty or not finite.
    CalibrationError
        If the pixel size is not a finite positive number.
    """

    image: NDArray[np.float32]
    pixel_size_A: float
    detector: str = "adf"
    name: str = "image"
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    history: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        image = _numbers(self.image)
        if image.ndim != 2 or min(image.shape) < 2:
            raise ReadError(
                f"image has shape {image.shape}; expected two axes (y, x) of 2 or more pixels each"
            )
        if not np.isfinite(image).all():
            bad = int((~np.isfinite(image)).sum())
            raise ReadError(
                f"image holds {bad} values that are not finite; "
                "expected numbers only: replace or crop them"
            )
        size = checked_size_A(self.pixel_size_A)
        if self.detector not in DETECTORS:
            raise ReadError(
                f"detector is {self.detector!r}; expected one of {', '.join(DETECTORS)}"
            )
        image.flags.writeable = False
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "pixel_size_A", size)

    @property
    def shape(self) -> tuple[int, int]:
        """Image shape (y, x) [px]."""
        return self.image.shape[0], self.image.shape[1]


def _numbers(image: Any) -> NDArray[np.float32]:
    """Return an image as float32, refused unless it holds real numbers."""
    try:
        values = np.asarray(image)
    except ValueError as error:
        raise ReadError(f"image is no array ({error}); expected an array (y, x)") from error
    if values.dtype.kind not in "buif":
        raise ReadError(f"image has values of type {values.dtype}; expected real numbers")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
