"""A second, small network that tells O1 from O3, in an image turned until its rows are level.

What tells them apart is where the columns of one row stand over those of the next: a third of a
pitch in five ångström. In a crystal at any angle a network hardly learns that; with level rows it
does within minutes.
"""

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]

STEP_A: Final = 0.5
"""Pixel edge of this network [Å]."""
WIDTH: Final = 24
_LAYERS: Final = (
    ((5, 5), (1, 1)), ((5, 5), (1, 1)), ((5, 5), (2, 1)), ((3, 5), (4, 2)), ((3, 5), (1, 4)),
    ((3, 5), (1, 6)),
)  # fmt: skip
"""Kernels and dilations (across the rows, along them): it looks over 15 by 29 Å."""
_PITCHES_A: Final = (2.1, 2.8)
_PITCH_STEP_A: Final = 0.04
_ANGLE_STEP_DEG: Final = 0.5
_MULTIPLES: Final = 6
_O1_COUNTED: Final = 1.5
"""Places in O1 counted more in the training, and come out too likely: their odds are divided by
this. Chosen on development scenes."""
_LEAST_ROWS: Final = 0.02
"""Correlation along the rows, in units of the variance, below which there are none."""
_NEAR_A: Final = 6.0
"""Width of the neighbourhood in which columns must follow each other along the rows [Å]."""
_FOLLOWED: Final = 0.6
"""Share of the columns that must: on development scenes of 25 to 1000 e/Å² it was 0.8 to 1 in the
crystal whose rows they are and 0.05 to 0.35 in another one."""


class Rows(NamedTuple):
    """Direction of the rows from +x towards +y [rad], and the distance of their columns [Å]."""

    angle_rad: float
    pitch_A: float


def make_gap_network() -> "torch.nn.Module":
    """Return the untrained network: (image, 1, y, x) to the logarithm of the odds of O1."""
    from torch import nn

    layers: list[nn.Module] = []
    width = 1
    for kernel, dilation in _LAYERS:
        padding = (kernel[0] - 1) // 2 * dilation[0], (kernel[1] - 1) // 2 * dilation[1]
        layers += [
            nn.Conv2d(width, WIDTH, kernel, padding=padding, dilation=dilation, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
        ]
        width = WIDTH
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 1))


def find_rows(columns: Floats, pixel_A: float) -> Rows | None:
    """Return the direction in which most columns stand in rows, None if there is none.

    Along a row, and along no other line, columns follow each other at 2.1 to 2.8 Å: the
    autocorrelation of the map is summed over the first six multiples of every such step.

    Parameters
    ----------
    columns : ndarray, shape (y, x)
        Probability of columns, those of other crystals left out.
    pixel_A : float
        Pixel edge [Å].
    """
    from scipy.ndimage import map_coordinates

    centred = columns - columns.mean()
    shape = [2 * n for n in columns.shape]
    power = np.abs(np.fft.rfft2(centred, shape)) ** 2
    correlation = np.fft.fftshift(np.fft.irfft2(power, shape))
    middle = np.array(shape) // 2
    level = float(correlation[tuple(middle)])
    if level <= 0:
        return None
    angles = np.radians(np.arange(-90.0, 90.0, _ANGLE_STEP_DEG))
    pitches = np.arange(*_PITCHES_A, _PITCH_STEP_A)
    steps = pitches[:, None] * np.arange(1, _MULTIPLES + 1) / pixel_A
    y, x = (
        centre + steps * direction[:, None, None]
        for centre, direction in zip(middle, (np.sin(angles), np.cos(angles)), strict=True)
    )
    found = map_coordinates(correlation, [y, x], order=1).mean(axis=-1) / level
    best = np.unravel_index(np.argmax(found), found.shape)
    if found[best] <= _LEAST_ROWS:
        return None
    return Rows(float(angles[best[0]]), float(pitches[best[1]]))


