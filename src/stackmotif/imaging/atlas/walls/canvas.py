"""Sample points of an image in the specimen, and patches put onto them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_FADE_A: Final = 1.0
"""Width of the rim of a wall tile where its difference is faded out [Å]."""


@dataclass(frozen=True)
class Canvas:
    """Equidistant sample points.

    Parameters
    ----------
    start_A, step_A : Tensor, shape (2,)
        The first point and the steps (y, x) [Å]; y down, from the metal of slab 0 and column 0.
    shape : tuple of int
        Counts (y, x).
    """

    start_A: "torch.Tensor"
    step_A: "torch.Tensor"
    shape: tuple[int, int]

    @property
    def y_A(self) -> "torch.Tensor":
        """Heights of the rows of points [Å]."""
        return self._along(0)

    @property
    def x_A(self) -> "torch.Tensor":
        """Places of the columns of points [Å]."""
        return self._along(1)

    def to(self, device: "torch.device") -> "Canvas":
        """Return the same points on a device."""
        return replace(self, start_A=self.start_A.to(device), step_A=self.step_A.to(device))

    def _along(self, axis: int) -> "torch.Tensor":
        import torch

        numbers = torch.arange(self.shape[axis], dtype=torch.float64, device=self.start_A.device)
        return self.start_A[axis] + self.step_A[axis] * numbers


def sampled(x_A: "torch.Tensor", n: int, step_A: float) -> "torch.Tensor":
    """Return the weights (x, sample) of n centred samples in the values at x."""
    import torch

    places = (torch.arange(n, dtype=torch.float64, device=x_A.device) - n // 2) * step_A
    return torch.sinc((x_A[:, None] - places) / step_A)


def fading(shape: tuple[int, int], step_A: float) -> NDArray[np.float64]:
    """Return a window over centred samples that falls to 0 at the rim."""
    sides = [(n // 2 + 1 - np.abs(np.arange(n) - n // 2)) * step_A / _FADE_A for n in shape]
    return np.outer(*(np.sin(np.pi / 2 * np.clip(side, 0.0, 1.0)) ** 2 for side in sides))
