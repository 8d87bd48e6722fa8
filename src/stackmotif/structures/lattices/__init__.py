"""Lattices by name: lengths as functions of the guest content, each with its source."""
