"""A field of view and what is known about it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PHASES: Final = ("O3", "O1", "rocksalt", "amorphous", "vacuum")
"""What a pixel can belong to. ``O3`` is every gap of either sense, TDs and twins included."""
UNKNOWN: Final = -1
"""Phase of pixels where two meet, or where a wall has not finished."""


@dataclass(frozen=True)
class TrueGrain:
    """A rock-salt grain of a scene.

    Parameters
    ----------
    zone : str
        Axis along the beam.
    angle_deg : float
        How far its second axis (``imaging.scenes.grains.ZONES``) is turned from the rows of the
        layered crystal, from +x towards +y (down: clockwise as seen), in the crystal's own axes:
        without what the scan does to directions.
    """

    zone: str
    angle_deg: float


@dataclass(frozen=True)
class Scene:
    """A field of view.

    Parameters
    ----------
    pixels : ndarray of float32, shape (y, x)
        The micrograph: fraction of the incident beam, with shot noise and scan jitter.
    clean : ndarray of float32, shape (y, x)
        What the microscope would give with endless dose and a quiet scan.
    sharp : ndarray of float32, shape (y, x)
        Crystals alone, seen by a point source, above the least of each image; for a detector on
        which columns are dark, how much darker they are.
    phase : ndarray of int8, shape (y, x)
        Index into :data:`PHASES`, or -1.
    columns_A : ndarray of float64, shape (n, 2)
        Metal columns in the image (y, x) [Å], from the centre of pixel (0, 0).
    pixel_size_A : float
        Pixel edge [Å].
    detector : str
        ``HAADF``, ``ADF`` or ``ABF``.
    dose_per_A2 : float
        Incident electrons [e/Å²].
    source_fwhm_A : float
        Size of the source [Å].
    thickness_A : float
        Where the crystal is thickest [Å].
    rows_deg : float
        Direction of the layered crystal's rows, from +x towards +y (down).
    grains : tuple of TrueGrain
        Rock-salt grains; those that lie outside the field too.
    grain : ndarray of int8, shape (y, x), optional
        Index into ``grains``, or -1.
    """

    pixels: NDArray[np.float32]
    clean: NDArray[np.float32]
    sharp: NDArray[np.float32]
    phase: NDArray[np.int8]
    columns_A: NDArray[np.float64]
    pixel_size_A: float
    detector: str
    dose_per_A2: float
    source_fwhm_A: float
    thickness_A: float
    rows_deg: float
    grains: tuple[TrueGrain, ...] = ()
    grain: NDArray[np.int8] | None = None

    @property
    def bright(self) -> bool:
        """Whether columns are brighter than what is between them."""
        return self.detector != "ABF"
