"""Room stacking."""
