"""Images to atomic columns."""

from stackmotif.columns.detection import detect
from stackmotif.columns.finding import find_columns
from stackmotif.columns.model import Columns
from stackmotif.columns.refinement import refine

__all__ = ["Columns", "detect", "find_columns", "refine"]
