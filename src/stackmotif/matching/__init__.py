"""Columns to motifs."""
