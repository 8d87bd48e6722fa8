"""What the network sees in a micrograph."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ReadError
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.network.gain import (
    answer_to_noise,
    line_without_noise,
    noise_like,
)
from stackmotif.micrograph.network.gaps import find_rows, follow, levelled, odds_of_o1, put_back
from stackmotif.micrograph.network.grid import Axis, averaged
from stackmotif.micrograph.network.tiling import mosaic
from stackmotif.micrograph.network.unet import MAPS, STRIDE
from stackmotif.micrograph.network.weights import Network, load_gaps, load_network

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

LAYERED: Final = ("O3", "O1")
"""Outputs of the large network that are told as one: it names every gap O3. Which one a gap is,
the small network says (:mod:`stackmotif.micrograph.network.gaps`)."""
UNDECIDED: Final = "layered"
"""Name of a layered oxide that is neither O3 nor O1 for sure."""
_EITHER: Final = 0.5
_LEAST_LAYERED: Final = 0.01
"""Share of an image below which nobody asks whether it is O3 or O1."""
LEAST_LIKELY: Final = 0.7
"""Probability from which a phase is named. It is then right in 86 % of the places or more
(development scenes; docs/network.md has it for others)."""
UNRESOLVED: Final = "unresolved"
COARSEST_A: Final = 0.4
"""Largest pixel [Å]: six to a column pitch."""
FINEST_A: Final = 0.02
SMALLEST_A: Final = 8.0
"""Shortest edge of an image [Å]."""


@dataclass(frozen=True)
class Seen:
    """Maps on the pixels of the micrograph.

    Parameters
    ----------
    denoised : ndarray of float32, shape (y, x)
        The image without noise, in its own units. Where nothing is known it is flat.
    sharp : ndarray of float32, shape (y, x)
        Crystals as a point source would show them, without background, bright; in units of the
        spread of such an image.
    columns : ndarray of float32, shape (y, x)
        Probability that a metal column is here, 1 at its centre.
    phases : dict of str to ndarray of float32, shape (y, x)
        Probability of ``layered`` (O3, O1 and all between), ``rocksalt``, ``amorphous`` and
        ``vacuum``; they sum to 1.
    network : str
        sha256 of the weights.
    o1 : ndarray of float32, shape (y, x), optional
        Probability that a layered oxide, where there is one, is O1; one half where its rows run
        along another direction than most. None where no rows are seen.
    """

    denoised: Image
    sharp: Image
    columns: Image
    phases: dict[str, Image]
    network: str
    o1: Image | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that :meth:`phase_names` may call a pixel."""
        return (*LAYERED, *self.phases, UNRESOLVED)

    def phase_names(self) -> NDArray[np.str_]:
        """Return the phase of every pixel, ``unresolved`` where none is likely enough.

        A layered oxide is ``O3`` or ``O1`` where that is likely enough too, and else ``layered``.
        """
        probability = np.stack(list(self.phases.values()))
        best = np.argmax(probability, axis=0) + len(LAYERED)
        best[probability.max(axis=0) < LEAST_LIKELY] = len(self.names) - 1
        if self.o1 is not None:
            layered = best == self.names.index(UNDECIDED)
            for k, share in enumerate((1 - self.o1, self.o1)):
                best[layered & (self.phases[UNDECIDED] * share >= LEAST_LIKELY)] = k
        return np.array(self.names)[best]


