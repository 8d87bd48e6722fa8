"""Values of stitched images at any points: scattered probes, or the pixels of a turned image."""

import math
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.source import blurred, oversampling

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.stitch import PreparedAtlas

LINE_STEP: Final = 0.1
"""Distance of the lines between which points are interpolated, in units of 1 / (2α/λ)."""

_TAPS: Final = 6
_MOST_LINES: Final = 100_000
_POINTS_AT_ONCE: Final = 65_536


def values_at(
    prepared: "PreparedAtlas", stacks: Stacks, points_A: Any, *, blur_sigma_A: Any = None
) -> "torch.Tensor":
    """Return the signals at points, differentiable in points, shifts and blur if tensors.

    Lines are interpolated by polynomials of the fifth degree, which leaves less than 1e-4 of the
    contrast.

    Parameters
    ----------
    prepared : PreparedAtlas
        Tiles.
    stacks : Stacks
        Stacks of slabs.
    points_A : array_like or Tensor, shape (point, 2) or (stack, point, 2)
        Places (y, x) from a metal of slab ``first``; y down [Å].
    blur_sigma_A : float or Tensor
        Standard deviation of the source [Å]; the microscope's by default.

    Returns
    -------
    Tensor, shape (stack, detector, point)

    Raises
    ------
    SimulationError
        If the points have another shape, or are too far apart.
    """
    import torch

    tiles = prepared.tiles
    points = tiles.tensor(points_A)
    points = points[None] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[2] != 2 or points.shape[1] == 0:
        raise SimulationError(
            f"points have shape {tuple(points.shape)}; expected (point, 2) or (stack, point, 2)"
        )
    points = points.expand(len(stacks), -1, -1)
    sigma = tiles.tensor(prepared.source_sigma_A if blur_sigma_A is None else blur_sigma_A)
    step = tiles.tensor([LINE_STEP / tiles.band_per_A])
    fine, pad = oversampling(sigma.detach().reshape(1), step, band_per_A=tiles.band_per_A)
    low, high = (float(one) for one in torch.aminmax(points[..., 0].detach()))
    count = math.ceil((high - low) / float(step)) + _TAPS
    if not count * fine <= _MOST_LINES:
        raise SimulationError(
            f"points are {high - low:.1f} Å apart along y, {count} lines; expected at most "
            f"{_MOST_LINES}: ask for them in parts"
        )
    first = low - (_TAPS // 2 - 1) * step
    start = (first - pad * step / fine).expand(len(stacks))
    lines = prepared.lines(stacks, start, (step / fine).expand(len(stacks)), count, fine, pad)
    if pad:
        lines = blurred(lines, sigma.reshape(1), step / fine, pad, fine)
    parts = [
        _at(lines, points[:, k : k + _POINTS_AT_ONCE], first, step, prepared, stacks, sigma)
        for k in range(0, points.shape[1], _POINTS_AT_ONCE)
    ]
    return torch.cat(parts, dim=2)


def _at(
    lines: "torch.Tensor",
    points: "torch.Tensor",
    first: "torch.Tensor",
    step: "torch.Tensor",
    prepared: "PreparedAtlas",
    stacks: Stacks,
    sigma: "torch.Tensor",
) -> "torch.Tensor":
    import torch

    place = (points[..., 0] - first) / step
    base = (place.detach().floor().long() - (_TAPS // 2 - 1)).clamp(0, lines.shape[2] - _TAPS)
    weights = _lagrange(place - base).to(lines.dtype)
    flat = lines.transpose(1, 2).flatten(2)
    harmonics = torch.zeros((), dtype=lines.dtype, device=lines.device)
    for tap in range(_TAPS):
        found = flat.gather(1, (base + tap)[..., None].expand(-1, -1, flat.shape[2]))
        harmonics = harmonics + found * weights[..., tap, None]
    harmonics = harmonics.unflatten(2, (lines.shape[1], -1))
    waves = prepared.waves(points[..., 1] / stacks.pitch_A, sigma.reshape(1) / stacks.pitch_A)
    return (harmonics * waves.transpose(1, 2)[:, :, None]).sum(dim=-1).transpose(1, 2)


def _lagrange(place: "torch.Tensor") -> "torch.Tensor":
    """Return the weights of the nodes 0 … 5 at a place between them, (…, node)."""
    import torch

    weights = []
    for node in range(_TAPS):
        others = [other for other in range(_TAPS) if other != node]
        weight = torch.ones_like(place)
        for other in others:
            weight = weight * (place - other) / (node - other)
        weights.append(weight)
    return torch.stack(weights, dim=-1)


def turned_pixels_A(
    shape: tuple[int, int],
    *,
    pixel_size_A: float,
    position_A: "torch.Tensor",
    scale: "torch.Tensor",
    rotation_deg: "torch.Tensor",
) -> "torch.Tensor":
    """Return where the pixels of a turned image are in the crystal, (stack, pixel, 2) [Å].

    Parameters
    ----------
    shape : tuple of int
        Pixels (y, x).
    pixel_size_A : float
        Pixel edge [Å].
    position_A, scale : Tensor, shape (1, 2) or (stack, 2)
        Where slab ``first`` has a metal, and magnification along the crystal's (y, x).
    rotation_deg : Tensor, shape (1,) or (stack,)
        Angle by which the crystal is turned about that metal, from x towards y: clockwise as
        displayed.
    """
    import torch

    y, x = (
        torch.arange(n, dtype=torch.float64, device=position_A.device) * pixel_size_A for n in shape
    )
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    down = rows.flatten() - position_A[:, :1]
    right = columns.flatten() - position_A[:, 1:]
    angle = torch.deg2rad(rotation_deg)[:, None]
    cos, sin = torch.cos(angle), torch.sin(angle)
    crystal_y = (down * cos - right * sin) / scale[:, :1]
    crystal_x = (right * cos + down * sin) / scale[:, 1:]
    return torch.stack(torch.broadcast_tensors(crystal_y, crystal_x), dim=-1)
