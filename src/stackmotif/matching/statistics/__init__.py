"""Statistics of motifs: extents, densities, run lengths, pair correlation, and random order."""

from stackmotif.matching.statistics.chunks import measure_chunks
from stackmotif.matching.statistics.densities import motif_densities, poisson_interval
from stackmotif.matching.statistics.extents import motif_extents
from stackmotif.matching.statistics.power import gaps_needed
from stackmotif.matching.statistics.records import FieldRecord, field_record
from stackmotif.matching.statistics.stacking import StackingStatistics, stacking_statistics
from stackmotif.matching.statistics.summary import pooled_statistics, with_statistics

__all__ = [
    "FieldRecord",
    "StackingStatistics",
    "field_record",
    "gaps_needed",
    "measure_chunks",
    "motif_densities",
    "motif_extents",
    "poisson_interval",
    "pooled_statistics",
    "stacking_statistics",
    "with_statistics",
]
