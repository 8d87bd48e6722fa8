"""Templates from the atlas, matched at the columns: log-evidence beside what geometry reads."""

from stackmotif.matching.templates.correlation import Matches, Patterns, match_patches
from stackmotif.matching.templates.places import PatchGrid, Places
from stackmotif.matching.templates.scoring import score_domains

__all__ = ["Matches", "PatchGrid", "Patterns", "Places", "match_patches", "score_domains"]
