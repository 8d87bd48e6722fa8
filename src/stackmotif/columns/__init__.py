"""Images to atomic columns."""

from stackmotif.columns.bias import LARGEST_SHIFT_PX, PositionBias, position_bias
from stackmotif.columns.detection import detect
from stackmotif.columns.dumbbells import merge_dumbbells
from stackmotif.columns.finding import find_columns
from stackmotif.columns.metal import metal_columns
from stackmotif.columns.model import Columns
from stackmotif.columns.refinement import refine
from stackmotif.columns.weak import find_weak_columns

__all__ = [
    "LARGEST_SHIFT_PX",
    "Columns",
    "PositionBias",
    "detect",
    "find_columns",
    "find_weak_columns",
    "merge_dumbbells",
    "metal_columns",
    "position_bias",
    "refine",
]
