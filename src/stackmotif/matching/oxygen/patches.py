"""Patches of an image around columns, in the frame of the rows."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.orientation import from_row_frame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALONG: Final = 16
"""Samples of one pitch along the row."""
STEP: Final = 0.08
"""Distance of samples across the rows [pitch], about 0.2 Å."""
_SMOOTH: Final = 0.1
"""Gaussian sigma by which the image is smoothed first [pitch]: sampling then loses no electron."""
_AT_ONCE: Final = 4096
"""Patches that are sampled together, which bounds the memory."""


@dataclass(frozen=True)
class Patches:
    """What an image shows around each column.

    Parameters
    ----------
    values : ndarray of float32, shape (n, v, u)
        Image around each column: u to the right along the row, v downwards across it.
    u, v : ndarray, shape (u,) and (v,)
        Places of the samples [pitch]; u covers one pitch, the column at 0.
    whole : ndarray of bool, shape (n,)
        Patches that lie inside the image.
    """

    values: NDArray[np.float32]
    u: Floats
    v: Floats
    whole: Bools

    def moved(self, du: float, dv: float, reach: float) -> "Patches":
        """Return the patches around points (du, dv) [pitch] away, ``reach`` above and below.

        Along the row a patch is continued as if it repeated.
        """
        shift = round(du * ALONG)
        middle = len(self.v) // 2 + round(dv / STEP)
        half = round(reach / STEP)
        values = np.roll(self.values[:, middle - half : middle + half + 1], -shift, axis=2)
        v = np.asarray(np.arange(-half, half + 1) * STEP, dtype=np.float64)
        return Patches(values, self.u, v, self.whole)


def cut_patches(
    image: NDArray[np.floating],
    places_px: Floats,
    *,
    pitch_px: float,
    angle_rad: float,
    reach: float,
    offset_px: tuple[float, float] = (0.0, 0.0),
) -> Patches:
    """Cut patches one pitch wide and ``reach`` [pitch] above and below each column.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Any grey levels.
    places_px : ndarray, shape (n, 2)
        (y, x) of the columns [px].
    pitch_px, angle_rad : float
        Column pitch and row direction, as in `Orientation`.
    reach : float
        Half height [pitch].
    offset_px : tuple of float
        Added to all places, (y, x) [px].
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    smooth = gaussian_filter(np.asarray(image, dtype=np.float32), _SMOOTH * pitch_px)
    u = np.asarray(np.arange(ALONG) / ALONG - 0.5, dtype=np.float64)
    half = round(reach / STEP)
    v = np.asarray(np.arange(-half, half + 1) * STEP, dtype=np.float64)
    step = np.stack(from_row_frame(u[None] * pitch_px, v[:, None] * pitch_px, angle_rad))
    last = np.array(image.shape)[:, None, None, None] - 1
    values = np.empty((len(places_px), len(v), len(u)), dtype=np.float32)
    whole = np.empty(len(places_px), dtype=bool)
    for first in range(0, len(places_px), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        origin = (places_px[part] + np.asarray(offset_px)).T
        at = origin[:, :, None, None] + step[:, None]
        whole[part] = np.all((at >= 0) & (at <= last), axis=(0, 2, 3))
        map_coordinates(smooth, at, order=1, mode="nearest", output=values[part])
    return Patches(values, u, v, whole)
