"""Motif maps to ranked three-dimensional models."""

from stackmotif.hypotheses.model import Hypothesis
from stackmotif.hypotheses.rank import LEAST_P_CLASS, hypothesize
from stackmotif.hypotheses.write import foreign_in_hypotheses, write_hypotheses

__all__ = [
    "LEAST_P_CLASS",
    "Hypothesis",
    "foreign_in_hypotheses",
    "hypothesize",
    "write_hypotheses",
]
