"""Layered crystals of a scene: random stackings whose rows have lateral walls."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas import PreparedAtlas, default_atlas
from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.references import random_words
from stackmotif.imaging.atlas.rows import displaced_images, flat_stacks
from stackmotif.imaging.microscope import Microscope
from stackmotif.stacking import Word

Floats = NDArray[np.float64]

SCOPE: Final = "stem-300kV"
STEP_A: Final = 0.25
"""Distance of the points at which crystals are drawn before they are turned into the field [Å]."""
MAX_WALLS: Final = 4
WIDTHS: Final = (1, 1, 3, 5, 8)
"""Columns over which a row goes from one place to the next; 1 is an abrupt wall."""
_FAULTED: Final = 0.15
_UNFINISHED: Final = 0.1
"""A shift this far [pitch] from the nearest third belongs to a wall."""


@lru_cache(maxsize=24)
def prepared(detector: str, thickness_A: float) -> PreparedAtlas:
    """Return the default atlas for one detector at one of its thicknesses."""
    known = Microscope.preset(SCOPE).detectors
    chosen = [one for one in known if one.name == detector]
    return PreparedAtlas(default_atlas(), chosen, thickness_A=thickness_A)


@dataclass(frozen=True)
class Stack:
    """A stack whose rows are displaced along themselves.

    Parameters
    ----------
    stacks : Stacks
        One ring of slabs as high as the field.
    moved : ndarray, shape (slab, x)
        Displacement of every row on the grid of ``x_A`` [pitch].
    x_A : ndarray, shape (x,)
        Places from the middle of the field along the rows [Å].
    """

    stacks: Stacks
    moved: Floats
    x_A: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, reach_A: float) -> "Stack":
        """Draw a stack that covers a square of half edge ``reach_A`` around its middle."""
        atlas = default_atlas()
        gap = float(atlas.gap_heights_A.mean())
        spacing = atlas.slab_height_A + gap
        n = int(np.ceil(2 * (reach_A + spacing) / spacing))
        word = _word(rng, n)
        stacks = flat_stacks(prepared("ADF", 80.0).stacks([word]), gap)
        x = np.arange(-reach_A, reach_A + STEP_A, STEP_A)
        return cls(stacks, _walls(rng, n, x, stacks.pitch_A), x)

    @property
    def spacing_A(self) -> float:
        """Distance of the rows [Å]."""
        return float(self.stacks.period_A[0]) / len(self.moved)

    def image(self, detector: str, thickness_A: float) -> NDArray[np.float32]:
        """Return the image (v, u) on the square grid of ``x_A`` in both directions."""
        import torch

        tiles = prepared(detector, thickness_A).tiles
        x = torch.as_tensor(self.x_A)
        # The ring's first metal stands at the bottom edge.
        start = torch.tensor([-len(self.moved) * self.spacing_A + self.spacing_A / 2])
        with torch.no_grad():
            found = displaced_images(
                self.stacks,
                tiles,
                start_A=start.to(torch.float64),
                step_A=torch.tensor([STEP_A], dtype=torch.float64),
                count=len(self.x_A),
                x_A=x[None],
                rows=torch.as_tensor(self.moved)[None],
            )
        return np.asarray(found[0, 0], dtype=np.float32)

    @property
    def heights_A(self) -> Floats:
        """Height v of each row in the image, downwards from its middle [Å]."""
        first = self.x_A[0] + (len(self.moved) - 0.5) * self.spacing_A
        return first - self.spacing_A * np.arange(len(self.moved))

    def columns_A(self) -> Floats:
        """Return the metal columns (v, u) [Å] from the middle of the field."""
        pitch = self.stacks.pitch_A
        phase = np.concatenate([[0.0], np.cumsum(self.stacks.shifts[0])[:-1]])
        reach = int(self.x_A[-1] / pitch) + 3
        u = np.arange(-reach, reach + 1)[None] + np.mod(phase, 1.0)[:, None]
        place = u.copy()
        for _ in range(12):
            drift = np.stack(
                [np.interp(p * pitch, self.x_A, m) for p, m in zip(place, self.moved, strict=True)]
            )
            place = u + drift
        v = np.broadcast_to(self.heights_A[:, None], u.shape)
        return np.stack([v.ravel(), pitch * place.ravel()], axis=1)

    def phase(self) -> NDArray[np.int8]:
        """Return the phase (v, u) of every point: O3, O1, or unknown inside a wall."""
        shift = self.stacks.shifts[0][:, None] + np.roll(self.moved, -1, axis=0) - self.moved
        shift = shift - np.round(shift)
        thirds = np.round(3 * shift)
        kind = np.where(thirds == 0, 1, 0)
        kind[np.abs(3 * shift - thirds) > 3 * _UNFINISHED] = -1
        v = self.x_A[0] + STEP_A * np.arange(len(self.x_A))
        below = np.floor((self.heights_A[0] - v) / self.spacing_A).astype(int) % len(self.moved)
        return kind[below].astype(np.int8)


def _word(rng: np.random.Generator, n: int) -> Word:
    """Return O3 with faults, O1, an intergrowth, or a random word of ``n`` slabs."""
    draw = int(rng.integers(1 << 31))
    if rng.random() < 0.4:
        return random_words(4, rng=draw, n_slabs=n)[int(rng.integers(4))]
    sense, guest = rng.choice([1, -1]), "[Li]" if rng.random() < 0.5 else ""
    states = np.full(n, 0 if rng.random() < 0.3 else sense)
    start, size = int(rng.integers(n)), int(rng.integers(0, n))
    states[(start + np.arange(size)) % n] = rng.choice([0, 1, -1])
    faulted = rng.random(n) < rng.choice([0.0, _FAULTED, 2 * _FAULTED])
    states[faulted] = rng.integers(-1, 2, faulted.sum())
    states[-1] = (-int(states[:-1].sum()) + 1) % 3 - 1
    tilt = "R" if sense > 0 else "L"
    signs = {1: "+", 0: "0", -1: "-"}
    return Word.parse("|" + " ".join(f"{tilt}{signs[int(s)]}{guest}" for s in states) + "|")


def _walls(rng: np.random.Generator, n: int, x_A: Floats, pitch_A: float) -> Floats:
    """Return displacements of rows: blocks of rows that glide by thirds at a wall."""
    moved = np.zeros((n, len(x_A)))
    for _ in range(int(rng.integers(0, MAX_WALLS + 1)) if rng.random() < 0.5 else 0):
        width = max(0.75, float(rng.choice(WIDTHS))) * pitch_A
        start = rng.uniform(x_A[0], x_A[-1])
        rows = (int(rng.integers(n)) + np.arange(int(rng.integers(1, n)))) % n
        step = rng.choice([-1, 1]) / 3 * np.clip((x_A - start) / width, 0, 1)
        if rng.random() < 0.5:
            stop = start + rng.uniform(10, 60)
            step = step - step[-1] * np.clip((x_A - stop) / width, 0, 1)
        moved[rows] += step
    return moved
