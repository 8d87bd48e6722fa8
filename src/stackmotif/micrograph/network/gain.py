"""Gain and offset of the image without noise, in the units of the recorded one.

The network tells an image up to a gain and an offset. A straight line fitted to the recorded pixels
makes the gain too large, up to several times at low doses: what the network shows is in part their
own noise. How much of it follows from how the output answers to a little more noise (C. M. Stein,
Ann. Statist. 9 (1981) 1135, doi:10.1214/aos/1176345632): for noise n of variance s², the mean of
n · f(y + n) is that of s² · df/dy.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.micrograph.network.grid import Axis
from stackmotif.micrograph.network.tiling import outputs, tiles_of, window_of
from stackmotif.micrograph.network.weights import Network

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]

_MORE: Final = 0.1
"""Noise that is added, in units of the noise that is there: small, so that the answer is linear."""
_TILES: Final = 5
"""Tiles that are asked; one of 80 Å tells the gain to a few per cent at 35 electrons per Å²."""
_LEAST_VARIANCE: Final = 0.05
"""Smallest variance of the noise anywhere, in units of its mean over the image."""
_FLAT: Final = 1e-12
"""Variance of standardised pixels below which there is nothing to see."""
_ROUNDS: Final = 4


def line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and offset of the least-squares line; flat where x is constant."""
    spread = float(x.var())
    slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > _FLAT else 0.0
    return slope, float(y.mean()) - slope * float(x.mean())


def line_without_noise(shown: Floats, recorded: Floats, follows: float) -> tuple[float, float]:
    """Return slope and offset that make a clean image of what the network shows.

    Parameters
    ----------
    shown, recorded : ndarray, same shape
        Output of the network, and the pixels.
    follows : float
        Mean product of the output and the noise of the pixels, see :func:`answer_to_noise`.

    Notes
    -----
    What a line leaves is less than the noise by what is shown of it, and so was the noise that
    ``follows`` is the answer to, hence the repetition.
    """
    spread = float(shown.var())
    if spread < _FLAT:
        return 0.0, float(recorded.mean())
    slope, _ = line(shown, recorded)
    covariance, variance = slope * spread, float(recorded.var())
    assumed = variance - slope * covariance
    noise = assumed
    for _ in range(_ROUNDS):
        shared = follows * noise / assumed if assumed > _FLAT else 0.0
        slope = max(covariance - shared, 0.0) / spread
        noise = variance - 2 * slope * (covariance - shared) + slope**2 * spread
    return slope, float(recorded.mean()) - slope * float(shown.mean())


def noise_like(recorded: Floats, shown: Floats) -> Floats:
    """Return noise such as an image has, as strong as that depends on its brightness.

    Parameters
    ----------
    recorded, shown : ndarray, shape (y, x)
        The pixels, and what the network makes of them, up to gain and offset.
    """
    slope, offset = line(shown, recorded)
    left = np.square(recorded - slope * shown - offset)
    brighter, dark = line(shown, left)
    variance = np.maximum(brighter * shown + dark, _LEAST_VARIANCE * float(left.mean()))
    return np.sqrt(variance) * np.random.default_rng(0).standard_normal(recorded.shape)


def answer_to_noise(
    image: "torch.Tensor", noise: Floats, axes: list[Axis], net: Network, *, device: str
) -> float:
    """Return the mean product of the network's first output and the noise in what it is given.

    Parameters
    ----------
    image : Tensor, shape (y, x)
        Standardised pixels on the network's grid.
    noise : ndarray, shape (y, x)
        Noise like theirs, see :func:`noise_like`, on the same grid.
    axes : list of Axis
        The grid.
    net : Network
        What looks, unturned: the answer of the mean of turned looks is the same in the mean.
    device : str
        Where it runs.
    """
    import torch

    tiles = tiles_of(axes)
    order = np.random.default_rng(0).permutation(len(tiles))[:_TILES]
    inside = np.outer(*((a.grid_places() >= 0) & (a.grid_places() <= a.n - 1) for a in axes))
    total = weight = 0.0
    for place in (tiles[k] for k in order):
        more = torch.as_tensor(noise[place], dtype=image.dtype)
        first, other = (
            outputs(net, image[place] + share * more, turns=0, device=device)[0].numpy()
            for share in (-_MORE / 2, _MORE / 2)
        )
        window = window_of(axes) * inside[place]
        total += float((window * (other - first) / _MORE * noise[place]).sum())
        weight += float(window.sum())
    return total / weight
