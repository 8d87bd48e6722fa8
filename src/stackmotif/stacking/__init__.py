"""The language of stacking: words, gap kinds, canonical forms, projections, shift fields."""

from stackmotif.stacking.field import ShiftField, Wall
from stackmotif.stacking.gaps import SITES, default_site, gap_kind, site_offset
from stackmotif.stacking.gauge import gauge_margin, in_gauge
from stackmotif.stacking.members import enumerate_words, tilt_sequences
from stackmotif.stacking.slab import Guest, Slab, shift_vector
from stackmotif.stacking.wall_laws import check_row_closes, inclusion_jumps, word_after
from stackmotif.stacking.walls import (
    JUMPS,
    WALL_CLASSES,
    GapWall,
    OneRowWall,
    classify_wall,
    gap_walls,
    one_row_walls,
    state_after,
    structural_unit,
)
from stackmotif.stacking.word import Word, from_name

__all__ = [
    "JUMPS",
    "SITES",
    "WALL_CLASSES",
    "GapWall",
    "Guest",
    "OneRowWall",
    "ShiftField",
    "Slab",
    "Wall",
    "Word",
    "check_row_closes",
    "classify_wall",
    "default_site",
    "enumerate_words",
    "from_name",
    "gap_kind",
    "gap_walls",
    "gauge_margin",
    "in_gauge",
    "inclusion_jumps",
    "one_row_walls",
    "shift_vector",
    "site_offset",
    "state_after",
    "structural_unit",
    "tilt_sequences",
    "word_after",
]
