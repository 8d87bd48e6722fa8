"""Blur by the source: along the lines it is exact in the harmonics, across them a convolution."""

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_KERNEL_SIGMAS: Final = 5.0
"""Half width of the kernel, in standard deviations."""
_ALIAS_SIGMAS: Final = 4.5
"""Reach in standard deviations of the Gaussian's own spectrum that lines must carry."""
_FINEST: Final = 16
"""Most lines computed per line of an image."""


def oversampling(
    sigma_A: "torch.Tensor", step_A: "torch.Tensor", *, band_per_A: float
) -> tuple[int, int]:
    """Return how many lines are computed per line of the image, and how many more at its ends."""
    least = float(sigma_A.min())
    if float(sigma_A.max()) <= 0:
        return 1, 0
    coarse = float(step_A.abs().max())
    needed = band_per_A + _ALIAS_SIGMAS / (2 * math.pi * max(least, 1e-3))
    fine = min(max(1, math.ceil(coarse * needed)), _FINEST)
    return fine, math.ceil(_KERNEL_SIGMAS * float(sigma_A.max()) / coarse * fine)


def blurred(
    lines: "torch.Tensor", sigma: "torch.Tensor", step: "torch.Tensor", pad: int, fine: int
) -> "torch.Tensor":
    """Blur lines (stack, detector, line, harmonic) and keep every ``fine``-th of them."""
    import torch

    away = torch.arange(-pad, pad + 1, dtype=torch.float64, device=lines.device)
    width = sigma.clamp(min=1e-9) / step
    kernel = torch.exp(-0.5 * (away / width[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).to(lines.dtype)
    last = lines.shape[2] - 2 * pad
    pieces = (
        lines[:, :, tap : tap + last : fine] * kernel[:, tap, None, None, None]
        for tap in range(2 * pad + 1)
    )
    total = next(pieces)
    for piece in pieces:
        total = total + piece
    return total
