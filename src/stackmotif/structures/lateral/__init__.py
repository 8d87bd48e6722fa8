"""Lateral walls: stacks whose rows jump sideways."""
