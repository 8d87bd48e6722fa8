"""Lateral walls: rows that jump sideways, their widths, units, inclusions and open ends."""

from stackmotif.matching.walls.leaning import ColumnShapes
from stackmotif.matching.walls.reading import WallReading, read_walls
from stackmotif.matching.walls.scoring import WallScore, score_walls
from stackmotif.matching.walls.tables import (
    WallStory,
    count_walls,
    units_of_members,
    wall_tables,
    walls_of_cells,
    walls_of_members,
)
from stackmotif.matching.walls.unfinished import (
    believe_walls,
    leave_unfinished,
    members_at_walls,
)

__all__ = [
    "ColumnShapes",
    "WallReading",
    "WallScore",
    "WallStory",
    "believe_walls",
    "count_walls",
    "leave_unfinished",
    "members_at_walls",
    "read_walls",
    "score_walls",
    "units_of_members",
    "wall_tables",
    "walls_of_cells",
    "walls_of_members",
]
