"""What lies where in a scene: crystal, rock-salt shell, amorphous film and vacuum, by depth."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Shares of each pixel, which sum to 1.

    Parameters
    ----------
    crystal, amorphous, vacuum : ndarray, shape (y, x)
        Shares.
    grains : ndarray, shape (grain, y, x)
        Shares of the rock-salt grains.
    """

    crystal: Floats
    grains: Floats
    amorphous: Floats
    vacuum: Floats

    def covered(self) -> "Layout":
        """Return the layout with a film over the vacuum."""
        nothing = np.zeros_like(self.vacuum)
        return replace(self, amorphous=self.amorphous + self.vacuum, vacuum=nothing)


def draw_layout(rng: np.random.Generator, y_A: Floats, x_A: Floats, size_A: float) -> Layout:
    """Draw bands along a wavy edge; any of them may be missing, or all but the crystal.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    y_A, x_A : ndarray, shape (y, x)
        Places from the middle of the field [Å].
    size_A : float
        Edge of the field [Å].
    """
    kind = rng.choice(["bulk", "edge", "shell", "film", "grain"], p=[0.3, 0.2, 0.25, 0.15, 0.1])
    depth = _depth(rng, y_A, x_A, size_A)
    ends = np.zeros(3)  # where vacuum, amorphous film and rock salt end [Å of depth]
    half = size_A / 2
    if kind == "bulk":
        ends[:] = -10 * size_A
    elif kind == "edge":
        ends[:] = rng.uniform(-half, 0.6 * half)
        ends[1:] += rng.uniform(3, 30) if rng.random() < 0.7 else 0.0
    elif kind == "shell":
        ends[:] = rng.uniform(-1.5 * half, 0.3 * half)
        ends[1:] += rng.uniform(3, 20) if rng.random() < 0.5 else 0.0
        ends[2] += rng.uniform(8, 70)
    elif kind == "film":
        ends[:] = (-10 * size_A, *[rng.uniform(-half, half)] * 2)
    else:
        ends[:] = (-10 * size_A, -10 * size_A, rng.uniform(-half, half))
    soft = rng.uniform(0.3, 2.0)
    below = [1 / (1 + np.exp(np.clip((depth - end) / soft, -50, 50))) for end in ends]
    vacuum, film, salt = below[0], below[1] - below[0], below[2] - below[1]
    parts = _grains(rng, y_A, x_A, size_A, soft)
    return Layout(1 - below[2], np.maximum(salt, 0) * parts, np.maximum(film, 0), vacuum)


def _depth(rng: np.random.Generator, y: Floats, x: Floats, size: float) -> Floats:
    angle = rng.uniform(0, 2 * math.pi)
    across, along = (
        math.cos(angle) * y + math.sin(angle) * x,
        math.cos(angle) * x - math.sin(angle) * y,
    )
    for _ in range(3):
        period, height = rng.uniform(0.2, 2.0) * size, rng.uniform(0, 0.06) * size
        across = across + height * np.sin(2 * math.pi * (along / period + rng.random()))
    return across


def _grains(rng: np.random.Generator, y: Floats, x: Floats, size: float, soft: float) -> Floats:
    """Return the shares of one to five grains, whose borders lie midway between their seeds."""
    n = int(rng.integers(1, 6))
    seeds = rng.uniform(-size / 2, size / 2, (n, 2))
    away = np.stack([np.hypot(y - a, x - b) for a, b in seeds])
    share = np.exp(-(away - away.min(axis=0)) / soft)
    return share / share.sum(axis=0)
