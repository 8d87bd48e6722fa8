"""Motifs in the formats of other programs."""
