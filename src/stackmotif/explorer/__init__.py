"""Room explorer."""
