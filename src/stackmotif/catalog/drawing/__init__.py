"""Pictures of motifs, and the page that shows them by family."""
