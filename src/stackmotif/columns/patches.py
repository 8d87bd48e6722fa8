"""Which pixels of an image belong to which column."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.moments import Powers
from stackmotif.columns.noise import Image

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Patches:
    """The image, padded, and where each patch's pixels lie in it.

    Parameters
    ----------
    image, valid : ndarray of float32, shape (y, x)
        The padded image, and 1 where it is the image, 0 in the padding.
    offsets : ndarray of int, shape (m, 2)
        Pixels of a patch from its middle one (y, x), line by line.
    stride, margin : int
        Width of the padded image, and pixels of padding on each side.
    powers : Powers
        Of the offsets.
    reach_px : float
        Radius of the patch [px].
    """

    image: NDArray[np.float32]
    valid: NDArray[np.float32]
    offsets: NDArray[np.int64]
    stride: int
    margin: int
    powers: Powers
    reach_px: float

    @classmethod
    def cut(cls, image: Image, reach_px: float, *, margin_px: float) -> "Patches":
        """Take discs of ``reach_px``; padding is set by the larger ``margin_px``."""
        offsets = _disc(reach_px)
        margin = max(2, int(np.ceil(margin_px))) + 1
        padded = np.pad(image, margin)
        valid = np.pad(np.ones(image.shape, dtype=np.float32), margin)
        powers = Powers.of(offsets)
        return cls(padded, valid, offsets, padded.shape[1], margin, powers, reach_px)

    def wider(self, reach_px: float) -> "Patches":
        """Return larger discs of the same image, up to its padding."""
        if reach_px == self.reach_px:
            return self
        offsets = _disc(reach_px)
        return replace(self, offsets=offsets, powers=Powers.of(offsets), reach_px=reach_px)

    @cached_property
    def middle(self) -> int:
        """Which pixel of a patch is the middle one."""
        return int(np.flatnonzero((self.offsets == 0).all(axis=1))[0])

    def cover(self, index: NDArray[np.int64]) -> bool:
        """Tell whether patches with these flat indices lie on the image entirely."""
        rows = index[:, [0, -1]] // self.stride - self.margin
        sides = index[:, self.middle] % self.stride - self.margin
        reach, (height, width) = self.margin, self.image.shape
        high = width - 2 * self.margin
        return bool(
            rows.min() >= 0
            and rows.max() < height - 2 * self.margin
            and sides.min() >= reach
            and sides.max() < high - reach
        )

    def places(self, centre_px: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Return flat indices (n, m) and the nearest pixel minus each centre (n, 2) [px]."""
        nearest = np.rint(centre_px).astype(np.int64)
        flat = (nearest[:, 0] + self.margin) * self.stride + nearest[:, 1] + self.margin
        return flat[:, None] + self.steps, nearest - centre_px

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """Flat distance of each pixel of a patch from the middle one."""
        return np.asarray(self.offsets[:, 0] * self.stride + self.offsets[:, 1])

    def pixels(self, centre_px: Floats) -> tuple[NDArray[np.int64], Image, Image]:
        """Return flat indices and the offsets (dy, dx) of pixels from each centre, all (n, m)."""
        index, away = self.places(centre_px)
        rest, near = away.astype(np.float32), self.offsets.astype(np.float32)
        return index, near[None, :, 0] + rest[:, :1], near[None, :, 1] + rest[:, 1:]

    def lines(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the line of the image that each flat index lies on."""
        return index // self.stride - self.margin


def _disc(reach_px: float) -> NDArray[np.int64]:
    """Return the offsets (m, 2) of the pixels of a disc, line by line."""
    radius = max(2, int(np.ceil(reach_px)))
    grid = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    return grid[(grid**2).sum(axis=1) <= max(reach_px, 2.0) ** 2]
