"""Which slabs of a stack an image shows, and on which of its lines."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.table import TileTable

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLEND_A: Final = 0.3
"""Half width of the zone in the middle of a gap where two slabs' parts are blended [Å]."""


@dataclass(frozen=True)
class Shown:
    """The slabs that an image shows: which they are, where, and on which of its lines.

    Arrays have the shape (stack, shown slab), ``line`` and ``valid`` (stack, shown slab, line).
    """

    slab: Ints
    ring: Ints
    centre_A: Floats
    line: Ints
    valid: NDArray[np.bool_]

    @classmethod
    def make(
        cls, stacks: Stacks, start: "torch.Tensor", step: "torch.Tensor", count: int
    ) -> "Shown":
        """Return what ``count`` lines show that begin at ``start`` and are ``step`` apart [Å]."""
        first, pace = (np.asarray(one.cpu())[:, None] for one in (start, step))
        margin = stacks.slab_height_A / 2 + BLEND_A
        reach = margin + float(stacks.gap_heights_A.max()) / 2
        slab, ring, centre = _slabs_between(
            stacks, np.minimum(first, first + pace * count) - reach,
            np.maximum(first, first + pace * count) + reach,
        )  # fmt: skip
        above = np.take_along_axis(stacks.gap_heights_A, slab, 1) / 2 + margin
        below = np.take_along_axis(np.roll(stacks.gap_heights_A, 1, axis=1), slab, 1) / 2 + margin
        low = np.ceil((centre - above - first) / pace).astype(np.int64)
        high = np.floor((centre + below - first) / pace).astype(np.int64)
        line = low[..., None] + np.arange(int((high - low).max()) + 1)
        valid = (line >= 0) & (line < count)
        return cls(slab, ring, centre, line, valid)

    def of(self, values: Floats) -> Floats:
        """Return values (stack, slab, …) of the slabs shown."""
        stack = np.minimum(np.arange(len(self.slab)), len(values) - 1)
        return values[stack[:, None], self.slab]

    def away_A(
        self, tiles: TileTable, start: "torch.Tensor", step: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return how far below its slab's metals each line is [Å]."""
        centre, line = tiles.tensor(self.centre_A), tiles.tensor(self.line)
        return start[:, None, None] + step[:, None, None] * line - centre[..., None]

    def phases(self, tiles: TileTable, shifts: "torch.Tensor", first: int) -> "torch.Tensor":
        """Return the place of each slab's metals from those of slab ``first`` [pitches]."""
        import torch

        below = torch.cumsum(shifts, dim=1) - shifts
        phase = (below - below[:, first, None]).gather(1, tiles.indices(self.slab))
        return phase + tiles.tensor(self.ring) * shifts.sum(dim=1, keepdim=True)

    def target(self, count: int) -> Ints:
        """Return the line that each line of a slab adds to, ``count`` where there is none."""
        return np.where(self.valid, self.line, count)


def _slabs_between(stacks: Stacks, low_A: Floats, high_A: Floats) -> tuple[Ints, Ints, Floats]:
    """Return slab, turn of the ring and centre of all slabs with ``low <= y <= high``, from below.

    Every stack gets equally many.
    """
    period, height = stacks.period_A[:, None], stacks.heights_A
    n = height.shape[1]
    turns = np.arange(
        math.floor(float(((-high_A - height.max()) / period).min())),
        math.ceil(float(((-low_A - height.min()) / period).max())) + 1,
    )
    y = -(height[:, None] + turns[:, None] * period[..., None]).reshape(len(height), -1)
    begin = (y > high_A).sum(axis=1)
    shown = int((((y >= low_A) & (y <= high_A)).sum(axis=1)).max())
    pick = np.minimum(begin[:, None] + np.arange(shown), y.shape[1] - 1)
    return pick % n, turns[pick // n], np.take_along_axis(y, pick, 1)


def added(rows: "torch.Tensor", target: "torch.Tensor", count: int) -> "torch.Tensor":
    """Add the lines of all slabs into those of the images."""
    import torch

    n_stacks, width = len(rows), rows.shape[-1]
    offset = torch.arange(n_stacks, device=rows.device)[:, None, None] * (count + 1)
    total = torch.zeros(n_stacks * (count + 1), width, dtype=rows.dtype, device=rows.device)
    total = total.index_add(0, (target + offset).flatten(), rows.reshape(-1, width))
    return total.reshape(n_stacks, count + 1, width)[:, :count]
