"""Recipes: how the atoms of a catalog entry are built, one kind each.

A recipe translates the ``[recipe]`` table of a ``motif.toml`` into one call into `structures`.
A new kind is a class here and its name in `Recipe`.
"""

from stackmotif.catalog.recipes.base import BaseRecipe
from stackmotif.catalog.recipes.rocksalt import ROCK_SALT_CLASS, RockSaltRecipe
from stackmotif.catalog.recipes.words import StructureRecipe, WordRecipe

Recipe = WordRecipe | StructureRecipe | RockSaltRecipe

__all__ = [
    "ROCK_SALT_CLASS",
    "BaseRecipe",
    "Recipe",
    "RockSaltRecipe",
    "StructureRecipe",
    "WordRecipe",
]
