"""What an abrupt wall adds to the blended stacks on its sides: wall tiles less their blend."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.channels import Signals, signals
from stackmotif.imaging.atlas.recipe import REFERENCE
from stackmotif.imaging.atlas.walls.blending import BlendedWords
from stackmotif.imaging.atlas.walls.building import WallAtlas
from stackmotif.imaging.atlas.walls.canvas import Canvas, fading, sampled
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.imaging.atlas.walls.recipe import JUMPING, WallTile
from stackmotif.imaging.atlas.walls.views import WallView, wall_views
from stackmotif.imaging.microscope import Detector
from stackmotif.structures.lateral.rows import Jump

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.model import Atlas


class WallDifferences:
    """Wall tiles made ready for some detectors at one thickness.

    Parameters
    ----------
    walls : WallAtlas
        Tiles.
    blended : BlendedWords
        Images of the stacks beside a wall.
    detectors : sequence of Detector or str
        As the images of words have them.

    Raises
    ------
    SimulationError
        If the wall tiles belong to another atlas.
    """

    def __init__(
        self, walls: WallAtlas, blended: BlendedWords, detectors: Sequence[Detector | str]
    ) -> None:
        self.walls, self.blended = walls, blended
        atlas = blended.words.atlas
        _check_same(walls, atlas)
        self._seen = [
            _seen(walls, number, atlas, detectors, blended.words.thickness_A)
            for number in range(len(walls.recipe.jumps))
        ]
        self._patches: dict[WallTile, torch.Tensor] = {}

    def check(self, tiles: Iterable[WallTile]) -> None:
        """Refuse walls whose tiles were not built.

        Raises
        ------
        SimulationError
            With the tiles that are missing.
        """
        missing = [tile for tile in tiles if not self.walls.has(tile)]
        if missing:
            told = "; ".join(
                f"jump {one.jump_thirds}/3 in {one.word.format()!r}" for one in missing[:3]
            )
            raise SimulationError(
                f"{len(missing)} wall tiles are missing ({told}); expected them in the wall "
                "atlas: build them"
            )

    def images(
        self, field: LateralField, canvas: Canvas, *, like: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return what all abrupt walls add (detector, y, x)."""
        import torch

        total = torch.zeros_like(like)
        for zone in range(len(field.abrupt)):
            total = total + self._image(field, zone, canvas)
        return total

    def _image(self, field: LateralField, zone: int, canvas: Canvas) -> "torch.Tensor":
        """Return what abrupt wall ``zone`` adds (detector, y, x), in every repeat along c."""
        import torch

        stacks = self.blended.flat([field.word])
        wall, step = field.abrupt[zone], self.walls.recipe.step_A
        patch = torch.stack([self._seen_as(view) for view in wall_views(field, zone)]).sum(dim=0)
        along = sampled(canvas.x_A - wall.start * stacks.pitch_A, patch.shape[2], step)
        period = float(stacks.period_A[0])
        y = canvas.y_A + float(stacks.heights_A[0, wall.jump.slab])
        reach = step * patch.shape[1]
        first = math.floor((-float(y.detach().max()) - reach) / period)
        last = math.ceil((-float(y.detach().min()) + reach) / period)
        repeats = [
            sampled(y + turn * period, patch.shape[1], step) for turn in range(first, last + 1)
        ]
        across = torch.stack(repeats).sum(dim=0)
        return across.to(patch.dtype) @ patch @ along.to(patch.dtype).T

    def _seen_as(self, view: WallView) -> "torch.Tensor":
        """Return the patch of a view (detector, row, column)."""
        patch = self._patch(view.tile) * view.sign
        seen = self._seen[self.walls.recipe.jumps.index(view.tile.jump_thirds)]
        if view.mirror_x:
            patch = patch.flip(2) * patch.new_tensor(seen.x_sign)[:, None, None]
        if view.mirror_y:
            patch = patch.flip(1) * patch.new_tensor(seen.y_sign)[:, None, None]
        return patch

    def _patch(self, tile: WallTile) -> "torch.Tensor":
        import torch

        if tile not in self._patches:
            recipe, words = self.walls.recipe, self.blended.words
            jump, *index = recipe.index(tile)
            shape = recipe.n_rows, recipe.n_columns
            field = LateralField.make(tile.word, [Jump(JUMPING, 0, tile.jump_thirds)])
            with torch.no_grad():
                canvas = self._canvas(field).to(words.device)
                blended = self.blended.images([field], canvas)[0]
            samples = self._seen[jump].samples[tuple(index)]
            whole, window = (
                torch.as_tensor(one, dtype=words.dtype, device=words.device)
                for one in (samples, fading(shape, recipe.step_A))
            )
            self._patches[tile] = (whole - blended) * window
        return self._patches[tile]

    def _canvas(self, field: LateralField) -> Canvas:
        """Return the sample points of a tile around the wall of its own field."""
        import torch

        recipe = self.walls.recipe
        height = float(self.blended.flat([field.word]).heights_A[0, JUMPING])
        middle = field.abrupt[0].start * self.blended.words.atlas.pitch_A
        y, x = (recipe.step_A * (n // 2) for n in (recipe.n_rows, recipe.n_columns))
        return Canvas(
            start_A=torch.tensor([-height - y, middle - x], dtype=torch.float64),
            step_A=torch.full((2,), recipe.step_A, dtype=torch.float64),
            shape=(recipe.n_rows, recipe.n_columns),
        )


def _seen(
    walls: WallAtlas,
    number: int,
    atlas: "Atlas",
    detectors: Sequence[Detector | str],
    thickness_A: float,
) -> Signals:
    """Return what detectors see of the tiles of one jump."""
    samples, guests = walls.samples[number], walls.recipe.guests
    if REFERENCE.guest not in guests:
        # Every atlas has the reference guest; walls need not.
        guests = (*guests, REFERENCE.guest)
        samples = np.concatenate([samples, np.full_like(samples[:, :1], np.nan)], axis=1)
    recipe = replace(
        walls.recipe.atlas,
        guests=guests,
        n_shifts=3,
        n_rows=walls.recipe.n_rows,
        n_columns=walls.recipe.n_columns,
        couplings=False,
    )
    tiles = replace(atlas, samples=samples, recipe=recipe, couplings=samples[0, 0, :0])
    return signals(tiles, detectors, thickness_A=thickness_A)


def _check_same(walls: WallAtlas, atlas: "Atlas") -> None:
    own, other = _compared(walls.recipe.atlas), _compared(atlas.recipe)
    differing = [name for name in own if own[name] != other[name]]
    if differing:
        raise SimulationError(
            f"wall tiles and atlas differ in {', '.join(differing)}; expected wall tiles built "
            "with the recipe of the atlas"
        )


def _compared(recipe: Any) -> dict[str, Any]:
    settings = recipe.settings()
    return {name: settings[name] for name in ("beam", "lattice", "thickness_A", "bin_edges_mrad")}
