"""Which wall tiles make up a wall of a field, and how it sees them.

What a wall adds to the blended stacks is additive in the gaps above and below its row, like the
images of words:

    D(above, below) = D(above, ref) + D(ref, below) - D(ref, ref),

and the gap below is the gap above of the wall turned by 180 degrees, which keeps jump and shifts
and exchanges left and right. A slab of tilt L is one of tilt R in a mirror.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.recipe import Neighbour
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.imaging.atlas.walls.recipe import WallTile
from stackmotif.stacking import Word
from stackmotif.structures.lateral.rows import Jump


@dataclass(frozen=True)
class WallView:
    """One wall tile as a wall of a field sees it: its sign and its mirrors."""

    tile: WallTile
    sign: float
    mirror_x: bool
    mirror_y: bool


def needed_tiles(word: Word | str, jumps: Sequence[Jump]) -> tuple[WallTile, ...]:
    """Return the wall tiles that a stack with walls needs, each once.

    Raises
    ------
    StructureError, SimulationError
        If the walls make no field, see :class:`LateralField`.

    Examples
    --------
    >>> [one.word.format() for one in needed_tiles("|R+6|", [Jump(3, 7, 1)])]
    ['|R+3 R0|']
    """
    field = LateralField.make(word, jumps)
    return tuple(dict.fromkeys(view.tile for view in all_views(field)))


def all_views(field: LateralField) -> list[WallView]:
    """Return the views of every abrupt wall of a field."""
    return [view for zone in range(len(field.abrupt)) for view in wall_views(field, zone)]


def wall_views(field: LateralField, zone: int) -> list[WallView]:
    """Return the tiles whose signed sum is what an abrupt wall adds."""
    jump, word = field.abrupt[zone].jump, field.words[zone]
    row, step, n = jump.slab, jump.thirds, len(field.word)
    above, below = field.shifts_at(zone)
    mirrored = word.slabs[row].tilt < 0
    over, under = (step - above, -below) if mirrored else (above, below + step)
    upper = _tile(word, row, beside=(row + 1) % n, gap=row, step=step, thirds=over)
    lower = _tile(word, row, beside=(row - 1) % n, gap=(row - 1) % n, step=step, thirds=under)
    reference = WallTile(step, Neighbour(1, "", Fraction((1 + step) % 3, 3)))
    added = [
        WallView(upper, 1.0, mirrored, mirror_y=False),
        WallView(lower, 1.0, not mirrored, mirror_y=True),
    ]
    # The reference is its own turn: where it is also added, both fall away.
    for view in added:
        if view.tile == reference:
            return [one for one in added if one is not view]
    return [*added, WallView(reference, -1.0, mirrored, mirror_y=False)]


def _tile(word: Word, row: int, *, beside: int, gap: int, step: int, thirds: int) -> WallTile:
    guest = word.slabs[gap].guest
    relative = word.slabs[beside].tilt * word.slabs[row].tilt
    name = "" if guest is None else guest.species
    tile = WallTile(step, Neighbour(relative, name, Fraction(thirds % 3, 3)))
    if guest is not None and (guest.occupancy != 1.0 or tile.prismatic):
        raise SimulationError(
            f"gap {gap} of {word.format()!r} is filled at {guest.occupancy:g} per metal beside an "
            "abrupt wall; expected it empty, or full and prismatic on neither side of the wall: "
            "use another engine"
        )
    return tile
