"""Room hypotheses."""
