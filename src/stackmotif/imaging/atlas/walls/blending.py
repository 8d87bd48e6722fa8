"""Stacks between walls, each image blended into the next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.walls.canvas import Canvas
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.stacking import Word
from stackmotif.structures.lattices.lattice import get_lattice

if TYPE_CHECKING:
    import torch

_COLUMNS_AT_ONCE: Final = 64


class BlendedWords:
    """Images of fields without what abrupt walls add.

    Parameters
    ----------
    words : PreparedAtlas
        Images of words.
    """

    def __init__(self, words: PreparedAtlas) -> None:
        self.words = words
        self.gap_height_A = get_lattice(words.atlas.recipe.lattice).gap_height_A("3")

    def flat(self, words: Sequence[Word]) -> Stacks:
        """Return the stacks of words with all gaps as high as those of O3, as walls have them."""
        stacks = self.words.stacks(words)
        return replace(stacks, gap_heights_A=np.full(stacks.tilts.shape, self.gap_height_A))

    def image(self, field: LateralField, canvas: Canvas) -> "torch.Tensor":
        """Return the image (detector, y, x), not blurred."""
        import torch

        stacks = self.flat(field.words)
        x = canvas.x_A / stacks.pitch_A
        shares, drift = field.shares(x), field.drift(x)
        parts = []
        for zone, moved in enumerate(field.jumped[:, 0]):
            stack = _only(stacks, [zone])
            if field.continuous:
                found = self._by_columns(stack, canvas, drift, float(moved))
            else:
                found = self._whole(stack, canvas, float(moved))
            parts.append(found * shares[zone].to(found.dtype))
        return torch.stack(parts).sum(dim=0)

    def _whole(self, stack: Stacks, canvas: Canvas, moved: float) -> "torch.Tensor":
        """Return one stack whose slab 0 is displaced by some pitches."""
        place = -canvas.start_A
        place = place + place.new_tensor([0.0, moved * stack.pitch_A])
        return self._rendered(stack, canvas, place[None], canvas.shape)[0]

    def _by_columns(
        self, stack: Stacks, canvas: Canvas, drift: "torch.Tensor", moved: float
    ) -> "torch.Tensor":
        """Return one stack with the displacements (x, slab) of every column of points."""
        import torch

        own = torch.as_tensor(stack.shifts, device=drift.device)
        shifts = own + torch.roll(drift, -1, dims=1) - drift
        place_x = (moved + drift[:, 0]) * stack.pitch_A - canvas.x_A
        places = torch.stack([(-canvas.start_A[0]).expand(len(place_x)), place_x], dim=1)
        parts = []
        for begin in range(0, len(places), _COLUMNS_AT_ONCE):
            part = slice(begin, begin + _COLUMNS_AT_ONCE)
            several = _only(stack, [0] * len(places[part])).with_shifts(shifts[part])
            image = self._rendered(several, canvas, places[part], (canvas.shape[0], 1))
            parts.append(image[..., 0])
        return torch.cat(parts).permute(1, 2, 0)

    def _rendered(
        self, stacks: Stacks, canvas: Canvas, places_A: "torch.Tensor", shape: tuple[int, int]
    ) -> "torch.Tensor":
        return self.words.render(
            stacks,
            shape=shape,
            pixel_size_A=1.0,
            position_A=places_A / canvas.step_A,
            scale=1 / canvas.step_A,
            blur_sigma_A=0.0,
        )


def _only(stacks: Stacks, numbers: list[int]) -> Stacks:
    return replace(
        stacks,
        tilts=stacks.tilts[numbers],
        shifts=stacks.shifts[numbers],
        fillings=stacks.fillings[numbers],
        gap_heights_A=stacks.gap_heights_A[numbers],
    )
