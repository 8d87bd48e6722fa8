"""Columns to motifs: rows, shifts, decoding, domains, and the map that holds them all."""

from stackmotif.matching.calibration import Reference
from stackmotif.matching.checks import HostWindow
from stackmotif.matching.identification import identify
from stackmotif.matching.motif_map import MotifMap, load
from stackmotif.matching.scan import ScanDistortion, measure_scan
from stackmotif.matching.scoring import CellScore, judge_cells, match_columns, score_cells
from stackmotif.matching.statistics import StackingStatistics, stacking_statistics
from stackmotif.matching.tables import TABLES, Table, new_table

__all__ = [
    "TABLES",
    "CellScore",
    "HostWindow",
    "MotifMap",
    "Reference",
    "ScanDistortion",
    "StackingStatistics",
    "Table",
    "identify",
    "judge_cells",
    "load",
    "match_columns",
    "measure_scan",
    "new_table",
    "score_cells",
    "stacking_statistics",
]
