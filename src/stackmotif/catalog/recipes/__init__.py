"""Recipes: how the atoms of a catalog entry are built, one kind each.

A recipe translates the ``[recipe]`` table of a ``motif.toml`` into one call into `structures`.
A new kind is a class here and its name in `Recipe`.
"""

from stackmotif.catalog.recipes.base import BaseRecipe
from stackmotif.catalog.recipes.crystals import MonoclinicRecipe
from stackmotif.catalog.recipes.densified import (
    MetalInGapsRecipe,
    OrderedMetalRecipe,
    SpinelRecipe,
)
from stackmotif.catalog.recipes.rocksalt import (
    ROCK_SALT_CLASS,
    CoherentShellRecipe,
    RockSaltRecipe,
)
from stackmotif.catalog.recipes.shells import (
    ChunkRecipe,
    NanocrystalShellRecipe,
    ParticleRecipe,
)
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.catalog.recipes.words import StructureRecipe, WordRecipe

Recipe = (
    WordRecipe
    | StructureRecipe
    | MonoclinicRecipe
    | RockSaltRecipe
    | CoherentShellRecipe
    | NanocrystalShellRecipe
    | ParticleRecipe
    | ChunkRecipe
    | MetalInGapsRecipe
    | OrderedMetalRecipe
    | SpinelRecipe
    | WallRecipe
)

__all__ = [
    "BaseRecipe",
    "ChunkRecipe",
    "CoherentShellRecipe",
    "MetalInGapsRecipe",
    "MonoclinicRecipe",
    "NanocrystalShellRecipe",
    "OrderedMetalRecipe",
    "ParticleRecipe",
    "ROCK_SALT_CLASS",
    "Recipe",
    "RockSaltRecipe",
    "SpinelRecipe",
    "StructureRecipe",
    "WallRecipe",
    "WordRecipe",
]
