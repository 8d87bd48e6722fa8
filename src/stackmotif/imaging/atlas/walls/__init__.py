"""Lateral walls in images from an atlas: tiles of abrupt walls, and fields of stacks with walls."""

from stackmotif.imaging.atlas.walls.building import (
    WallAtlas,
    assemble_walls,
    build_walls,
    wall_tasks,
)
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.imaging.atlas.walls.recipe import WallRecipe, WallTile
from stackmotif.imaging.atlas.walls.stitching import PreparedWalls
from stackmotif.imaging.atlas.walls.views import needed_tiles

__all__ = [
    "LateralField",
    "PreparedWalls",
    "WallAtlas",
    "WallRecipe",
    "WallTile",
    "assemble_walls",
    "build_walls",
    "needed_tiles",
    "wall_tasks",
]
