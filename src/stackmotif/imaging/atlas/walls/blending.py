"""Stacks between walls, each image blended into the next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.rows import displaced_images, flat_stacks
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.walls.canvas import Canvas
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.stacking import Word
from stackmotif.structures.lattices.lattice import get_lattice

if TYPE_CHECKING:
    import torch


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
        return flat_stacks(self.words.stacks(words), self.gap_height_A)

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
        return displaced_images(
            stack,
            self.words.tiles,
            start_A=canvas.start_A[:1],
            step_A=canvas.step_A[:1],
            count=canvas.shape[0],
            x_A=canvas.x_A[None],
            rows=drift.T[None] + moved,
        )[0]

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
