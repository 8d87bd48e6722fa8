"""From the pixels of an image to those of the network and back, symmetric about the middle.

The network works at one pixel size. An image of any other is averaged or interpolated onto a grid
that is centred on the image, so that a mirrored image gives mirrored samples.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TILE: Final = 320
"""Edge of a tile in pixels of the network, and of the scenes that it was trained on."""
MARGIN: Final = 32
"""Pixels at the rim of a tile that see too little around them to count alone."""
_KERNEL: Final = 0.6
"""Width of the averaging kernel, in the larger of the two pixels."""


@dataclass(frozen=True)
class Axis:
    """One axis of an image and of the network's grid.

    Parameters
    ----------
    n : int
        Pixels of the image.
    step : float
        Pixels of the image for each of the network.
    tile : int
        Edge of a tile, in pixels of the network.
    starts : tuple of int
        Where the tiles begin.
    """

    n: int
    step: float
    tile: int
    starts: tuple[int, ...]

    @classmethod
    def make(cls, n: int, step: float, stride: int) -> "Axis":
        """Cover ``n`` pixels of the image with as few tiles as will do."""
        needed = math.ceil((n - 1) / step) + 1 + 2 * MARGIN
        if needed <= TILE:
            return cls(n, step, stride * math.ceil(needed / stride), (0,))
        count = math.ceil((needed - TILE) / (TILE - 2 * MARGIN)) + 1
        apart = math.ceil((needed - TILE) / (count - 1))
        return cls(n, step, TILE, tuple(apart * k for k in range(count)))

    @property
    def size(self) -> int:
        """Pixels of the network, margins included."""
        return self.starts[-1] + self.tile

    @property
    def offset(self) -> float:
        """Place of the network's first pixel in pixels of the image."""
        return ((self.n - 1) - (self.size - 1) * self.step) / 2

    def averaging(self) -> Floats:
        """Return the weights (network pixel, image pixel); the image is mirrored at its rim."""
        sigma = _KERNEL * max(self.step, 1.0)
        reach = math.ceil(4 * sigma)
        at = self.grid_places()
        taps = np.rint(at).astype(int)[:, None] + np.arange(-reach, reach + 1)
        weights = np.exp(-(((taps - at[:, None]) / sigma) ** 2) / 2)
        weights /= weights.sum(axis=1, keepdims=True)
        found = np.zeros((self.size, self.n))
        rows = np.broadcast_to(np.arange(self.size)[:, None], taps.shape)
        np.add.at(found, (rows, mirrored(taps, self.n)), weights)
        return found

    def image_places(self) -> Floats:
        """Return where the pixels of the image lie in those of the network."""
        return np.asarray((np.arange(self.n) - self.offset) / self.step, dtype=np.float64)

    def grid_places(self) -> Floats:
        """Return where the pixels of the network lie in those of the image."""
        return np.asarray(self.offset + self.step * np.arange(self.size), dtype=np.float64)

    def window(self) -> Floats:
        """Return the weight of each pixel of a tile, small at the rim."""
        rim = (np.minimum(np.arange(self.tile), np.arange(self.tile)[::-1]) + 0.5) / (2 * MARGIN)
        return np.asarray(np.clip(rim, 0.0, 1.0) ** 2, dtype=np.float64)


def averaged(pixels: Floats, axes: list[Axis]) -> Floats:
    """Return an image on the network's grid."""
    return np.asarray(axes[0].averaging() @ pixels @ axes[1].averaging().T)


def mirrored(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return indices reflected into 0 … n - 1 about the centres of the outermost pixels."""
    if n == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (n - 1))
    return np.minimum(folded, 2 * (n - 1) - folded)
