"""Stacks between walls, each image blended into the next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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

    def images(self, fields: Sequence[LateralField], canvas: Canvas) -> "torch.Tensor":
        """Return the images (field, detector, y, x) of equally many slabs each, not blurred."""
        import torch

        sizes = [len(field.words) for field in fields]
        stacks = self.flat([word for field in fields for word in field.words])
        x = canvas.x_A / stacks.pitch_A
        moved = np.concatenate([field.jumped[:, 0] for field in fields])
        if any(field.continuous for field in fields):
            drifts = [field.drift(x).T for field in fields]
            found = self._by_columns(stacks, canvas, torch.stack(drifts), sizes, moved)
        else:
            found = self._whole(stacks, canvas, moved)
        shares = torch.cat([field.shares(x) for field in fields]).to(found.dtype)
        parts = (found * shares[:, None, None]).split(sizes)
        return torch.stack([part.sum(dim=0) for part in parts])

    def _whole(self, stacks: Stacks, canvas: Canvas, moved: NDArray[np.float64]) -> "torch.Tensor":
        """Return stacks whose slabs 0 are displaced by some pitches."""
        import torch

        steps = torch.as_tensor(moved * stacks.pitch_A).to(canvas.start_A)
        places = torch.stack([torch.zeros_like(steps), steps], dim=1) - canvas.start_A
        return self._rendered(stacks, canvas, places, canvas.shape)

    def _by_columns(
        self,
        stacks: Stacks,
        canvas: Canvas,
        drifts: "torch.Tensor",
        sizes: Sequence[int],
        moved: NDArray[np.float64],
    ) -> "torch.Tensor":
        """Return stacks with the displacements (field, slab, x) of every column of points."""
        import torch

        counts = torch.as_tensor(sizes, device=drifts.device)
        steps = torch.as_tensor(moved).to(drifts)[:, None, None]
        return displaced_images(
            stacks,
            self.words.tiles,
            start_A=canvas.start_A[:1],
            step_A=canvas.step_A[:1],
            count=canvas.shape[0],
            x_A=canvas.x_A[None],
            rows=drifts.repeat_interleave(counts, dim=0) + steps,
        )

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