def see(
    micrograph: Micrograph,
    *,
    bright: bool = True,
    network: Network | None = None,
    symmetric: bool = True,
    device: str = "cpu",
) -> Seen:
    """Return what the network sees.

    Parameters
    ----------
    micrograph : Micrograph
        An image of any size.
    bright : bool
        Whether columns are brighter than what is between them; ``False`` for ABF.
    network : Network, optional
        The one that ships by default.
    symmetric : bool
        Average over the four turns of the image. A constant displacement of the columns is then
        impossible: it would have to stay the same when the image is turned. Without it the result
        takes a quarter of the time.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    Seen

    Raises
    ------
    ReadError
        If the pixels are too coarse or too fine, or the image is too small.
    """
    import torch

    net = load_network() if network is None else network
    size = micrograph.pixel_size_A
    if not FINEST_A <= size <= COARSEST_A:
        raise ReadError(
            f"pixel size is {size:g} Å; the network expects {FINEST_A:g} to {COARSEST_A:g} Å: bin "
            "the image, or work without it"
        )
    if min(micrograph.shape) * size < SMALLEST_A:
        height, width = (n * size for n in micrograph.shape)
        raise ReadError(
            f"the image measures {height:.3g} × {width:.3g} Å; the network takes {SMALLEST_A:g} Å "
            "or more: work without it"
        )
    step = net.pixel_size_A / size
    axes = [Axis.make(n, step, STRIDE) for n in micrograph.shape]
    inside = [np.flatnonzero((a.grid_places() >= 0) & (a.grid_places() <= a.n - 1)) for a in axes]
    core = np.ix_(*inside)
    pixels, level, spread = _standardised(micrograph.image, bright, axes, core)
    given = averaged(pixels, axes)
    with torch.no_grad():
        image = torch.as_tensor(given, dtype=torch.float32)
        found = mosaic(image, axes, net, symmetric=symmetric, device=device)
    o1 = _o1(given, found, net, inside, device)
    back = [_back(one, axes) for one in found]
    noise = averaged(noise_like(pixels, back[0]), axes)
    with torch.no_grad():
        follows = answer_to_noise(image, noise, axes, net, device=device)
    gain, offset = line_without_noise(found[0][core], given[core], follows)
    phases = _told(dict(zip(net.phases, back[len(MAPS) :], strict=True)))
    total = np.maximum(sum(phases.values()), 1e-6)
    return Seen(
        denoised=(level + spread * (gain * back[0] + offset)).astype(np.float32),
        sharp=np.maximum(back[1], 0).astype(np.float32),
        columns=np.clip(back[2], 0, 1).astype(np.float32),
        phases={name: (one / total).astype(np.float32) for name, one in phases.items()},
        network=net.sha256,
        o1=None if o1 is None else np.clip(_back(o1, axes), 0, 1).astype(np.float32),
    )


def _standardised(
    image: NDArray[np.floating], bright: bool, axes: list[Axis], core: tuple[NDArray[np.int64], ...]
) -> tuple[Floats, float, float]:
    """Return pixels of mean 0 and spread 1 on the grid, and what one and zero of them are.

    With dark columns the unit is negative.
    """
    pixels = np.asarray(image, dtype=np.float64)
    level, spread = float(pixels.mean()), max(float(pixels.std()), 1e-12)
    pixels = (pixels - level) / spread * (1.0 if bright else -1.0)
    seen = averaged(pixels, axes)[core]
    mean, unit = float(seen.mean()), max(float(seen.std()), 1e-9)
    spread *= 1.0 if bright else -1.0
    return (pixels - mean) / unit, level + spread * mean, spread * unit


def _o1(
    given: Floats, found: Floats, net: Network, inside: list[NDArray[np.int64]], device: str
) -> Floats | None:
    """Return the probability that a layered oxide is O1, on the whole grid."""
    core = np.ix_(*inside)
    layered = sum(
        (one for name, one in zip(net.phases, found[len(MAPS) :], strict=True) if name in LAYERED),
        np.zeros(given.shape),
    )[core]
    if layered.mean() < _LEAST_LAYERED:
        return None
    columns, size = found[MAPS.index("columns")][core] * layered, net.pixel_size_A
    rows = find_rows(columns, size)
    if rows is None:
        return None
    image = given[core]
    level = levelled(image, rows.angle_rad, size)
    odds = odds_of_o1(load_gaps().to(device), level, device=device)
    seen = put_back(odds, rows.angle_rad, size, image.shape)
    seen = np.where(follow(columns, rows, size), seen, _EITHER)
    rim = [(int(i[0]), n - 1 - int(i[-1])) for i, n in zip(inside, given.shape, strict=True)]
    return np.pad(seen, rim, mode="edge")


def _told(probability: dict[str, Floats]) -> dict[str, Floats]:
    """Return what the large network is good for: it was to tell O1 from O3 and cannot."""
    layered = sum((np.clip(probability.pop(name), 0, 1) for name in LAYERED), np.zeros(()))
    return {UNDECIDED: layered} | {name: np.clip(p, 0, 1) for name, p in probability.items()}


def _back(one: Floats, axes: list[Axis]) -> Floats:
    """Return a map of the network on the pixels of the image, by cubic splines."""
    from scipy.ndimage import map_coordinates

    y, x = np.meshgrid(axes[0].image_places(), axes[1].image_places(), indexing="ij", sparse=False)
    return map_coordinates(one, [y, x], order=3, mode="nearest")
