"""Columns and their bonds as a networkx graph, for selected regions; the arrays stay canonical."""

from stackmotif.matching.graph.building import CROSS_GAP, IN_ROW, column_graph
from stackmotif.matching.graph.grammar import (
    GraphMotif,
    NamedRun,
    grammar_motifs,
    motif_counts,
    name_runs,
)
from stackmotif.matching.graph.patterns import motif_graph
from stackmotif.matching.graph.search import Occurrence, find_motif, together
from stackmotif.matching.graph.units import Unit
from stackmotif.matching.graph.words import Walk, slot_words, walk_up

__all__ = [
    "CROSS_GAP",
    "IN_ROW",
    "GraphMotif",
    "NamedRun",
    "Occurrence",
    "Unit",
    "Walk",
    "column_graph",
    "find_motif",
    "grammar_motifs",
    "motif_counts",
    "motif_graph",
    "name_runs",
    "slot_words",
    "together",
    "walk_up",
]
