r"""What the fillings of different gaps do to each other.

Taking the guests out of a gap changes the mean inner potential there. In a thick crystal, the
changes that two empty gaps make do not add up, in ABF above all (docs/interaction_range.md).
Tiles of O3 with other fillings in one or two of the four gaps nearest to a slab (above u, below l,
next above U, next below V) know by how much. To second order in the fillings, with F the image of
the slab and B all gaps as in O3,

.. math:: F = B + \sum_i F_i + \sum_{i<j} F_{ij}, \quad i, j \in \{u, l, U, V\}.

In the cell of every tile V is empty, since any shift meets there. The sum of a tile and a turned
tile, less the reference (the mean of tile and turned tile), is therefore, e being the empty gap,

.. math:: B + F_u + F_l + (F_{U=e} + F_{V=e}) / 2 + F_{u,V=e} + F_{l,U=e},

and what F is beyond that is added.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.fillings import (
    GAPS,
    Filling,
    is_turned_into_itself,
    pairs,
    singles,
)
from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.recipe import AtlasRecipe, Neighbour, filled_otherwise
from stackmotif.imaging.atlas.views import Views

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

_TURNED: Final = dict(zip(GAPS, "luVU", strict=True))
"""Which gap each one is after a half turn."""
_IN_TILES: Final = {("U",): {"U": 0.5}, ("u", "V"): {"V": 1.0}}
"""How much of an empty gap is in the sum of tiles already, term by term."""


def terms(recipe: AtlasRecipe) -> list[Filling]:
    """Return the terms of a recipe; those that a half turn makes of them are left out."""
    return singles("U", recipe.others) + pairs(recipe.others)


def coupling_rows(atlas: "Atlas", views: Views, filled: Complexes) -> Complexes:
    """Return the images of the terms, shape (term, detector, row, harmonic).

    Parameters
    ----------
    atlas : Atlas
        Whose tiles they are.
    views : Views
        How tiles are turned.
    filled : ndarray of complex128, shape (tile, detector, row, harmonic)
        Tiles of the recipe's ``fillings``.
    """
    tiles = dict(zip(atlas.recipe.fillings, filled, strict=True))
    found = [_term(one, tiles, views) for one in (terms(atlas.recipe) if tiles else ())]
    return np.array(found).reshape(-1, *filled.shape[1:])


def _term(filling: Filling, tiles: dict[Neighbour, Complexes], views: Views) -> Complexes:
    """Return F_i or F_ij: the tile with one or two changes less those with fewer."""
    term = _tile(filling, tiles, views) - _tile({}, tiles, views)
    if len(filling) > 1:
        for gap, element in filling.items():
            term = term - _term({gap: element}, tiles, views)
    return term


def _tile(filling: Filling, tiles: dict[Neighbour, Complexes], views: Views) -> Complexes:
    upright = tiles.get(filled_otherwise(filling))
    if upright is not None:
        return upright
    turned = {_TURNED[gap]: element for gap, element in filling.items()}
    return views.mirrored(views.upside_down(tiles[filled_otherwise(turned)]))


def coupling_weights(stacks: Stacks, recipe: AtlasRecipe) -> Floats:
    """Return how much of each term a slab gets, shape (stack, slab, view * term).

    View 0 is upright, view 1 turned by 180 degrees.
    """
    gaps = _by_element(stacks.fillings, recipe)
    upright = dict(zip(GAPS, (np.roll(gaps, n, axis=1) for n in (0, 1, -1, 2)), strict=True))
    turned = {_TURNED[gap]: share for gap, share in upright.items()}
    return np.concatenate([_weights(recipe, upright), _weights(recipe, turned)], axis=-1)


def _by_element(fillings: Floats, recipe: AtlasRecipe) -> Floats:
    """Return the share of each other element in each gap, whatever the site."""
    belongs = [
        [one.partition("@")[0] == element for element in recipe.others] for one in recipe.guests
    ]
    return fillings @ np.array(belongs, dtype=np.float64)


def _weights(recipe: AtlasRecipe, shares: dict[str, Floats]) -> Floats:
    """Return the weights of all terms in one view, less what the sum of tiles has of them."""
    number = {element: k for k, element in enumerate(recipe.others)}
    weights = []
    for filling in terms(recipe):
        weight = np.ones(shares["u"].shape[:-1])
        gaps = tuple(filling)
        for gap, element in filling.items():
            known = _IN_TILES.get(gaps, {}).get(gap, 0.0) if element == "" else 0.0
            weight = weight * (shares[gap][..., number[element]] - known)
        # Both views show a term that is turned into itself.
        alike = is_turned_into_itself(gaps) and len(set(filling.values())) == 1
        weights.append(weight / 2 if alike else weight)
    return np.stack(weights, axis=-1)
