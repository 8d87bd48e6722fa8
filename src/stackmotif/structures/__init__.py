"""Room structures."""
