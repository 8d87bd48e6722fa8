"""The network: a U-Net of five levels with three maps and some phases as its outputs."""

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

WIDTHS: Final = (16, 32, 64, 128, 128)
"""Channels of each level; every level has half the pixels of the one before along each axis."""
MAPS: Final = ("denoised", "sharp", "columns")
"""Outputs before the phases: two images in units of the contrast, and the logarithm of the odds of
a column."""
STRIDE: Final = 2 ** (len(WIDTHS) - 1)
"""Both edges of an input are multiples of this."""


def make_unet(n_phases: int, widths: tuple[int, ...] = WIDTHS) -> "torch.nn.Module":
    """Return the untrained network.

    Parameters
    ----------
    n_phases : int
        Phases it tells apart.
    widths : tuple of int
        Channels of the levels.

    Returns
    -------
    torch.nn.Module
        Takes (image, 1, y, x), mean 0 and standard deviation 1; gives (image, 3 + phase, y, x).
    """
    import torch
    from torch import nn

    def block(inward: int, outward: int) -> nn.Module:
        layers: list[nn.Module] = []
        for width in (inward, outward):
            layers += [nn.Conv2d(width, outward, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outward), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(
                block(i, o) for i, o in zip((1, *widths[:-1]), widths, strict=True)
            )
            below = list(itertools.pairwise(widths))
            self.narrow = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in below)
            self.up = nn.ModuleList(block(2 * i, i) for i, _ in below)
            self.head = nn.Conv2d(widths[0], len(MAPS) + n_phases, 1)

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            kept = []
            for level, layers in enumerate(self.down):
                x = layers(x if level == 0 else nn.functional.avg_pool2d(x, 2))
                kept.append(x)
            for level in reversed(range(len(widths) - 1)):
                # Copying pixels keeps a mirror image a mirror image; so does averaging them.
                wider = nn.functional.interpolate(self.narrow[level](x), scale_factor=2)
                x = self.up[level](torch.cat([kept[level], wider], dim=1))
            return self.head(x)

    return UNet()
