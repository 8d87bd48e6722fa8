"""Images of stacks whose rows are displaced along themselves, as in continuous lateral walls.

A displaced row shows its tile at the place where its atoms would be without the displacement, and
the gap above it has everywhere the shift that its two rows make there:

    I(x, y) = T_s(x)(x / d - phi(x), y),    s(x) = phi_above(x) - phi(x).

That holds for displacements that change slowly along the row. At an abrupt wall it does not: a
column there has a gap on one side that no tile knows.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.geometry import FINE_SHIFTS, Stacks
from stackmotif.imaging.atlas.layout import Shown, added
from stackmotif.imaging.atlas.parts import (
    Parts,
    basis_on_lines,
    couplings_less_reference,
    gap_above,
    own_tilt,
)
from stackmotif.imaging.atlas.sampling import shift_weights
from stackmotif.imaging.atlas.source import blurred, oversampling
from stackmotif.imaging.atlas.table import TileTable

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.stitch import PreparedAtlas

Floats = NDArray[np.float64]


def flat_stacks(stacks: Stacks, atlas_gap_A: float) -> Stacks:
    """Return stacks all of whose gaps have one height, as rows that change their state must."""
    return replace(stacks, gap_heights_A=np.full_like(stacks.gap_heights_A, atlas_gap_A))


def render_rows(
    prepared: "PreparedAtlas",
    stacks: Stacks,
    *,
    knots_A: Any,
    displacements: Any,
    shape: tuple[int, int],
    pixel_size_A: float,
    position_A: Any = (0.0, 0.0),
    blur_sigma_A: Any = None,
    between_shifts: bool = False,
) -> "torch.Tensor":
    """Return images of stacks whose rows are displaced, differentiable in what is a tensor.

    Parameters
    ----------
    prepared : PreparedAtlas
        Tiles; its atlas has shifts on a fine grid.
    stacks : Stacks
        The stacks where nothing is displaced. Displacements repeat with the ring of slabs.
    knots_A : array_like or Tensor, shape (slab, knot) or (stack, slab, knot)
        Increasing places along the image, from the metal of slab ``first`` [Å].
    displacements : array_like or Tensor, the same shape
        Of each row to the right, in pitches; linear between the knots, constant beyond.
    shape, pixel_size_A, position_A, blur_sigma_A
        See :meth:`PreparedAtlas.render`; one blur for all.
    between_shifts : bool
        Take an atlas with few shifts.

    Returns
    -------
    Tensor, shape (stack, detector, y, x)

    Raises
    ------
    SimulationError
        If the atlas has too few shifts, or the shapes do not fit.
    """
    import torch

    tiles = prepared.tiles
    if tiles.n_shifts < FINE_SHIFTS and not between_shifts:
        raise SimulationError(
            f"the atlas has {tiles.n_shifts} shifts over the pitch; expected {FINE_SHIFTS} or more "
            "where shifts change along the rows"
        )
    knots, moved = (_per_stack(one, stacks, tiles) for one in (knots_A, displacements))
    place = tiles.tensor(position_A).reshape(-1, 2)
    blur = prepared.source_sigma_A if blur_sigma_A is None else blur_sigma_A
    sigma = tiles.tensor(blur).reshape(-1)
    step = tiles.tensor(pixel_size_A).reshape(1)
    fine, pad = oversampling(sigma.detach(), step, band_per_A=tiles.band_per_A)
    counts = [(n - 1) * fine + 1 + 2 * pad for n in shape]
    start = -place - pad * step / fine
    x = start[:, 1:] + step / fine * torch.arange(counts[1], device=tiles.device)
    bend = _displacement(x, knots, moved)
    images = displaced_images(
        stacks, tiles, start_A=start[:, 0], step_A=step / fine, count=counts[0], x_A=x, rows=bend
    )
    if pad:
        images = blurred(images, sigma, step / fine, pad, fine)
        images = blurred(images.transpose(2, 3), sigma, step / fine, pad, fine).transpose(2, 3)
    return images


def _per_stack(values: Any, stacks: Stacks, tiles: TileTable) -> "torch.Tensor":
    given = tiles.tensor(values)
    if given.ndim == 2:
        given = given.expand(len(stacks), *given.shape)
    if given.ndim != 3 or tuple(given.shape[:2]) != stacks.tilts.shape:
        raise SimulationError(
            f"rows are displaced by an array of shape {tuple(np.shape(values))}; expected "
            f"(slab, knot) or (stack, slab, knot) for stacks of shape {stacks.tilts.shape}"
        )
    return given


def _displacement(
    x: "torch.Tensor", knots: "torch.Tensor", moved: "torch.Tensor"
) -> "torch.Tensor":
    """Return the displacement of every row at every place, shape (stack, slab, x) [pitches]."""
    import torch

    places = x[:, None].expand(*knots.shape[:2], -1).contiguous()
    after = torch.searchsorted(knots.detach().contiguous(), places).clamp(1, knots.shape[2] - 1)
    left, right = knots.gather(2, after - 1), knots.gather(2, after)
    share = ((places - left) / (right - left)).clamp(0, 1)
    return (1 - share) * moved.gather(2, after - 1) + share * moved.gather(2, after)


def displaced_images(
    stacks: Stacks,
    tiles: TileTable,
    *,
    start_A: "torch.Tensor",
    step_A: "torch.Tensor",
    count: int,
    x_A: "torch.Tensor",
    rows: "torch.Tensor",
) -> "torch.Tensor":
    """Return images of displaced rows without blur.

    Parameters
    ----------
    stacks, tiles
        The stacks where nothing is displaced, and coefficients.
    start_A, step_A : Tensor, shape (1,) or (stack,)
        First line and distance of the lines, below the metals of slab ``first`` [Å].
    count : int
        Number of lines.
    x_A : Tensor, shape (1, x) or (stack, x)
        Places along the lines [Å].
    rows : Tensor, shape (stack, slab, x)
        Displacement of each row at each place [pitches].

    Returns
    -------
    Tensor, shape (stack, detector, line, x)
    """
    import torch

    shifts = tiles.tensor(stacks.shifts)
    start, step = start_A.expand(len(stacks)), step_A.expand(len(stacks))
    shown = Shown.make(stacks, start.detach(), step.detach(), count)
    parts = _knot_parts(stacks, tiles)
    basis = basis_on_lines(stacks, shown, parts, tiles, shown.away_A(tiles, start, step))
    slab = tiles.indices(shown.slab)
    chosen = parts.coefficients.flatten(2).gather(
        1, slab[..., None].expand(-1, -1, parts.coefficients[0, 0].numel())
    )
    chosen = chosen.reshape(*slab.shape, *parts.coefficients.shape[2:])
    lines = torch.matmul(basis.transpose(2, 3), chosen).transpose(2, 3)
    waves = _waves(stacks, tiles, shown, shifts, x_A, rows)
    n_lines, n_parts = lines.shape[2:4]
    lines = lines.reshape(*slab.shape, n_lines, n_parts, tiles.n_detectors, -1).transpose(3, 4)
    pieces = torch.matmul(lines.flatten(4).flatten(2, 3), waves)
    pieces = pieces.reshape(*slab.shape, n_lines, -1)
    images = added(pieces, tiles.indices(shown.target(count)), count)
    return images.reshape(len(stacks), count, tiles.n_detectors, -1).transpose(1, 2)


def _knot_parts(stacks: Stacks, tiles: TileTable) -> Parts:
    """Return 2 S + 1 parts: every shift of the gap above, of the gap below, and the rest."""
    import torch

    own, n = own_tilt(stacks, tiles), tiles.n_shifts
    parts, heights = [], []
    for side, table in enumerate(tiles.sides):
        relative, fillings = gap_above(stacks, tiles, side)
        weights = torch.einsum("bkc,bkt,bkg->bkctg", own, relative, fillings)
        each = table.reshape(weights[0, 0].numel(), n, -1)
        parts.append(torch.einsum("bkv,vsf->bksf", weights.flatten(2).to(tiles.dtype), each))
        height = torch.einsum("bkt,bkg,tgs->bks", relative, fillings, tiles.gap_heights_A)
        heights.append(np.asarray(height.cpu()))
    parts.append(couplings_less_reference(stacks, tiles, own)[:, :, None])
    coefficients = torch.cat(parts, dim=2)
    usual = np.full((*stacks.tilts.shape, n + 1), tiles.usual_gap_A)
    return Parts(
        coefficients.reshape(*coefficients.shape[:3], tiles.n_basis, -1),
        above_A=np.concatenate([heights[0], usual], axis=-1),
        below_A=np.concatenate([usual[..., :n], heights[1], usual[..., :1]], axis=-1),
    )


def _waves(
    stacks: Stacks,
    tiles: TileTable,
    shown: Shown,
    shifts: "torch.Tensor",
    x: "torch.Tensor",
    bend: "torch.Tensor",
) -> "torch.Tensor":
    """Return weight times harmonic of every part, (stack, shown slab, part * harmonic * 2, x)."""
    import torch

    tilts = tiles.tensor(stacks.tilts)
    above = shifts[..., None] + torch.roll(bend, -1, 1) - bend
    weights = [
        shift_weights(torch.roll(above, side, 1) * tilts[..., None], tiles.n_shifts)
        for side in (0, 1)
    ]
    weight = torch.cat([*weights, torch.ones_like(weights[0][..., :1])], dim=-1).transpose(2, 3)
    slab = tiles.indices(shown.slab)[..., None]
    weight = weight.gather(1, slab[..., None].expand(-1, -1, *weight.shape[2:]))
    phase = shown.phases(tiles, shifts, stacks.first)[..., None]
    phase = phase + bend.gather(1, slab.expand(-1, -1, bend.shape[2]))
    along = x[:, None] / stacks.pitch_A - phase
    m = torch.arange(tiles.n_harmonics, dtype=torch.float64, device=tiles.device)
    angle = 2 * math.pi * (along - along.detach().round())[:, :, None] * m[:, None]
    waves = torch.stack([torch.cos(angle), -torch.sin(angle)], dim=3).flatten(2, 3)
    return (weight[:, :, :, None] * waves[:, :, None]).flatten(2, 3).to(tiles.dtype)
