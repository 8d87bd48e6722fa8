"""Templates from the atlas: a cell of every stacking, at every thickness, in the image's blur.

One patch is a pitch wide and repeats sideways, so that moving it is a roll of its columns.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.serving import SameAtlas
from stackmotif.matching.templates.places import PatchGrid

if TYPE_CHECKING:
    from stackmotif.imaging.atlas import Atlas, PreparedAtlas
    from stackmotif.imaging.atlas.geometry import Stacks
    from stackmotif.imaging.microscope import Detector

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRIPLES: Final = tuple(product(range(3), repeat=3))
"""States (above, middle, below) in the order of the templates: indices into ``STATES``."""
_TILTS: Final = ("RRRR", "LLLL")
_TILTS_WITH_OXYGEN: Final = ("RRRR", "LLLL", "RRLL", "LLRR")
"""Tilts of four slabs, from the bottom: both mirror settings, and a reversal in the middle gap."""
_FILLINGS_WITH_OXYGEN: Final = ("[Li]", "")
_SHOWS_OXYGEN: Final = ("abf", "bf")
_CONTINUED: Final = 3
_LETTER: Final = "+0-"
_COARSEST_A, _FINEST_A = 0.35, 0.1


@dataclass(frozen=True)
class Renderer:
    """An atlas for one detector at all its thicknesses.

    Parameters
    ----------
    atlas : Atlas
        Tiles.
    detector : Detector
        What they are seen with.
    shows_oxygen : bool
        Whether tilts and fillings make different images.
    """

    atlas: "Atlas"
    detector: "Detector"
    shows_oxygen: bool

    @property
    def thicknesses_A(self) -> Floats:
        """Thicknesses [Å]."""
        return np.asarray(self.atlas.thickness_A, dtype=np.float64)

    @property
    def pitch_A(self) -> float:
        """Column pitch of the templates [Å]."""
        return float(self.atlas.pitch_A)

    @property
    def row_spacing_A(self) -> float:
        """Row spacing of the templates, the same in every gap [Å]."""
        return float(self.atlas.slab_height_A + self.atlas.gap_heights_A.mean())

    def grid(self, pixel_size_A: float) -> PatchGrid:
        """Return a patch of one pitch by two row spacings, about as fine as the image."""
        step = float(np.clip(pixel_size_A, _FINEST_A, _COARSEST_A))
        columns = 2 * max(3, round(self.pitch_A / step / 2))
        step = self.pitch_A / columns
        return PatchGrid((round(2 * self.row_spacing_A / step), columns), step)

    def variants(self) -> list[tuple[str, str]]:
        """Return (tilts of the four slabs, guest of the gaps) of the templates of one triple."""
        if self.shows_oxygen:
            return list(product(_TILTS_WITH_OXYGEN, _FILLINGS_WITH_OXYGEN))
        return [(tilts, "[Li]") for tilts in _TILTS]

    def cells(self, grid: PatchGrid, blurs_A: Floats) -> NDArray[np.float32]:
        """Return the cells of all triples, shape (thickness, triple, variant, y, x).

        Parameters
        ----------
        grid : PatchGrid
            Points of a patch.
        blurs_A : ndarray, shape (thickness,)
            Standard deviation of the source at each thickness [Å].
        """
        words = [word_of(t, *v) for t in TRIPLES for v in self.variants()]
        states = np.repeat(np.array(TRIPLES), len(self.variants()), axis=0)
        made = [
            self._render(k, words, states, grid, np.full(len(words), blur))
            for k, blur in enumerate(blurs_A)
        ]
        shape = (len(blurs_A), len(TRIPLES), len(self.variants()), *grid.shape)
        return np.stack(made).reshape(shape)

    def one_cell(
        self, triple: tuple[int, int, int], grid: PatchGrid, blurs_A: Floats
    ) -> NDArray[np.float32]:
        """Return one triple at every thickness and blur, shape (thickness, blur, y, x)."""
        words = [word_of(triple, *self.variants()[0])] * len(blurs_A)
        states = np.repeat(np.array([triple]), len(words), axis=0)
        return np.stack(
            [self._render(k, words, states, grid, blurs_A) for k in range(len(self.thicknesses_A))]
        )

    def _render(
        self, plane: int, words: list[str], states: Ints, grid: PatchGrid, blurs_A: Floats
    ) -> NDArray[np.float32]:
        import torch

        from stackmotif.imaging.atlas.rows import flat_stacks

        prepared = _prepared(SameAtlas(self.atlas), self.detector, plane)
        stacks = _stacks(SameAtlas(self.atlas), tuple(words))
        gap = self.row_spacing_A - float(self.atlas.slab_height_A)
        thirds = (1 - states) / 3.0
        x = grid.step_A * (grid.shape[1] - 1) / 2 - self.pitch_A * (thirds[:, 2] + thirds[:, 1] / 2)
        y = np.full(len(words), grid.step_A * (grid.shape[0] - 1) / 2 + 1.5 * self.row_spacing_A)
        with torch.no_grad():
            images = prepared.render(
                flat_stacks(stacks, gap),
                shape=grid.shape,
                pixel_size_A=grid.step_A,
                position_A=torch.as_tensor(np.stack([y, x], axis=1)),
                blur_sigma_A=torch.as_tensor(np.asarray(blurs_A, dtype=np.float64)),
            )
        return np.asarray(images[:, 0], dtype=np.float32)


def word_of(triple: tuple[int, ...], tilts: str, guest: str) -> str:
    """Return the four slabs of a cell and its neighbours, read along +c.

    >>> word_of((0, 1, 2), "RRRR", "[Li]")
    'R-[Li] R0[Li] R+[Li] R.'
    """
    above, middle, below = (_LETTER[state] for state in triple)
    gaps = zip(tilts[:3], (below, middle, above), strict=True)
    return " ".join(f"{tilt}{state}{guest}" for tilt, state in gaps) + f" {tilts[3]}."


def shows_oxygen(detector: str) -> bool:
    """Return whether tilts show in the images of a detector."""
    return detector in _SHOWS_OXYGEN


@lru_cache(maxsize=8)
def _stacks(same: SameAtlas, words: tuple[str, ...]) -> "Stacks":
    from stackmotif.imaging.atlas.geometry import stacks_of_words

    return stacks_of_words(words, same.atlas, continued=_CONTINUED)


@lru_cache(maxsize=24)
def _prepared(same: SameAtlas, detector: "Detector", plane: int) -> "PreparedAtlas":
    from stackmotif.imaging.atlas import PreparedAtlas

    atlas = same.atlas
    return PreparedAtlas(atlas, [detector], thickness_A=float(atlas.thickness_A[plane]))
