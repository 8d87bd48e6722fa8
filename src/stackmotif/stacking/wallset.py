"""Seeded displacement fields with lateral walls: the truth for readers of walls.

Rows are counted from the top of the image and displacements are in thirds of the pitch, as in
`stackmotif.stacking.columnset`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.stacking.columnset import stack_phases

Floats = NDArray[np.float64]

NARROWEST_SQUEEZED: Final = 4
"""Columns over which a squeezed wall spreads at least: abrupt ones leave no room for the atoms."""

_MARGIN: Final = 10
_TRIES: Final = 4000


@dataclass(frozen=True)
class PlantedWall:
    """One row jump of a field.

    Parameters
    ----------
    row : int
        Row that jumps, from the top.
    start : int
        Slot of the last column that has not moved.
    jump_thirds : int
        3 J, positive where the row is stretched.
    width : int
        Pitches over which the jump rises; 1 is abrupt.
    inclusion : int
        Number of the inclusion that the wall belongs to.
    """

    row: int
    start: int
    jump_thirds: int
    width: int
    inclusion: int = -1

    @property
    def kind(self) -> str:
        """``A`` of one column, ``C`` of four or more, else ``narrow``."""
        return "A" if self.width == 1 else "C" if self.width >= NARROWEST_SQUEEZED else "narrow"


def add_wall(phases: Floats, wall: PlantedWall) -> None:
    """Let a row of a field (n_rows, n_slots), in thirds of the pitch, jump at a wall, in place."""
    slots = np.arange(phases.shape[1])
    rise = np.clip((slots - wall.start) / wall.width, 0.0, 1.0)
    phases[wall.row] += wall.jump_thirds * rise


def wall_field(
    *,
    rng: int | np.random.Generator,
    n_rows: int = 40,
    n_slots: int = 80,
    n_inclusions: int = 12,
    widths: Sequence[int] = (1, 4, 6, 8, 10),
    matrix: str = "+",
) -> tuple[Floats, list[PlantedWall]]:
    """Return an O3 field with closed inclusions of one to three rows, and their walls.

    Every row of an inclusion jumps by a third or by two at its left end. At its right end it jumps
    back over `NARROWEST_SQUEEZED` columns or more, or on to a whole pitch: then it lacks a column.
    Squeezed walls are never abrupt. All walls at one end of an inclusion stand within a column of
    each other; those that are stretched have one width.

    Parameters
    ----------
    rng : int or numpy.random.Generator
        Seed or generator.
    n_rows, n_slots : int
        Size of the field.
    n_inclusions : int
        How many inclusions are tried; fewer where there is no room.
    widths : sequence of int
        Widths of the walls [pitch], drawn evenly.
    matrix : str
        State of the gaps around.

    Returns
    -------
    phases : ndarray, shape (n_rows, n_slots)
        Displacements in thirds of the pitch.
    walls : list of PlantedWall
    """
    rng = np.random.default_rng(rng)
    phases = stack_phases(matrix * (n_rows - 1), n_slots)
    taken = np.zeros(phases.shape, dtype=bool)
    walls: list[PlantedWall] = []
    placed = 0
    for _ in range(_TRIES):
        if placed == n_inclusions:
            break
        found = _inclusion(rng, phases.shape, taken, list(widths), placed)
        for wall in found:
            add_wall(phases, wall)
        walls += found
        placed += bool(found)
    return phases, walls


def _inclusion(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    taken: NDArray[np.bool_],
    widths: list[int],
    number: int,
) -> list[PlantedWall]:
    """Draw the walls of one inclusion where there is room for them; none if there is not."""
    rows, length = int(rng.integers(1, 4)), int(rng.integers(14, 32))
    squeezed = [width for width in widths if width >= NARROWEST_SQUEEZED]
    first = int(rng.integers(2, shape[0] - rows - 2))
    left = int(rng.integers(_MARGIN, max(_MARGIN + 1, shape[1] - length - 2 * _MARGIN - 24)))
    place = (slice(first - 2, first + rows + 2), slice(left - 6, left + length + 30))
    if taken[place].any() or left + length + 24 > shape[1]:
        return []
    taken[place] = True
    at_left, at_right = (int(rng.choice(widths)) for _ in range(2))
    at_squeezed = int(rng.choice(squeezed)) if squeezed else 0
    walls = []
    for row in range(first, first + rows):
        jump = int(rng.integers(1, 3))
        start, end = (int(rng.integers(-1, 2)) for _ in range(2))
        back = bool(squeezed) and bool(rng.random() < 0.5)
        walls.append(PlantedWall(row, left + start, jump, at_left, number))
        second, width = (-jump, at_squeezed) if back else (3 - jump, at_right)
        stop = left + at_left + length + end
        walls.append(PlantedWall(row, stop, second, width, number))
    return walls
