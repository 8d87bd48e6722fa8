"""A slab's part of an image, as a sum of tiles: coefficients, basis functions and window."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.couplings import coupling_weights
from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.layout import BLEND_A, Shown
from stackmotif.imaging.atlas.sampling import row_basis_torch, shift_weights
from stackmotif.imaging.atlas.table import TileTable

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Tiles that add up to each slab.

    Parameters
    ----------
    coefficients : Tensor, shape (stack, slab, part, basis, detector * harmonic * 2)
        Of each tile.
    above_A, below_A : ndarray, shape (stack, slab, part)
        Height of the gaps above and below the slab in each tile [Å].
    """

    coefficients: "torch.Tensor"
    above_A: Floats
    below_A: Floats


def gap_above(stacks: Stacks, tiles: TileTable, side: int) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return what the gap above (side 0) or below (side 1) each slab is, relative to its tilt.

    Returns
    -------
    relative : Tensor, shape (stack, slab, 2)
        1 for the same or the opposite tilt of the slab beyond the gap.
    fillings : Tensor, shape (stack, slab, guest)
    """
    import torch

    other = np.roll(stacks.tilts, -1 if side == 0 else 1, axis=1)
    relative = tiles.tensor(np.stack([stacks.tilts == other, stacks.tilts != other], -1))
    return relative, torch.roll(tiles.tensor(stacks.fillings), side, 1)


def own_tilt(stacks: Stacks, tiles: TileTable) -> "torch.Tensor":
    """Return 1 for each slab's tilt, R or L, shape (stack, slab, 2)."""
    return tiles.tensor(np.stack([stacks.tilts > 0, stacks.tilts < 0], axis=-1))


def couplings_less_reference(
    stacks: Stacks, tiles: TileTable, own: "torch.Tensor"
) -> "torch.Tensor":
    """Return what fillings add to each other less the reference, (stack, slab, coefficient)."""
    less = own.to(tiles.dtype) @ tiles.reference
    if not len(tiles.couplings):
        return -less
    weights = tiles.tensor(coupling_weights(stacks, tiles.recipe))
    chosen = (own[..., None] * weights[:, :, None]).flatten(2)
    return chosen.to(tiles.dtype) @ tiles.couplings - less


def word_parts(stacks: Stacks, shifts: "torch.Tensor", tiles: TileTable) -> Parts:
    """Return three parts: gap above, gap below, and the rest.

    Parameters
    ----------
    stacks : Stacks
        What the slabs are.
    shifts : Tensor, shape (stack, slab)
        Shifts in units of the pitch.
    tiles : TileTable
        Coefficients.
    """
    import torch

    own = own_tilt(stacks, tiles)
    parts, heights = [], []
    for side, table in enumerate(tiles.sides):
        relative, fillings = gap_above(stacks, tiles, side)
        turned = torch.roll(shifts, side, 1) * tiles.tensor(stacks.tilts)
        knots = shift_weights(turned, tiles.n_shifts)
        weights = (
            relative[..., None, None] * fillings[:, :, None, :, None] * knots[:, :, None, None]
        )
        weights = weights.flatten(2)
        heights.append(np.asarray((weights.detach() @ tiles.gap_heights_A.flatten()).cpu()))
        chosen = (own[..., None] * weights[:, :, None]).flatten(2)
        parts.append(chosen.to(tiles.dtype) @ table)
    parts.append(couplings_less_reference(stacks, tiles, own))
    coefficients = torch.stack(parts, dim=2)
    usual = np.full(stacks.tilts.shape, tiles.usual_gap_A)
    return Parts(
        coefficients.reshape(*coefficients.shape[:3], tiles.n_basis, -1),
        above_A=np.stack([heights[0], usual, usual], axis=-1),
        below_A=np.stack([usual, heights[1], usual], axis=-1),
    )


def basis_on_lines(
    stacks: Stacks, shown: Shown, parts: Parts, tiles: TileTable, away_A: "torch.Tensor"
) -> "torch.Tensor":
    """Return each slab's windowed basis functions on its lines.

    Parameters
    ----------
    stacks, shown, parts, tiles
        What is shown.
    away_A : Tensor, shape (stack, shown slab, line)
        Distance of each line below the slab's metals [Å].

    Returns
    -------
    Tensor, shape (stack, shown slab, line, part, basis)
    """
    above = stacks.gap_heights_A
    below = np.roll(above, 1, axis=1)
    half = stacks.slab_height_A / 2
    inside = away_A.clamp(-half, half) * (tiles.slab_height_A / (2 * half))
    high, low = (away_A + half).clamp(max=0), (away_A - half).clamp(min=0)
    stretch_up = tiles.tensor(shown.of(parts.above_A / above[..., None]))
    stretch_down = tiles.tensor(shown.of(parts.below_A / below[..., None]))
    rows = inside[..., None] + high[..., None] * stretch_up[:, :, None]
    rows = (rows + low[..., None] * stretch_down[:, :, None]).to(tiles.dtype)
    basis = row_basis_torch(rows, period_A=tiles.period_A, n=tiles.n_basis // 2)
    up, down = (half + tiles.tensor(shown.of(one))[..., None] / 2 for one in (above, below))
    window = _step((away_A + up) / BLEND_A) * _step((down - away_A) / BLEND_A)
    window = window * tiles.tensor(shown.valid)
    return basis * window[..., None, None].to(tiles.dtype)


def _step(x: "torch.Tensor") -> "torch.Tensor":
    """Return a step from 0 at -1 to 1 at 1, smooth to the second derivative."""
    t = (x.clamp(-1, 1) + 1) / 2
    return t**3 * (t * (6 * t - 15) + 10)
