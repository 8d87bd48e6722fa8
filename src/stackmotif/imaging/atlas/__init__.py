"""The neighbourhood atlas: images of any stacking, put together from few simulated tiles.

A probe on a slab feels its own slab and the two gaps beside it, and each gap changes the image by
itself: what the gap above adds does not depend on the gap below. One tile for each neighbour that
a slab can have above it is therefore enough for every word (measured in the documentation).
"""

from stackmotif.imaging.atlas.building import assemble_atlas, atlas_tasks, build_atlas, estimate_s
from stackmotif.imaging.atlas.measuring import measure_errors
from stackmotif.imaging.atlas.model import Atlas
from stackmotif.imaging.atlas.recipe import AtlasRecipe, Neighbour
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.store import default_atlas, load_atlas, save_atlas, with_errors

__all__ = [
    "Atlas",
    "AtlasRecipe",
    "Neighbour",
    "PreparedAtlas",
    "assemble_atlas",
    "atlas_tasks",
    "build_atlas",
    "default_atlas",
    "estimate_s",
    "load_atlas",
    "measure_errors",
    "save_atlas",
    "with_errors",
]