def follow(columns: Floats, rows: Rows, pixel_A: float) -> NDArray[np.bool_]:
    """Mark places whose columns follow each other along the rows.

    Parameters
    ----------
    columns : ndarray, shape (y, x)
        Probability of columns.
    rows : Rows
        Of the largest crystal; one beside it may have others.
    pixel_A : float
        Pixel edge [Å].
    """
    from scipy.ndimage import gaussian_filter, shift

    step = rows.pitch_A / pixel_A * np.array([np.sin(rows.angle_rad), np.cos(rows.angle_rad)])
    moved = [shift(columns, n * step, order=1, mode="nearest") for n in (-2, -1, 1, 2)]
    alike = gaussian_filter(columns * np.mean(moved, axis=0), _NEAR_A / pixel_A)
    level = gaussian_filter(columns**2, _NEAR_A / pixel_A)
    return np.asarray(alike > _FOLLOWED * level)


def levelled(image: Floats, angle_rad: float, pixel_A: float, *, order: int = 1) -> Floats:
    """Return an image on a grid whose x runs along the rows, pixels of ``STEP_A``.

    The grid covers the image and is centred on it. What lies outside is mirrored.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        In pixels of half ``STEP_A`` or so.
    angle_rad : float
        Direction of the rows, from +x towards +y.
    pixel_A : float
        Pixel edge of the image [Å].
    order : int
        1 averages four values between the pixels; 0 takes the nearest pixel, for labels.
    """
    from scipy.ndimage import map_coordinates

    height, width = (n * pixel_A for n in image.shape)
    c, s = abs(np.cos(angle_rad)), abs(np.sin(angle_rad))
    shape = [int(np.ceil(one / STEP_A)) for one in (height * c + width * s, width * c + height * s)]
    if order == 0:
        return np.asarray(
            map_coordinates(image, _places(shape, 1, angle_rad, pixel_A, image.shape),
                            order=0, mode="mirror")
        )  # fmt: skip
    fine = map_coordinates(
        image, _places(shape, 2, angle_rad, pixel_A, image.shape), order=1, mode="mirror"
    )
    return np.asarray(fine.reshape(shape[0], 2, shape[1], 2).mean(axis=(1, 3)))


def put_back(found: Floats, angle_rad: float, pixel_A: float, shape: tuple[int, ...]) -> Floats:
    """Return a map of the levelled grid on the pixels of the image."""
    from scipy.ndimage import map_coordinates

    y, x = ((np.arange(n) - (n - 1) / 2) * pixel_A for n in shape)
    down, right = y[:, None], x[None, :]
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    across, along = c * down - s * right, s * down + c * right
    places = [
        one / STEP_A + (n - 1) / 2 for one, n in zip((across, along), found.shape, strict=True)
    ]
    return np.asarray(map_coordinates(found, places, order=1, mode="nearest"))


def odds_of_o1(module: "torch.nn.Module", level: Floats, *, device: str = "cpu") -> Floats:
    """Return the probability of O1 where there is a layered oxide, on the levelled grid.

    The mean over the image, its mirror images and the one turned by 180 degrees: O1 and O3 stay
    what they are.
    """
    import torch

    tile = torch.as_tensor(level, dtype=torch.float32, device=device)[None, None]
    flips: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
    with torch.no_grad():
        seen = [torch.flip(module(torch.flip(tile, one)), one) for one in flips]
        mean = torch.sigmoid(torch.stack(seen) - math.log(_O1_COUNTED)).mean(dim=0)
    return np.asarray(mean[0, 0].double().cpu())


def _places(
    shape: list[int], parts: int, angle_rad: float, pixel_A: float, image: tuple[int, ...]
) -> list[Floats]:
    """Return where the points of the levelled grid lie in pixels of the image, (y, x)."""
    step = STEP_A / parts
    across, along = ((np.arange(parts * n) - (parts * n - 1) / 2) * step for n in shape)
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    down = c * across[:, None] + s * along[None, :]
    right = -s * across[:, None] + c * along[None, :]
    return [one / pixel_A + (n - 1) / 2 for one, n in zip((down, right), image, strict=True)]
