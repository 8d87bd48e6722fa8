"""The language of stacking: words, gap kinds, canonical forms, projections, shift fields."""

from stackmotif.stacking.field import ShiftField, Wall
from stackmotif.stacking.gaps import SITES, default_site, gap_kind, site_offset
from stackmotif.stacking.gauge import gauge_margin, in_gauge
from stackmotif.stacking.members import enumerate_words, tilt_sequences
from stackmotif.stacking.slab import Guest, Slab, shift_vector
from stackmotif.stacking.word import Word, from_name

__all__ = [
    "SITES",
    "Guest",
    "ShiftField",
    "Slab",
    "Wall",
    "Word",
    "default_site",
    "enumerate_words",
    "from_name",
    "gap_kind",
    "gauge_margin",
    "in_gauge",
    "shift_vector",
    "site_offset",
    "tilt_sequences",
]
