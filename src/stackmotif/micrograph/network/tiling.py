"""The network over a whole image, tile by tile."""

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.micrograph.network.grid import Axis
from stackmotif.micrograph.network.unet import MAPS
from stackmotif.micrograph.network.weights import Network

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]


def tiles_of(axes: list[Axis]) -> list[tuple[slice, slice]]:
    """Return the places of the tiles on the network's grid."""
    return [
        (slice(y, y + axes[0].tile), slice(x, x + axes[1].tile))
        for y, x in itertools.product(axes[0].starts, axes[1].starts)
    ]


def window_of(axes: list[Axis]) -> Floats:
    """Return the weight of each pixel of a tile."""
    return np.outer(axes[0].window(), axes[1].window())


def mosaic(
    image: "torch.Tensor", axes: list[Axis], net: Network, *, symmetric: bool, device: str
) -> Floats:
    """Return all outputs over the whole grid, tiles blended into each other."""
    import torch

    window = torch.as_tensor(window_of(axes), dtype=torch.float64)
    total = torch.zeros((len(MAPS) + len(net.phases), *image.shape), dtype=torch.float64)
    weight = torch.zeros(image.shape, dtype=torch.float64)
    for place in tiles_of(axes):
        turned = [
            outputs(net, image[place], turns=k, device=device) for k in range(4 if symmetric else 1)
        ]
        total[(slice(None), *place)] += window * torch.stack(turned).mean(dim=0)
        weight[place] += window
    return np.asarray(total / weight)


def outputs(net: Network, tile: "torch.Tensor", *, turns: int, device: str) -> "torch.Tensor":
    """Return images and probabilities of a tile turned by some quarters, turned back.

    Parameters
    ----------
    net : Network
        What looks.
    tile : Tensor, shape (y, x)
        Standardised pixels.
    turns : int
        Quarters.
    device : str
        Where it runs.

    Returns
    -------
    Tensor of float64, shape (map and phase, y, x)
        On the CPU.
    """
    import torch

    n = len(MAPS)
    given = torch.rot90(tile[None, None].to(device), turns, (2, 3))
    found = net.module.to(device)(given).double()
    told = torch.cat(
        [found[:, : n - 1], torch.sigmoid(found[:, n - 1 : n]), torch.softmax(found[:, n:], dim=1)],
        dim=1,
    )
    return torch.rot90(told, -turns, (2, 3))[0].cpu()
