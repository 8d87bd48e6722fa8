"""Lateral walls: rows that jump sideways, their widths, units, inclusions and open ends."""

from stackmotif.matching.walls.reading import WallReading, read_walls
from stackmotif.matching.walls.tables import (
    WallStory,
    count_walls,
    units_of_members,
    wall_tables,
    walls_of_cells,
    walls_of_members,
)

__all__ = [
    "WallReading",
    "WallStory",
    "count_walls",
    "read_walls",
    "units_of_members",
    "wall_tables",
    "walls_of_cells",
    "walls_of_members",
]
