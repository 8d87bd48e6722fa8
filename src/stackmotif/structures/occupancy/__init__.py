"""Whole atoms on mixed sites: random, quasirandom or given."""
