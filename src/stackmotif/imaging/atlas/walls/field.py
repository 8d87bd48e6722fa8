"""Where the rows of a stack with walls are displaced, and which stack stands between the walls.

x is measured from the metal of slab 0 and column 0, in units of the pitch. An abrupt wall is
centred in the cut that it opens; a continuous one stretches its row linearly, so that a displaced
place x has the displacement J (x - x_begin) / (n + J), between 0 and J.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.stacking import Word, word_after
from stackmotif.structures.lateral.plan import closed_word, walls_by_slab
from stackmotif.structures.lateral.rows import Jump

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]

BLEND_PITCHES: Final = 0.75
"""Half width of the zone at an abrupt wall where the stacks on its sides are blended."""
_THIRD_TOLERANCE: Final = 0.02


@dataclass(frozen=True)
class PlacedWall:
    """A wall of a field: the jump, the row, and where along it the wall is.

    Parameters
    ----------
    jump : Jump
        As the model builder takes it.
    start : float
        Middle of an abrupt wall's cut, or the beginning of a continuous wall [pitch].
    """

    jump: Jump
    start: float

    @property
    def abrupt(self) -> bool:
        """Whether the wall is abrupt."""
        return self.jump.width == 1


@dataclass(frozen=True)
class LateralField:
    """A stack whose rows have walls.

    Parameters
    ----------
    word : Word
        The stack at the left, closed along c where it is periodic.
    walls : tuple of PlacedWall
        Continuous walls, and abrupt ones from left to right.
    """

    word: Word
    walls: tuple[PlacedWall, ...]

    @classmethod
    def make(cls, word: Word | str, jumps: Sequence[Jump]) -> "LateralField":
        """Return the field of a word and walls as `stackmotif.structures.build_lateral` takes them.

        Raises
        ------
        StructureError
            If the word has no closed stack, a wall is in no slab, or walls overlap.
        SimulationError
            If the word is finite, or an abrupt wall squeezes its row.
        """
        closed = closed_word(word)
        if not closed.periodic:
            raise SimulationError(
                f"word {closed.format()!r} is finite and the atlas has no surfaces; expected a "
                "periodic word, or another engine"
            )
        placed = []
        for slab, walls in walls_by_slab(jumps, closed).items():
            place = _phase(closed, slab)
            for jump in walls:
                placed.append(_placed(jump, place))
                place += jump.thirds / 3
        return cls(closed, tuple(sorted(placed, key=lambda wall: wall.start)))

    @property
    def abrupt(self) -> tuple[PlacedWall, ...]:
        """The abrupt walls, from left to right."""
        return tuple(wall for wall in self.walls if wall.abrupt)

    @property
    def continuous(self) -> tuple[PlacedWall, ...]:
        """The continuous walls."""
        return tuple(wall for wall in self.walls if not wall.abrupt)

    @property
    def words(self) -> tuple[Word, ...]:
        """The stacks between abrupt walls, one more than these, continuous walls left out."""
        jumps: dict[int, int] = {}
        words = [self.word]
        for wall in self.abrupt:
            jumps[wall.jump.slab] = jumps.get(wall.jump.slab, 0) + wall.jump.thirds
            words.append(word_after(self.word, jumps))
        return tuple(words)

    @property
    def jumped(self) -> Floats:
        """Displacement of each row by the abrupt walls to the left, shape (zone, slab) [pitch]."""
        steps = np.zeros((len(self.abrupt) + 1, len(self.word)))
        for zone, wall in enumerate(self.abrupt):
            steps[zone + 1, wall.jump.slab] = wall.jump.thirds / 3
        return np.cumsum(steps, axis=0)

    def drift(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the displacement by continuous walls at places x, shape (x, slab) [pitch]."""
        import torch

        columns = [torch.zeros_like(x) for _ in range(len(self.word))]
        for wall in self.continuous:
            share = wall.jump.thirds / 3
            done = ((x - wall.start) / (wall.jump.width + share)).clamp(0, 1)
            columns[wall.jump.slab] = columns[wall.jump.slab] + share * done
        return torch.stack(columns, dim=1)

    def shares(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the share of each zone's stack at places x, shape (zone, x); they sum to 1."""
        import torch

        steps = [smooth_step((x - wall.start) / BLEND_PITCHES) for wall in self.abrupt]
        shares, passed = [], torch.ones_like(x)
        for step in steps:
            shares.append(passed * (1 - step))
            passed = passed * step
        return torch.stack([*shares, passed])

    def shifts_at(self, zone: int) -> tuple[int, int]:
        """Return the shifts above and below the row of abrupt wall ``zone``, left of it [thirds].

        Raises
        ------
        SimulationError
            If the wall stands inside a continuous one, which has no tile.
        """
        import torch

        wall, word = self.abrupt[zone], self.words[zone]
        drift = self.drift(torch.tensor([wall.start], dtype=torch.float64))[0].tolist()
        row, n = wall.jump.slab, len(word)
        above = self._thirds(word, row, drift[(row + 1) % n] - drift[row], wall)
        below = self._thirds(word, (row - 1) % n, drift[row] - drift[(row - 1) % n], wall)
        return above, below

    def _thirds(self, word: Word, gap: int, drift: float, wall: PlacedWall) -> int:
        thirds = 3 * drift + int(word.slabs[gap].shift or 0)  # type: ignore[arg-type]
        if abs(thirds - round(thirds)) > _THIRD_TOLERANCE:
            raise SimulationError(
                f"abrupt wall of slab {wall.jump.slab} at column {wall.jump.column:g} stands "
                f"inside a continuous wall, where gap {gap} has a shift of {thirds / 3:.3f} pitch; "
                "expected it beside: use another engine"
            )
        return (round(thirds) + 1) % 3 - 1


def smooth_step(x: "torch.Tensor") -> "torch.Tensor":
    """Return a step from 0 at -1 to 1 at 1, smooth to the second derivative."""
    t = (x.clamp(-1, 1) + 1) / 2
    return t**3 * (t * (6 * t - 15) + 10)


def _phase(word: Word, slab: int) -> float:
    """Return the place of a row's first metal at the left end, as the builder puts it [pitch]."""
    thirds: Any = sum(one.shift for one in word.slabs[:slab])  # type: ignore[misc]
    return ((thirds + 1) % 3 - 1) / 3


def _placed(jump: Jump, place: float) -> PlacedWall:
    share = jump.thirds / 3
    if jump.width > 1:
        return PlacedWall(jump, place + jump.column)
    if share < 0:
        raise SimulationError(
            f"wall in slab {jump.slab} squeezes its row by {-jump.thirds}/3 pitch in one column; "
            "expected an abrupt wall to stretch it: make it continuous with width=4 or more"
        )
    # The builder displaces every column beyond the cut, which lies half a pitch behind the column.
    return PlacedWall(jump, place + math.ceil(jump.column + 0.5) - 0.5 + share / 2)
